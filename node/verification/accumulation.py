"""Weak evidence against an author, added up over rounds until it is strong.

One plausible token in each completion cannot be told from chance; a thousand can. For every
author the surprises of all its tokens are summed, as Fisher's method sums the logarithms of
p-values. But tokens are discrete and mostly certain, so Fisher's own distribution would be far
too forgiving; the sum is compared with what an honest author's would be at those very places,
which the receiver's policy tells exactly: the difference has mean 0 and a known variance,
whatever the text. Older rounds fade.

An author whose weights differ surprises by honest means, too. It is allowed so many nats a
completion, and what it gains within that allowance is not seen here. What it leaves of it in one
round is not saved for another (Page's CUSUM): some honest rounds would buy as many poisoned ones.
"""

import dataclasses
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.verdict import Reason, Verdict
from node.verification.kinship import Kinship
from node.verification.marks import unreadable
from node.verification.readings import Reading, Readings
from node.verification.submission import Submission
from node.verification.surprisal import excess

_VARIANCE_FLOOR = 0.25
"""In square nats a completion: what other weights add to chance."""

_DRIFT = {Kinship.SAME: 0.0, Kinship.ROUNDED: 0.1, Kinship.STALE: 1.5, Kinship.OTHER: 4.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccumulationSettings:
    """When an author's completions are too surprising, taken together.

    Args:
        decades_max: Minus the decimal logarithm of the least p-value that is put down to chance.
            Six, because hundreds of authors are asked anew in hundreds of rounds.
        half_life_rounds: After so many rounds evidence counts half.
        completions_min: Before so many completions (older ones counting less) nothing is said;
            below, a sum of few skewed terms is not yet normal.
        authors_max: Authors remembered; the one not heard of for longest is forgotten first.
        drift_nats: Surprise allowed to a completion beyond what is expected, by kinship. The
            most that is measured among honest authors: 1.0 two rounds stale in the fastest
            learning, 3.6 sixty steps away.

    Raises:
        ValueError: A number is out of its range.
    """

    decades_max: float = 6.0
    half_life_rounds: float = 8.0
    completions_min: float = 16.0
    authors_max: int = 4096
    drift_nats: Mapping[Kinship, float] = field(default_factory=lambda: dict(_DRIFT))

    def __post_init__(self) -> None:
        for name in ("decades_max", "half_life_rounds", "completions_min"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.authors_max < 1:
            raise ValueError(f"authors_max must be at least 1, not {self.authors_max}")
        if set(self.drift_nats) != set(Kinship) or min(self.drift_nats.values()) < 0:
            raise ValueError("drift_nats must name every kinship, with nats of at least 0")


@dataclass(slots=True)
class _Sum:
    """What is held against one author, as of a round.

    Args:
        round_index: When it was last added to.
        excess: Nats beyond what was expected and allowed.
        variance: Of that, for an honest author.
        completions: How many, older ones counting less.
        is_allowed: Whether any of them came with an allowance.
    """

    round_index: int
    excess: float = 0.0
    variance: float = 0.0
    completions: float = 0.0
    is_allowed: bool = False

    def fade(self, round_index: int, half_life: float) -> None:
        """Let the rounds that have passed weigh on what is held; rounds never run backwards."""
        if self.is_allowed and round_index > self.round_index and self.excess < 0.0:
            self.excess = self.variance = self.completions = 0.0
            self.is_allowed = False
        kept = 0.5 ** (max(0, round_index - self.round_index) / half_life)
        self.excess *= kept
        self.variance *= kept * kept
        self.completions *= kept
        self.round_index = max(round_index, self.round_index)

    def decades(self) -> float:
        """Minus the decimal logarithm of the probability of so much under honesty."""
        return _decades(self.excess / math.sqrt(self.variance)) if self.variance else 0.0


class Accumulation:
    """Refuses all completions of an author whose completions are too surprising in sum.

    It remembers: show it every completion once, and before stages that take the worst ones out.

    Args:
        readings: The round's.
        settings: When it is too much.
    """

    name = "accumulation"

    def __init__(self, readings: Readings, settings: AccumulationSettings | None = None) -> None:
        self._readings = readings
        self._settings = settings or AccumulationSettings()
        self._sums: OrderedDict[str, _Sum] = OrderedDict()

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Add a round's completions up, and return one verdict for each."""
        readings = self._readings.of(items)
        for item, reading in zip(items, readings, strict=True):
            self._add(item, reading)
        while len(self._sums) > self._settings.authors_max:
            self._sums.popitem(last=False)
        return [
            unreadable(self.name, reading.evidence) or self._verdict(item.author)
            for item, reading in zip(items, readings, strict=True)
        ]

    def plain(self) -> list[list[object]]:
        """Return all sums as values that JSON can carry, those heard of longest ago first."""
        return [[author, *dataclasses.astuple(one)] for author, one in self._sums.items()]

    def restore(self, plain: Sequence[Sequence[Any]]) -> None:
        """Take up the sums that `plain` gave."""
        self._sums = OrderedDict((str(author), _Sum(*held)) for author, *held in plain)

    def _add(self, item: Submission, reading: Reading) -> None:
        if reading.evidence.unread is not None:
            return
        held = self._sums.setdefault(item.author, _Sum(item.round_index))
        self._sums.move_to_end(item.author)
        held.fade(item.round_index, self._settings.half_life_rounds)
        above, variance = excess(reading.evidence)
        allowed = self._settings.drift_nats[reading.kinship]
        held.is_allowed |= allowed > 0
        held.excess += above - allowed
        held.variance += variance + _VARIANCE_FLOOR
        held.completions += 1

    def _verdict(self, author: str) -> Verdict:
        # More authors than are remembered may have come in one round.
        held = self._sums.get(author, _Sum(0))
        settled = held.completions >= self._settings.completions_min
        decades = held.decades() if settled else 0.0
        refuses = decades > self._settings.decades_max
        return Verdict(
            stage=self.name,
            reason=Reason.AUTHOR_ADDS_UP if refuses else Reason.CLEAN,
            value=decades,
            threshold=self._settings.decades_max,
            detail=f"{held.completions:.0f} completions" if settled else "too few completions yet",
        )


def _decades(deviations: float) -> float:
    """Return minus log10 of the normal distribution's upper tail, however far out."""
    tail = 0.5 * math.erfc(deviations / math.sqrt(2))
    if tail > 0:
        return max(0.0, -math.log10(tail))
    # Where erfc underflows, its asymptote is right to a thousandth.
    return (deviations**2 / 2 + math.log(deviations * math.sqrt(2 * math.pi))) / math.log(10)
