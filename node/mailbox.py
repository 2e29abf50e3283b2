"""Between the mesh's pace and the round's: contributions wait here for their round, bounded.

It knows nothing of how they arrived or what they are worth.
"""

from collections.abc import Iterable

import trio

from protocol.contribution import Contribution
from protocol.identity import PeerId

Slot = tuple[int, PeerId]
"""Which of a round's contributions: the prompt's index and the author."""


class Mailbox:
    """Contributions by round and slot.

    Args:
        slots_max: How many contributions of one round are kept. Admission bounds authors and
            prompts already; this bound holds whatever it lets through.
        rounds_max: How many rounds are kept at once: the running one and those held ahead.
    """

    def __init__(self, *, slots_max: int, rounds_max: int = 3) -> None:
        self._slots_max = slots_max
        self._rounds_max = rounds_max
        self._rounds: dict[int, dict[Slot, Contribution]] = {}
        self._changed = trio.Event()

    def offer(self, contribution: Contribution) -> bool:
        """Keep a contribution for its round; false where it finds no room or its slot taken."""
        kept = self._rounds.get(contribution.round_index)
        if kept is None:
            if len(self._rounds) >= self._rounds_max:
                return False
            kept = self._rounds[contribution.round_index] = {}
        slot = (contribution.prompt_index, contribution.author)
        if slot in kept or len(kept) >= self._slots_max:
            return False
        kept[slot] = contribution
        self.wake()
        return True

    def take(self, round_index: int) -> tuple[Contribution, ...]:
        """Return a round's contributions in the canonical order: by prompt, then author.

        Nodes that hold the same contributions thereby train on them in the same order.
        """
        kept = self._rounds.get(round_index, {})
        return tuple(kept[slot] for slot in sorted(kept))

    def forget_before(self, round_index: int) -> None:
        """Drop every round that is over."""
        for past in [kept for kept in self._rounds if kept < round_index]:
            del self._rounds[past]

    def drop(self, author: PeerId) -> None:
        """Take out all that waits of an author."""
        for kept in self._rounds.values():
            for slot in [slot for slot in kept if slot[1] == author]:
                del kept[slot]

    def all_authors(self) -> frozenset[PeerId]:
        """Who has anything waiting at all."""
        return frozenset(author for kept in self._rounds.values() for _, author in kept)

    def authors(self, round_index: int) -> frozenset[PeerId]:
        """Who has at least one contribution waiting in a round."""
        return frozenset(author for _, author in self._rounds.get(round_index, {}))

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
