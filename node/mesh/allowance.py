"""How much of our time each stranger may take: token buckets, by whatever names them.

A bucket may be overdrawn; what it owes is a time to wait. So a reader that pays for what it has
read slows its own peer down, and nothing is dropped. It does not know what the tokens pay for.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

NAMES_MAX = 4096
"""Buckets kept at one time; full ones are forgotten, since a new one is full as well."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_s: float


class Allowances:
    """One bucket for each name, all alike.

    Args:
        rate: Tokens that come in per second.
        burst: Tokens that a bucket holds when full.
        clock: Seconds that never step back.
        names_max: Buckets kept; beyond it those untouched longest go, whatever they owe.
    """

    def __init__(
        self,
        *,
        rate: float,
        burst: float,
        clock: Callable[[], float],
        names_max: int = NAMES_MAX,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._names_max = names_max
        self._buckets: dict[Hashable, _Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def charge(self, name: Hashable, tokens: float) -> float:
        """Take tokens from a bucket; return how many seconds it is until it owes none."""
        bucket = self._refilled(name)
        bucket.tokens -= tokens
        self._buckets.pop(name, None)
        self._buckets[name] = bucket
        while len(self._buckets) > self._names_max:
            del self._buckets[next(iter(self._buckets))]
        return max(0.0, -bucket.tokens / self._rate)

    def has(self, name: Hashable, tokens: float = 1.0) -> bool:
        """Say whether a bucket holds so many tokens."""
        return self._refilled(name).tokens >= tokens

    def take(self, name: Hashable, tokens: float = 1.0) -> bool:
        """Take tokens if there are so many; say whether there were."""
        if not self.has(name, tokens):
            return False
        self.charge(name, tokens)
        return True

    def _refilled(self, name: Hashable) -> _Bucket:
        """Return a bucket as it is now; a name without one has a full one."""
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            return _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_s) * self._rate)
        bucket.filled_s = now
        return bucket
