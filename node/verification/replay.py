"""Seeded sampling, done again: every token must be the one that its noise chooses.

The noise of a place follows from swarm, round, prompt, author, index and position; so an author
has exactly one honest completion for each place, and no choice. A slogan, a changed digit whose
rest was sampled with the right noise, another temperature, another seed, the longest of many
samples: each differs from that one completion, and the first difference shows.

It proves provenance, not content: what an honest policy writes by itself passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from node.verdict import Reason, Verdict
from node.verification.kinship import Kinship
from node.verification.marks import over, unreadable
from node.verification.readings import Reading, Readings
from node.verification.submission import Submission
from node.verifying import MARGIN_SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """By how much, in nats of score plus noise, a token may miss what its noise chooses.

    The numbers are measured with the embedded model; `examples/bench/verification.py` measures
    them with any.

    Args:
        same: Among equal weights. Scores of one completion differ by up to 6e-6 from batch to
            batch; the margins of tampered tokens spread over nats.
        rounded: Where weights differ by their number type. bfloat16 beside float32 exceeds it
            in 1 of 1,000 completions.
        stale: For weights of up to two rounds ago whose values are not kept. The fastest rounds
            of learning move 0.6 % of honest completions beyond 2.
        requires_kin: Whether a completion whose author's weights are unknown is undecided here,
            rather than left to the other stages. Set in a swarm whose nodes should all hold
            equal weights: else naming unknown weights would be a way round the replay.
    """

    same: float = MARGIN_SAME
    rounded: float = 0.1
    stale: float = 2.5
    requires_kin: bool = False

    def __post_init__(self) -> None:
        """Refuse margins that no honest author could keep."""
        if not 0 < self.same <= self.rounded <= self.stale:
            raise ValueError("margins must be above 0 and not fall from same to rounded to stale")


class Replay:
    """Refuses a completion in which a token is not the one that its noise chooses.

    Args:
        readings: The round's.
        settings: The margins.
    """

    name = "replay"

    def __init__(self, readings: Readings, settings: ReplaySettings | None = None) -> None:
        self._readings = readings
        self._settings = settings or ReplaySettings()

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item."""
        return [self._verdict(reading) for reading in self._readings.of(items)]

    def _verdict(self, reading: Reading) -> Verdict:
        evidence, settings = reading.evidence, self._settings
        refused = unreadable(self.name, evidence)
        if refused is not None:
            return refused
        match reading.kinship:
            case Kinship.SAME:
                margins, most = evidence.margins, settings.same
            case Kinship.ROUNDED:
                margins, most = evidence.margins_rounded, settings.rounded
            case Kinship.STALE:
                margins, most = evidence.margins_stale, settings.stale
            case Kinship.OTHER:
                unknown = Reason.UNKNOWN_WEIGHTS if settings.requires_kin else Reason.NOT_ASKED
                return Verdict(stage=self.name, reason=unknown)
        return over(self.name, Reason.NOT_REPLAYED, margins, most)
