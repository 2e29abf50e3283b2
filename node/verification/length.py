"""Whether a completion is much longer than what others wrote to the same prompt.

A right answer that was made long on purpose earns full reward and teaches to ramble. Neither
reward nor likelihood shows it, but the lengths beside it do. Knows lengths, and no text.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.verdict import Reason, Span, Unit, Verdict
from node.verification.submission import Submission

OwnLengths = Callable[[int], Sequence[int]]
"""Prompt index to the lengths, in tokens, of this node's own samples to it; () if it has none."""


_FENCE_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthSettings:
    """When a completion is too long.

    Args:
        factor: How many times the reference length is allowed.
        slack_tokens: How many tokens above it always are: short answers vary by more than a
            factor.
        quantile: Which of the others' lengths is the reference. Above the median, since honest
            policies also skip the working, and then half of a group is short; below
            1 by more than the share of the group that may be hostile besides the author.
        fence: How many times the spread of the others' lengths, from their lower to their upper
            quantile, an answer may lie above the upper one (Tukey's fence): where all others
            agree on how long an answer is, the factor alone would leave room for a ramble.
        fence_tokens: How many tokens above it always are inside of the fence, and a tenth more.
        references_min: Fewer lengths than this are no reference.

    Raises:
        ValueError: A number is out of its range.
    """

    factor: float = 1.5
    slack_tokens: int = 8
    quantile: float = 0.75
    fence: float = 1.5
    fence_tokens: int = 4
    references_min: int = 5

    def __post_init__(self) -> None:
        if self.factor < 1.0:
            raise ValueError(f"factor must be at least 1, not {self.factor}")
        if not 0.0 < self.quantile <= 1.0:
            raise ValueError(f"quantile must be in (0, 1], not {self.quantile}")
        if min(self.slack_tokens, self.fence, self.fence_tokens) < 0 or self.references_min < 1:
            raise ValueError(
                "slack_tokens, fence and fence_tokens must be at least 0, references_min 1"
            )

    def limit(self, lengths: Sequence[int]) -> float:
        """Return how many tokens are allowed beside others' lengths, of which there is one."""
        ordered = sorted(lengths)
        upper, lower = (
            ordered[math.ceil(share * len(ordered)) - 1] if share else ordered[0]
            for share in (self.quantile, 1 - self.quantile)
        )
        widest = max(self.factor * upper, upper + self.slack_tokens)
        fence = max(self.fence * (upper - lower), self.fence_tokens, _FENCE_SHARE * upper)
        return min(widest, upper + fence)


def no_lengths(_prompt_index: int) -> Sequence[int]:
    """Know nothing of own lengths."""
    return ()


Counts = Callable[[Submission], bool]
"""Whether a completion counts for anything in a step; what does not is no measure of others."""


def everybody_counts(_item: Submission) -> bool:
    """Let every completion be a measure of the others."""
    return True


class Length:
    """Refuses what is longer than the others' completions of its prompt allow.

    An author's own completions never count as its reference, nor do those of newcomers, whom it
    may have made for that. Where too few others are left, this node's own samples to the prompt
    are asked for.

    Args:
        settings: When a completion is too long.
        own_lengths: This node's lengths by prompt, for groups that hold too few others.
        counts: Whose completions are a measure.
    """

    name = "length"

    def __init__(
        self,
        settings: LengthSettings | None = None,
        *,
        own_lengths: OwnLengths = no_lengths,
        counts: Counts = everybody_counts,
    ) -> None:
        self._settings = settings or LengthSettings()
        self._own_lengths = own_lengths
        self._counts = counts

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
        """Return one verdict for each item."""
        lengths: dict[tuple[int, int], list[tuple[str, int]]] = {}
        for item in (*own, *filter(self._counts, items)):
            lengths.setdefault(item.group, []).append((item.author, len(item.tokens)))
        limits = {
            item.contribution: self._limit(item, lengths.get(item.group, ()))
            for item in {one.contribution: one for one in items}.values()
        }
        return [self._verdict(item, limits[item.contribution]) for item in items]

    def _limit(self, item: Submission, group: Sequence[tuple[str, int]]) -> float | None:
        """Return how many tokens an author may write to a prompt, or None if nobody knows."""
        settings = self._settings
        lengths: Sequence[int] = [length for author, length in group if author != item.author]
        if len(lengths) < settings.references_min:
            lengths = self._own_lengths(item.prompt_index)
        return settings.limit(lengths) if len(lengths) >= settings.references_min else None

    def _verdict(self, item: Submission, limit: float | None) -> Verdict:
        length = len(item.tokens)
        if limit is None:
            return Verdict(stage=self.name, reason=Reason.NO_LENGTHS, value=length)
        over = length > limit
        return Verdict(
            stage=self.name,
            reason=Reason.OVERLONG if over else Reason.CLEAN,
            spans=(Span(math.floor(limit), length, Unit.TOKENS),) if over else (),
            value=length,
            threshold=limit,
        )
