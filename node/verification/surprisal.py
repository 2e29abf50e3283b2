"""How surprising a completion is to this node's own policy: for authors with other weights.

The tail mass of a token is the probability of all tokens that are no likelier. An honest author
whose policy is not far from this one writes what this one would find possible; a slogan is not.
What an honest author may write anyway (any token that is a little likely) cannot be caught in
one completion; `accumulation` adds it up.

The second rule sums surprises over the completion. Tokens are discrete and many are certain, so
a plain sum means nothing without what an honest author's would be; that is known exactly, for
one with these weights, as is its variance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.verdict import Reason, Verdict
from node.verification.evidence import Evidence, Floats
from node.verification.marks import over, spans, unreadable
from node.verification.readings import Reading, Readings
from node.verification.submission import Submission
from node.verifying import TAIL_MASS_NOISE

_VARIANCE_FLOOR = 1.0
"""In square nats: an author whose weights differ at all is sometimes surprising where this
policy is certain, and would otherwise be so infinitely."""


def surprise(evidence: Evidence) -> Floats:
    """Return (T,) the surprise of each token, in nats."""
    return -np.log(np.maximum(evidence.tail_mass, np.float32(TAIL_MASS_NOISE)))


def excess(evidence: Evidence) -> tuple[float, float]:
    """Return by how much a completion surprises more than expected, in nats, and its variance."""
    above = float(surprise(evidence).sum() - evidence.expected.sum())
    return above, float(evidence.variance.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class SurprisalSettings:
    """When a completion is too surprising.

    Args:
        tail_mass_min: The least tail mass of a token. Of honest completions by authors of
            another history, ten rounds of learning apart, at most 1.3 % hold a token below 1e-3.
        deviations_max: How many standard deviations a completion may surprise beyond what is
            expected of it; at most 0.6 % of theirs do.
        asks_kin: Whether authors with known weights are judged, too; the replay does it better.

    Raises:
        ValueError: A number is out of its range.
    """

    tail_mass_min: float = 1e-3
    deviations_max: float = 8.0
    asks_kin: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.tail_mass_min < 1:
            raise ValueError(f"tail_mass_min must be in (0, 1), not {self.tail_mass_min}")
        if not self.deviations_max > 0:
            raise ValueError(f"deviations_max must be above 0, not {self.deviations_max}")


class Surprisal:
    """Refuses a completion with one token, or all in all, too surprising.

    With the action `mask` the tokens at fault get no credit, and the rest still teaches.

    Args:
        readings: The round's.
        settings: What is too surprising.
    """

    name = "surprisal"

    def __init__(self, readings: Readings, settings: SurprisalSettings | None = None) -> None:
        self._readings = readings
        self._settings = settings or SurprisalSettings()

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item."""
        return [self._verdict(reading) for reading in self._readings.of(items)]

    def _verdict(self, reading: Reading) -> Verdict:
        evidence, settings = reading.evidence, self._settings
        refused = unreadable(self.name, evidence)
        if refused is not None:
            return refused
        if reading.kinship.proves and not settings.asks_kin:
            return Verdict(stage=self.name, reason=Reason.NOT_ASKED)
        surprises = surprise(evidence)
        by_token = over(
            self.name, Reason.SURPRISING_TOKEN, surprises, -math.log(settings.tail_mass_min)
        )
        return by_token if by_token.refuses else self._of_all(evidence, surprises)

    def _of_all(self, evidence: Evidence, surprises: Floats) -> Verdict:
        above, variance = excess(evidence)
        deviations = above / math.sqrt(variance + _VARIANCE_FLOOR)
        refuses = deviations > self._settings.deviations_max
        # Who masks wants tokens: those that surprise more than any could be expected to.
        beyond = surprises > evidence.expected + 3 * np.sqrt(evidence.variance + _VARIANCE_FLOOR)
        return Verdict(
            stage=self.name,
            reason=Reason.SURPRISING_WHOLE if refuses else Reason.CLEAN,
            spans=spans(beyond) if refuses else (),
            value=deviations,
            threshold=self._settings.deviations_max,
        )
