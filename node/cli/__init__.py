"""The command line: arguments in, exit codes out; everything heavy is imported when it is used.

Each module holds one group of commands; `program` joins them.
"""

from node.cli.program import main

__all__ = ["main"]
