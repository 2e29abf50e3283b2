"""What must survive a crash, and what an operator may ask about later: one SQLite file.

It judges no completion. What is written once is linked into a hash chain, so that it can be proven
later that nothing of it was changed.
"""

from node.ledger.chain import Head
from node.ledger.ledger import SETTINGS, Closing, Envelope, Ledger
from node.ledger.opening import version_at
from node.ledger.rows import Count, Wanted
from node.ledger.schema import VERSION

__all__ = [
    "SETTINGS",
    "VERSION",
    "Closing",
    "Count",
    "Envelope",
    "Head",
    "Ledger",
    "Wanted",
    "version_at",
]
