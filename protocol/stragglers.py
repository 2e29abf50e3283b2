"""Who comes after this node, heard in rounds below its own, and how long they may hold it."""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.constants import AUTHORS_MAX
from protocol.identity import PeerId

HELD_MAX = 256
"""Changing breaks: nothing on the wire. Deadlines that those who come after may cost a node."""

HELD_ROUNDS = 8
"""Changing breaks: nothing on the wire. Rounds in which one of those deadlines is forgotten."""


@dataclass(frozen=True, slots=True)
class _Word:
    """What was heard last of an author.

    Args:
        round_index: The round it was for.
        heard_in: The round that this node was in.
    """

    round_index: int
    heard_in: int


class News:
    """The latest round of each author; of too many, whoever gave no news for longest goes."""

    def __init__(self) -> None:
        self._words: dict[PeerId, _Word] = {}

    def is_news(self, author: PeerId, round_index: int) -> bool:
        """Whether an author was not known to be that far: what was said once can be said again."""
        known = self._words.get(author)
        return known is None or round_index > known.round_index

    def note(self, author: PeerId, round_index: int, *, here: int) -> None:
        """Remember an author's round, if that is news.

        Args:
            author: Who signed something.
            round_index: The round it is for.
            here: The round that this node is in.
        """
        if not self.is_news(author, round_index):
            return
        self.forget(author)
        while len(self._words) >= AUTHORS_MAX:
            del self._words[next(iter(self._words))]
        self._words[author] = _Word(round_index, here)

    def forget(self, author: PeerId) -> None:
        """Forget an author."""
        self._words.pop(author, None)

    def heard_since(self, here: int) -> tuple[PeerId, ...]:
        """Return of whom there was news since this node came to a round; sorted."""
        return tuple(sorted(one for one, word in self._words.items() if word.heard_in >= here))


class Stragglers:
    """Whether a node should wait for those who come after it.

    Nodes that were cut off from the others and are faster would else stay ahead of them for good.
    """

    def __init__(self) -> None:
        self._news = News()
        self._held = 0

    def heard(self, author: PeerId, round_index: int, *, here: int) -> None:
        """Note the latest round of an author; whoever is here, or further, is no straggler."""
        if round_index < here:
            self._news.note(author, round_index, here=here)
        else:
            self._news.forget(author)

    def forget(self, author: PeerId) -> None:
        """Forget an author of whom nothing is taken any more."""
        self._news.forget(author)

    def begin(self, round_index: int) -> None:
        """Forgive one deadline now and then."""
        if round_index % HELD_ROUNDS == 0:
            self._held = max(0, self._held - 1)

    def cost_a_deadline(self) -> None:
        """Note that a round lasted until its deadline for their sake alone."""
        self._held += 1

    def coming(self, here: int) -> tuple[PeerId, ...]:
        """Return who gave news since the round before this one began; sorted."""
        return self._news.heard_since(here - 1)

    def outnumber(self, last_rounds: Sequence[int], here: int) -> bool:
        """Whether they are more than those who are with this node, and to be waited for.

        Where most of its company has gone on without them, it would only lose these as well.

        Args:
            last_rounds: The latest rounds of all who are not far behind.
            here: The round that this node is in.
        """
        company = sum(last >= here for last in last_rounds)
        gone_on = sum(last > here for last in last_rounds)
        coming = len(self.coming(here))
        return self._held < HELD_MAX and coming > company and 2 * gone_on <= company
