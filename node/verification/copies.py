"""Texts that were handed in twice: by one author, or by anybody again in a later round.

Honest sampling repeats itself: of a policy that is sure of its answer, most completions of a
prompt are equal to the letter. So equality accuses nobody. A copy counts only where chance
does not explain it, and what chance explains is for somebody with a model to say: if an honest
policy writes a text with probability p, then refusing repetitions of texts with p below a
bound refuses an honest one with less than that bound, for each other text it is compared with.

Equal texts of two authors in one round accuse neither. Which came first differs from node to
node, and whoever could choose it could make nodes with equal weights train on different sets.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from node.verdict import Reason, Verdict
from node.verification.past import Past
from node.verification.shingles import likeness, shingles
from node.verification.submission import Submission

Explains = Callable[[Submission], bool | None]
"""Whether chance may write this text twice; None if that cannot be told."""


def never_told(_item: Submission) -> None:
    """Say that it cannot be told: without a model, nobody knows what chance repeats."""


def explained_by_likelihood(
    logprob: Callable[[Submission], float | None], *, false_alarm: float = 1e-6
) -> Explains:
    """Explain repetitions by the likelihood of the text under this node's own policy.

    Args:
        logprob: Log-probability of a whole completion after its prompt, in nats, under the
            distribution that was sampled from; None if this node cannot tell.
        false_alarm: Bound on the probability to refuse an honest completion, for each text
            that it is compared with and as far as its author's policy is this node's own.
    """
    nats_min = math.log(false_alarm)

    def explains(item: Submission) -> bool | None:
        nats = logprob(item)
        return None if nats is None else nats >= nats_min

    return explains


class Copies:
    """Refuses the second of two equal texts where chance does not explain it.

    Args:
        explains: Whether chance may write a text twice. Without it no copy is ever refused.
        near: From which likeness on (see `node.verification.shingles`) one author's texts of
            a prompt count as copies. None for equal texts only: honest workings of one prompt
            are alike, and no bound on wrong refusals holds for likeness.
    """

    name = "copies"

    def __init__(self, *, explains: Explains = never_told, near: float | None = None) -> None:
        self._explains = explains
        self._near = near
        self._past = Past()

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
        """Return one verdict for each item, and remember all texts for later rounds.

        To judge a round once more gives the same verdicts.
        """
        firsts: dict[tuple[tuple[int, int, str], str], int] = {}
        for item in items:
            key = (item.contribution, item.text)
            firsts[key] = min(item.index, firsts.get(key, item.index))
        siblings: dict[tuple[int, int, str], list[_Cut]] = {}
        for item in items if self._near is not None else ():
            cut = _Cut(item.index, shingles(item.text))
            siblings.setdefault(item.contribution, []).append(cut)
        verdicts = [
            self._verdict(
                item, firsts[item.contribution, item.text], siblings.get(item.contribution, ())
            )
            for item in items
        ]
        self._remember((*own, *items))
        return verdicts

    def plain(self) -> list[list[object]]:
        """Return what is remembered as values that JSON can carry."""
        return self._past.plain()

    def restore(self, plain: Sequence[Sequence[Any]]) -> None:
        """Take up what `plain` gave."""
        self._past.restore(plain)

    def _verdict(self, item: Submission, first: int, siblings: Sequence["_Cut"]) -> Verdict:
        reason, detail = self._copy(item, first)
        value = None
        if reason is None and self._near is not None:
            reason, detail, value = self._near_copy(item, siblings)
        if reason is None:
            return Verdict(stage=self.name, reason=Reason.CLEAN)
        chance = self._explains(item)
        if chance is None:
            reason = Reason.COPY_UNJUDGED
        elif chance:
            reason, detail = Reason.CLEAN, f"{detail}, by chance"
        return Verdict(
            stage=self.name, reason=reason, value=value, threshold=self._near, detail=detail
        )

    def _copy(self, item: Submission, first: int) -> tuple[Reason | None, str]:
        if first < item.index:
            return Reason.COPY_OF_OWN, f"as number {first}"
        then = self._past.round_of(item.prompt_index, item.text)
        if then is not None and then < item.round_index:
            return Reason.COPY_OF_PAST, f"as in round {then}"
        return None, ""

    def _near_copy(
        self, item: Submission, siblings: Sequence["_Cut"]
    ) -> tuple[Reason | None, str, float | None]:
        assert self._near is not None
        own = next((one for one in siblings if one.place == item.index), None)
        for other in siblings if own else ():
            alike = likeness(own.runs, other.runs) if own and other.place < item.index else 0.0
            if alike >= self._near:
                return Reason.NEAR_COPY, f"like number {other.place}", alike
        return None, "", None

    def _remember(self, items: Iterable[Submission]) -> None:
        for item in items:
            self._past.note(item.prompt_index, item.text, item.round_index)


class _Cut(NamedTuple):
    """The runs of words of one completion."""

    place: int
    runs: frozenset[tuple[str, ...]]
