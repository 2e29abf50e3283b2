"""What does not fit in a ledger, in words that say where, what, and what to do."""

from dataclasses import dataclass

LOST = (
    "Something other than drl-node has written into the ledger, or the disk has. Stop the node "
    "and put back a copy that fits, if it is no older than what was published since; else move "
    "the ledger away, and identity.key with it, so that nothing is signed twice."
)

GIVE_UP = (
    "Do not rely on the verdicts of that round: something other than drl-node has changed them, "
    "or the disk has. The node itself does not need them."
)


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that is not as it was written.

    Args:
        where: A round, a link, a table.
        expected: What should be there.
        found: What is.
        fix: What the operator can do.
    """

    where: str
    expected: str
    found: str
    fix: str
