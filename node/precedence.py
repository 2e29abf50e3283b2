"""Who makes room for whom where there is none left for all: in seats, and in a round's places.

Names cost nothing, so whoever came first must not keep out whom this node knows better. It knows
names and counts; whoever holds the places asks it, and it keeps none.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum

from node.faults import Fault
from protocol.identity import PeerId

RECORD_ROUNDS = 20
"""How many rounds back findings speak for an author, or against it. Changing breaks: nothing."""

Records = Callable[[int], Mapping[PeerId, int]]
"""From a round on: by author, the completions that were clean less those that were refused."""


class Rank(IntEnum):
    """How well an author is known here; the higher stays."""

    DISCREDITED = 0
    """What it handed in lately was refused, mostly: even a new name is better."""
    STRANGER = 1
    """It said nothing for the last rounds; what it says for later ones does not make it known."""
    HEARD = 2
    """It spoke for the last rounds, and nothing was found for it or against it."""
    PROVEN = 3
    """What it handed in lately was clean, mostly."""
    TRUSTED = 4
    """The operator's word."""
    OWN = 5
    """This node."""


def nobody(_author: PeerId) -> bool:
    """Trust no author in particular."""
    return False


class Precedence:
    """Ranks authors, the same for as long as a round is open, but for the operator's word.

    Args:
        me: This node.
        records: What was found of authors; asked once a round, and only where places are short.
        is_trusted: Whether the operator trusts an author.
    """

    def __init__(
        self, me: PeerId, records: Records, is_trusted: Callable[[PeerId], bool] = nobody
    ) -> None:
        self._me = me
        self._records = records
        self._is_trusted = is_trusted
        self._heard: frozenset[PeerId] = frozenset()
        self._since = 0
        self._found: Mapping[PeerId, int] | None = None

    def begin(self, round_index: int, heard: Iterable[PeerId]) -> None:
        """Begin a round.

        Args:
            round_index: 0-based round.
            heard: Who spoke for the last rounds before.
        """
        self._heard = frozenset(heard)
        self._since = max(0, round_index - RECORD_ROUNDS)
        self._found = None

    def rank(self, author: PeerId) -> Rank:
        """Return how well an author is known."""
        if author == self._me:
            return Rank.OWN
        if self._is_trusted(author):
            return Rank.TRUSTED
        found = self._findings().get(author, 0)
        if found:
            return Rank.PROVEN if found > 0 else Rank.DISCREDITED
        return Rank.HEARD if author in self._heard else Rank.STRANGER

    def _findings(self) -> Mapping[PeerId, int]:
        if self._found is None:
            try:
                self._found = self._records(self._since)
            except Fault:  # of the ledger: whoever closes the round meets it, too
                self._found = {}
        return self._found
