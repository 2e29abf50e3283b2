"""What a few seeds and many completions allow to be said: spreads and 95 % intervals."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Z = 1.959964
"""Of the normal distribution, for 95 %."""


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

    The completions of a round are not quite independent draws, so it is a little too narrow.

    Args:
        count: How many; the mean where several nodes counted.
        of: Of how many.
    """

    count: float
    of: float

    @property
    def value(self) -> float:
        """The share; 0 of nothing."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval; everything is possible where nothing was counted."""
        return wilson(self.count, self.of)

    def shown(self) -> str:
        """Return the share and its interval, in percent."""
        if not self.of:
            return "-"
        low, high = self.interval
        return f"{self.value:.2%} ({low:.2%} to {high:.2%})"


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
