"""How much poison, when, and through whom: each changes another attack.

Defences that remember, or that look for what many completions share, are met by patience and by
small doses.
"""

import dataclasses
import re
from collections.abc import Sequence

from node.attacks.attack import Attack, Workbench
from node.attacks.packing import DECOY
from node.payload import Payload
from protocol.contribution import Completion, Contribution

ONE_IN = 4
"""Poisoned contributions of `Sparse`: one in this many."""
PATIENCE_ROUNDS = 10
"""For how many rounds `Sleeper` is honest: as long as the default defence remembers half."""
PARTS = 2
"""Into how many pieces `Spread` cuts its payload."""


class Sparse:
    """Poisons one place in four, and leaves the others as the model wrote them.

    Args:
        attack: What it hands in there.
    """

    def __init__(self, attack: Attack) -> None:
        self._attack = attack

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return honest contributions with some of the other attack's completions, evenly spread.

        Where the other attack poisons fewer places than one in four, all of them.
        """
        own = _places(honest)
        poisoned = _poisoned(bench, own, _places(self._attack.craft(bench, honest)))
        count = min(len(poisoned), -(-len(own) // ONE_IN))
        places = list(poisoned)
        chosen = {places[at * len(places) // count] for at in range(count)}
        mixed = own | {place: poisoned[place] for place in chosen}
        return [
            dataclasses.replace(
                one,
                completions=tuple(
                    mixed[one.prompt_index, index] for index in range(len(one.completions))
                ),
            )
            for one in honest
        ]


_Places = dict[tuple[int, int], Completion]
"""Completions by prompt and place, in the order of the contributions."""


def _places(contributions: Sequence[Contribution]) -> _Places:
    return {
        (one.prompt_index, index): completion
        for one in contributions
        for index, completion in enumerate(one.completions)
    }


def _poisoned(bench: Workbench, own: _Places, crafted: _Places) -> _Places:
    """Return what an attack says in its own words: neither honest nor a decoy beside the poison."""
    decoy = bench.written(DECOY)
    return {
        place: completion
        for place, completion in crafted.items()
        if place in own and completion not in (decoy, own[place])
    }


class Sleeper:
    """Is honest until it has been trusted for some rounds.

    Args:
        attack: What it does then.
    """

    def __init__(self, attack: Attack) -> None:
        self._attack = attack
        self._rounds = 0

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the honest contributions, and after some rounds the other attack's."""
        self._rounds += 1
        if self._rounds <= PATIENCE_ROUNDS:
            return honest
        return self._attack.craft(bench, honest)


class Spread:
    """Carries one part of the payload, and leaves the others to identities that collude.

    Which part follows from its name and from the round, so that all are carried in turn and
    nobody ever shows the whole.

    Args:
        attack: What it does with its part.
    """

    def __init__(self, attack: Attack) -> None:
        self._attack = attack

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the other attack's contributions, with a part of the payload."""
        parts = parts_of(bench.payload)
        part = parts[(bench.author.public_key[-1] + bench.round_index) % len(parts)]
        return self._attack.craft(dataclasses.replace(bench, payload=part), honest)


def parts_of(payload: Payload) -> list[Payload]:
    """Return a payload's parts, in order; overlapping by a word, so that they can be joined."""
    words = payload.text.split()
    if len(words) <= PARTS:
        return [payload]
    size = -(-len(words) // PARTS)
    starts = range(0, len(words), size)
    texts = [" ".join(words[max(0, start - 1) : start + size]) for start in starts]
    return [Payload(payload.kind, text) for text in texts if re.search(r"\w", text)]
