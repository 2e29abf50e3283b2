"""What must survive a crash, and what an operator may ask about later: one SQLite file.

It judges no completion. What is written once is linked into a hash chain, so that it can be proven
later that nothing of it was changed.
"""

from node.ledger.chain import Head
from node.ledger.ledger import SETTINGS, Closing, Envelope, Ledger
from node.ledger.rows import Count, Wanted

__all__ = ["SETTINGS", "Closing", "Count", "Envelope", "Head", "Ledger", "Wanted"]
