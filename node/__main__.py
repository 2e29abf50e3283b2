"""`python -m node` is `drl-node`."""

from node.cli import main

main()
