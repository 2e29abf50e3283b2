"""Verdicts over arrays of numbers, one a token: which tokens are at fault, and by how much."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from node.verdict import Reason, Span, Unit, Verdict
from node.verification.evidence import Evidence, Floats

_SPANS_MAX = 16
"""As many places are named as a person reads; the last one covers all that follow."""


def unreadable(stage: str, evidence: Evidence) -> Verdict | None:
    """Return the verdict on what the model here could not read, or None if it could."""
    if evidence.unread is None:
        return None
    return Verdict(stage=stage, reason=Reason.UNREAD_TOKENS, detail=evidence.unread)


def over(stage: str, reason: Reason, values: Floats, threshold: float) -> Verdict:
    """Return a refusal if any token's value is above a threshold, its spans and the worst value.

    Args:
        stage: Whose verdict it is.
        reason: Of the refusal.
        values: (T,) one a token, not empty.
        threshold: What is still admitted.
    """
    worst = float(values.max())
    refuses = worst > threshold
    return Verdict(
        stage=stage,
        reason=reason if refuses else Reason.CLEAN,
        spans=spans(values > threshold) if refuses else (),
        value=worst,
        threshold=threshold,
    )


def spans(at_fault: NDArray[np.bool_]) -> tuple[Span, ...]:
    """Return the runs of true values, joined from the sixteenth on."""
    edges = np.flatnonzero(np.diff(at_fault.astype(np.int8), prepend=0, append=0))
    return joined([Span(start, end, Unit.TOKENS) for start, end in edges.reshape(-1, 2).tolist()])


def joined(found: Sequence[Span]) -> tuple[Span, ...]:
    """Return spans in order, so few that they can be read, and none of their places left out.

    What takes credit from the places at fault would else leave it to the seventeenth.
    """
    head, rest = found[: _SPANS_MAX - 1], found[_SPANS_MAX - 1 :]
    if not rest:
        return tuple(head)
    return (*head, Span(rest[0].start, max(span.end for span in rest), rest[0].unit))
