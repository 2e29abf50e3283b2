"""What must survive a crash, and what an operator may ask about later: one SQLite file.

It knows nothing of what signed bytes mean, and judges no completion.
"""

from node.ledger.ledger import SETTINGS, Envelope, Ledger
from node.ledger.rows import Count, Wanted

__all__ = ["SETTINGS", "Count", "Envelope", "Ledger", "Wanted"]
