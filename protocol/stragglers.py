"""Who was heard in a round that is long over here: they come after, or old words are said again."""

from dataclasses import dataclass

from protocol.constants import AUTHORS_MAX
from protocol.identity import PeerId


@dataclass(frozen=True, slots=True)
class _Straggler:
    """One author.

    Args:
        last_round: The latest round it was heard in.
        heard_in: The round that this node was in then.
    """

    last_round: int
    heard_in: int


class Stragglers:
    """Remembers where authors were heard; of too many, whoever gave no news for longest goes."""

    def __init__(self) -> None:
        self._known: dict[PeerId, _Straggler] = {}

    def is_news(self, author: PeerId, round_index: int) -> bool:
        """Whether an author was not known to be that far: what was said once can be said again."""
        known = self._known.get(author)
        return known is None or round_index > known.last_round

    def note(self, author: PeerId, round_index: int, *, here: int) -> None:
        """Remember an author's news.

        Args:
            author: Who signed something.
            round_index: The round it is for.
            here: The round that this node is in.
        """
        if not self.is_news(author, round_index):
            return
        self.forget(author)
        while len(self._known) >= AUTHORS_MAX:
            del self._known[next(iter(self._known))]
        self._known[author] = _Straggler(round_index, here)

    def forget(self, author: PeerId) -> None:
        """Forget an author: it is none any more, or nothing is taken of it."""
        self._known.pop(author, None)

    def heard_since(self, here: int) -> int:
        """Return how many gave news since this node came to a round."""
        return sum(one.heard_in >= here for one in self._known.values())
