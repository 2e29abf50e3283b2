"""Which message ids have passed: bounded in number and in time."""

from collections.abc import Callable

SEEN_S = 300.0
"""Longer than any peer offers a message again: caches are a few heartbeats (seconds) deep."""

SEEN_MAX = 65_536
"""At about 46 bytes an id, some 10 MiB at the very most; 200 new messages a second for `SEEN_S`."""


class SeenIds:
    """Remembers an id for `seen_s` from when it was added, however often it is asked for.

    The library's own cache renews an entry whenever a copy arrives, has no bound on entries, and
    sweeps from a thread of its own.

    Args:
        clock: Seconds that never step back.
        seen_s: How long an id is remembered.
        ids_max: How many are remembered; the oldest go first.
    """

    def __init__(
        self, clock: Callable[[], float], *, seen_s: float = SEEN_S, ids_max: int = SEEN_MAX
    ) -> None:
        self._clock = clock
        self._seen_s = seen_s
        self._ids_max = ids_max
        self._added: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._added)

    def has(self, message_id: bytes) -> bool:
        """Say whether an id was added, and not yet forgotten."""
        return message_id in self._added

    def add(self, message_id: bytes) -> bool:
        """Remember an id; True if it is new."""
        if message_id in self._added:
            return False
        now = self._clock()
        self._added[message_id] = now
        while self._added:
            oldest = next(iter(self._added))
            expired = now - self._added[oldest] > self._seen_s
            if not expired and len(self._added) <= self._ids_max:
                break
            del self._added[oldest]
        return True
