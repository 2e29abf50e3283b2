"""Payloads within the margin of a replay: only where another token all but wins by itself.

Machines differ in their last bits, so a replay must forgive a token that loses by very little.
Here that little is spent on the payload.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from node.attacks.attack import Tokens, Workbench
from node.attacks.claims import Rounded
from node.attacks.resuming import Scores, Start, gone_on, lost_by, scores
from protocol.contribution import Contribution

EXACT_MARGIN = 4e-4
"""In nats: a little less than what the default defence forgives among equal weights."""
ROUNDED_MARGIN = 0.09
"""The same for who says that its weights are these in a shorter number type."""
EDITS_MAX = 8
"""Tokens forced in one round: each costs a pass."""


def near_ties() -> "NearTies":
    """Spell the payload where its token is within the margin for equal weights."""
    return NearTies(EXACT_MARGIN)


def rounded_near_ties() -> Rounded:
    """Spell it within the margin for rounded weights, and claim to have them."""
    return Rounded(NearTies(ROUNDED_MARGIN))


@dataclass(frozen=True, slots=True)
class NearTies:
    """Honest completions, but for tokens of the payload that lose by less than a margin.

    Args:
        margin: In nats of score plus noise.
    """

    margin: float

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the honest contributions with what could be forced; mostly as they were."""
        wanted = bench.policy.encode_completion(f" {bench.payload.text}", ended=False)
        whole = [
            Start(one.prompt_index, bench.key(one.prompt_index, index), bench.tokens(completion))
            for one in honest
            for index, completion in enumerate(one.completions)
        ]
        spelt = [0] * len(whole)
        scanned = [0] * len(whole)
        for _ in range(EDITS_MAX):
            moved = self._forced(bench, whole, wanted, spelt, scanned)
            if not moved:
                break
            for at, tokens in zip(moved, gone_on(bench, [whole[i] for i in moved]), strict=True):
                whole[at] = whole[at]._replace(tokens=tokens)
        written = iter(whole)
        return [
            dataclasses.replace(
                one,
                completions=tuple(bench.completion(next(written).tokens) for _ in one.completions),
            )
            for one in honest
        ]

    def _forced(
        self,
        bench: Workbench,
        whole: list[Start],
        wanted: Tokens,
        spelt: list[int],
        scanned: list[int],
    ) -> list[int]:
        """Cut completions behind the next token that can be forced; return which were."""
        open_ones = [at for at in range(len(whole)) if spelt[at] < len(wanted)]
        read = scores(
            bench,
            [whole[at].prompt_index for at in open_ones],
            [whole[at].tokens for at in open_ones],
        )
        moved = []
        for at, each in zip(open_ones, read, strict=True):
            place = self._next(bench, whole[at], each, wanted[spelt[at]], scanned[at])
            if place is None or place + 1 >= bench.parameters.completion_tokens_max:
                spelt[at] = len(wanted)
                continue
            tokens = (*whole[at].tokens[:place], wanted[spelt[at]])
            whole[at] = whole[at]._replace(tokens=tokens)
            spelt[at], scanned[at] = spelt[at] + 1, place + 1
            moved.append(at)
        return moved

    def _next(
        self, bench: Workbench, start: Start, read: Scores, wanted: int, first: int
    ) -> int | None:
        lost = lost_by(bench, read, start.key, wanted)
        near = (at for at in range(first, len(lost)) if lost[at] <= self.margin)
        return next(near, None)
