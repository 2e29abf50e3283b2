"""A record without a stain, for defences that remember what was found of an author.

An honest author's own mistakes count against it; an attacker need not make any.
"""

import dataclasses
from collections.abc import Sequence

from node.attacks.answers import believed_right
from node.attacks.attack import Attack, Tokens, Workbench
from node.tasks.grammar import answer_in
from protocol.contribution import Completion, Contribution

SAMPLES = 8
"""Of its own to a prompt, to find one without a mistake in."""


class Flawless:
    """Puts right samples of its own where another attack hands in wrong answers in form.

    What is out of form stays: it earns nothing, gives a group its contrast, and is honest habit.

    Args:
        attack: What it hands in for the rest.
    """

    def __init__(self, attack: Attack) -> None:
        self._attack = attack

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the other attack's contributions without their mistakes."""
        crafted = self._attack.craft(bench, honest)
        drawn = bench.samples([one.prompt_index for one in crafted], SAMPLES)
        found = []
        for one, samples in zip(crafted, drawn, strict=True):
            right = believed_right(bench, one.prompt_index, samples)
            completions = tuple(_mended(bench, one, each, right) for each in one.completions)
            found.append(dataclasses.replace(one, completions=completions))
        return found


def _mended(
    bench: Workbench, one: Contribution, completion: Completion, right: Sequence[Tokens]
) -> Completion:
    tokens = bench.tokens(completion)
    is_formless = answer_in(bench.text(completion)) is None
    is_right = tokens in believed_right(bench, one.prompt_index, [*right, tokens])
    if is_formless or is_right or not right:
        return completion
    return bench.completion(bench.draw.choice(right))
