"""Between the mesh's pace and the round's: contributions wait here for their round, bounded.

It knows nothing of how they arrived or what they are worth, but who makes room for whom.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import trio

from protocol.admission import Rank, as_equals, giving_way
from protocol.contribution import Contribution
from protocol.identity import PeerId


@dataclass(slots=True)
class _Round:
    """One round's places.

    Args:
        places: Contributions by prompt, by author; in the order in which authors came.
        turned_away: Who found no place, or gave its up: whatever it says more of the round would
            make half of what it said.
    """

    places: dict[PeerId, dict[int, Contribution]] = field(default_factory=dict)
    turned_away: set[PeerId] = field(default_factory=set)


class Mailbox:
    """Contributions by round, author and prompt.

    Args:
        authors_max: How many authors' contributions of one round are kept. How many prompts each
            answers is bounded by admission.
        rank: Who gives its place up for whom.
        rounds_max: How many rounds are kept at once: the running one and those held ahead.
    """

    def __init__(self, *, authors_max: int, rank: Rank = as_equals, rounds_max: int = 3) -> None:
        self._authors_max = authors_max
        self._rank = rank
        self._rounds_max = rounds_max
        self._rounds: dict[int, _Round] = {}
        self._changed = trio.Event()

    def reserve(self, round_index: int, author: PeerId) -> bool:
        """Whether an author has a place in a round, or is given one, perhaps another's.

        A place goes only to an author of higher rank than who had it, so however many names come,
        each place changes hands no more often than there are ranks.
        """
        kept = self._rounds.get(round_index)
        if kept is None:
            if len(self._rounds) >= self._rounds_max:
                return False
            kept = self._rounds[round_index] = _Round()
        if author in kept.turned_away:
            return False
        if author in kept.places:
            return True
        if len(kept.places) >= self._authors_max:
            displaced = giving_way(author, kept.places, self._rank)
            kept.turned_away.add(author if displaced is None else displaced)
            if displaced is None:
                return False
            del kept.places[displaced]
        kept.places[author] = {}
        return True

    def offer(self, contribution: Contribution) -> bool:
        """Keep a contribution for its round; false where it finds no place or its slot taken."""
        if not self.reserve(contribution.round_index, contribution.author):
            return False
        held = self._rounds[contribution.round_index].places[contribution.author]
        if contribution.prompt_index in held:
            return False
        held[contribution.prompt_index] = contribution
        self.wake()
        return True

    def turn_away(self, round_index: int, author: PeerId) -> None:
        """Hold nothing of an author's in a round, now or later."""
        if kept := self._rounds.get(round_index):
            kept.places.get(author, {}).clear()
            kept.turned_away.add(author)

    def take(self, round_index: int) -> tuple[Contribution, ...]:
        """Return a round's contributions in the canonical order: by prompt, then author.

        Nodes that hold the same contributions thereby train on them in the same order.
        """
        kept = self._rounds.get(round_index, _Round())
        return canonical(one for held in kept.places.values() for one in held.values())

    def forget_before(self, round_index: int) -> None:
        """Drop every round that is over."""
        for past in [kept for kept in self._rounds if kept < round_index]:
            del self._rounds[past]

    def drop(self, author: PeerId) -> None:
        """Take out all that waits of an author.

        Its places stay taken: else names that are cast out one after another would have as many.
        """
        for kept in self._rounds.values():
            kept.places.get(author, {}).clear()

    def all_authors(self) -> frozenset[PeerId]:
        """Who has anything waiting at all."""
        return frozenset().union(*map(self.authors, self._rounds))

    def authors(self, round_index: int) -> frozenset[PeerId]:
        """Who has at least one contribution waiting in a round."""
        kept = self._rounds.get(round_index, _Round())
        return frozenset(author for author, held in kept.places.items() if held)

    def wake(self) -> None:
        """Wake whoever waits for a change, because something has changed."""
        self._changed.set()
        self._changed = trio.Event()

    async def changed(self) -> None:
        """Wait until something new has arrived."""
        await self._changed.wait()


def canonical(contributions: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """Return contributions in the order in which every node trains on them."""
    return tuple(sorted(contributions, key=lambda one: (one.prompt_index, one.author)))
