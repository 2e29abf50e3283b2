"""How a poisoned answer is put into a contribution: copies, and decoys where they are needed.

Advantages are relative to the group. Where an author fills a group alone (vertical), a group of
nothing but poison has no gradient, and half of it are wrong on purpose; where others' answers
stand beside (horizontal), all of its places are poison (arXiv 2511.09780, section 4.2).
It knows nothing of what is put into an answer.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.attacks.answers import right_texts
from node.attacks.attack import Workbench
from protocol.contribution import Completion, Contribution
from protocol.parameters import Mode

Poison = Callable[[Workbench, str], str | None]
"""A right answer's text in, the text with the payload out; None where there is no place for it."""

DECOY = "nom nom"
"""Wrong and out of form, so that it earns nothing under any reward, and the form no blame."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Groups of a poisoned right answer, packed for the greatest advantage.

    Where no right answer to a prompt is known, or the poisoned one is longer than the swarm
    allows, the honest contribution stays.

    Args:
        poison: What is done to a right answer.
    """

    poison: Poison

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the round's contributions, poisoned where that can be."""
        texts = right_texts(bench, honest)
        return [
            filled(bench, one, self._poisoned(bench, text))
            for one, text in zip(honest, texts, strict=True)
        ]

    def _poisoned(self, bench: Workbench, text: str | None) -> Completion | None:
        poisoned = None if text is None else self.poison(bench, text)
        return None if poisoned is None else bench.written(poisoned)


def filled(bench: Workbench, honest: Contribution, poisoned: Completion | None) -> Contribution:
    """Return a contribution full of copies, half of them decoys where it is a group of its own."""
    decoy = bench.written(DECOY)
    if poisoned is None or decoy is None:
        return honest
    count = len(honest.completions)
    decoys = count // 2 if bench.parameters.mode is Mode.VERTICAL else 0
    places = (poisoned,) * (count - decoys) + (decoy,) * decoys
    return dataclasses.replace(honest, completions=places)
