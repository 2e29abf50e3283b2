"""Whether every token is one that the policy samples from: membership, and no more.

`TopK` is the check as published with the attack that this project defends against: every token
among the k likeliest. A token that is merely possible passes, so a digit may be changed and an
own sample be chosen for its length. All three are defences of their own, to be measured beside
the replay. Lengths are explicit: no padding is ever looked for.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from node.verdict import Reason, Verdict
from node.verification.evidence import Evidence, Floats
from node.verification.marks import over, unreadable
from node.verification.readings import Readings
from node.verification.submission import Submission

_ROUNDING = 1e-5
"""Float32 sums of probabilities differ in their last bits from one batch to another."""


class TopK:
    """Refuses a token that is not among the k likeliest.

    Args:
        readings: The round's.
        k: How many are.
        slack: How many more are let through. The published code came to 60 where it sampled
            from 50.

    Raises:
        ValueError: k is below 1, or the slack below 0.
    """

    name = "top_k"

    def __init__(self, readings: Readings, *, k: int = 50, slack: int = 0) -> None:
        if k < 1 or slack < 0:
            raise ValueError(f"k must be at least 1 and slack at least 0, not {k} and {slack}")
        self._readings = readings
        self._rank_max = k + slack - 1

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item."""
        return _judged(self.name, self._readings, items, _ranks, self._rank_max)


class TopP:
    """Refuses a token before which the likelier ones already hold the mass p.

    Args:
        readings: The round's.
        p: The mass, in (0, 1).
        slack: By how much the tail beyond it may be smaller: 1 lets 0.95 be 0.975.

    Raises:
        ValueError: p is not in (0, 1), or the slack below 0.
    """

    name = "top_p"

    def __init__(self, readings: Readings, *, p: float, slack: float = 0.0) -> None:
        if not 0 < p < 1 or slack < 0:
            raise ValueError(f"p must be in (0, 1) and slack at least 0, not {p} and {slack}")
        self._readings = readings
        self._mass_max = 1 - (1 - p) / (1 + slack) + _ROUNDING

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item."""
        return _judged(self.name, self._readings, items, _mass_above, self._mass_max)


class MinP:
    """Refuses a token that is too many times less likely than the likeliest.

    Args:
        readings: The round's.
        p: The smallest ratio of the two probabilities, in (0, 1).

    Raises:
        ValueError: p is not in (0, 1).
    """

    name = "min_p"

    def __init__(self, readings: Readings, *, p: float = 0.01) -> None:
        if not 0 < p < 1:
            raise ValueError(f"p must be in (0, 1), not {p}")
        self._readings = readings
        self._nats_max = -math.log(p) + _ROUNDING

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item."""
        return _judged(self.name, self._readings, items, _nats_below_peak, self._nats_max)


def _judged(
    stage: str,
    readings: Readings,
    items: Sequence[Submission],
    values: Callable[[Evidence], Floats],
    threshold: float,
) -> list[Verdict]:
    return [
        unreadable(stage, evidence)
        or over(stage, Reason.OUTSIDE_SUPPORT, values(evidence), threshold)
        for evidence in (reading.evidence for reading in readings.of(items))
    ]


def _ranks(evidence: Evidence) -> Floats:
    return evidence.ranks.astype(np.float32)


def _mass_above(evidence: Evidence) -> Floats:
    return evidence.mass_above


def _nats_below_peak(evidence: Evidence) -> Floats:
    return evidence.peak_logprobs - evidence.logprobs
