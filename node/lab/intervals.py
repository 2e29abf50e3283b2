"""What a few seeds and many completions allow to be said: spreads and 95 % intervals."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Z = 1.959964
"""Of the normal distribution, for 95 %."""

STUDENT = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
"""Of Student's distribution, for 95 %, by degrees of freedom from 1; of more than there are, the
last, which is a little too wide."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Some seeds' values: their mean, and how far they lie apart."""

    mean: float
    least: float
    most: float
    seeds: int

    def shown(self, form: str) -> str:
        """Return the mean, and the range where there are several, each in a format."""
        mean = format(self.mean, form)
        if self.seeds == 1:
            return mean
        return f"{mean} ({format(self.least, form)} to {format(self.most, form)})"


def spread(values: Sequence[float]) -> Spread | None:
    """Return the spread of some values, or None of none."""
    if not values:
        return None
    return Spread(statistics.fmean(values), min(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, with the Wilson interval of the share at 95 %.

    Args:
        count: How many; the mean where several nodes counted.
        of: Of how many.
        draws: As many independent draws would say as much; None: each of them is one. Of one
            swarm's completions that is too many, as they come of the same weights.
    """

    count: float
    of: float
    draws: float | None = None

    @property
    def value(self) -> float:
        """The share; 0 of nothing."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval; everything is possible where nothing was counted."""
        draws = self.of if self.draws is None else self.draws
        return wilson(self.value * draws, draws)

    def shown(self, digits: int = 2) -> str:
        """Return the share and its interval, in percent."""
        if not self.of:
            return "-"
        low, high = self.interval
        return f"{self.value:.{digits}%} ({low:.{digits}%} to {high:.{digits}%})"


def pooled(seeds: Sequence[Share]) -> Share:
    """Return several seeds' share of them all, in which it is the seeds that count as draws.

    The interval is Wilson's for as many draws as would vary by as much as the seeds do, scaled
    down for how little so few seeds say of that (Korn and Graubard, Survey Methodology 24, 1998);
    but never for more draws than there were. Of one seed nothing is known of how others differ.

    >>> pooled([Share(30, 100), Share(70, 100)]).interval[0] < 0.1
    True
    """
    counted = [one for one in seeds if one.of]
    count, of = sum(one.count for one in counted), sum(one.of for one in counted)
    share, many = Share(count, of), len(counted)
    if many < 2:  # noqa: PLR2004 - a difference takes two
        return share
    apart = sum((one.count - share.value * one.of) ** 2 for one in counted)
    variance = many / (many - 1) * apart / of**2
    if not variance:
        return share
    scale = (Z / STUDENT[min(many - 1, len(STUDENT)) - 1]) ** 2
    draws = share.value * (1 - share.value) / variance * scale
    return Share(count, of, min(of, draws))


def wilson(count: float, of: float) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share.

    >>> low, high = wilson(0, 100)
    >>> round(low, 4), round(high, 4)
    (0.0, 0.037)
    """
    if not of:
        return 0.0, 1.0
    share = count / of
    centre = share + Z**2 / (2 * of)
    reach = Z * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    scale = 1 + Z**2 / of
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)
