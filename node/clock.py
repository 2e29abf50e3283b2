"""Whether this machine's clock was set, or is behind: told, and otherwise ignored.

No rule of the wire and no verdict asks for the time. What does is how long a peer stays barred, and
the times in a log. It judges nobody by a clock, and knows no other clock than this machine's.
"""

import time
from collections.abc import Callable
from pathlib import Path

STEP_S = 5.0
"""What is less is how clocks are kept right."""


class ClockWatch:
    """Compares the wall's clock with one that nobody sets.

    Args:
        wall: Seconds since 1970, as they are told.
        steady: Seconds on a clock that only runs on.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead_s = wall() - steady()

    def stepped_s(self) -> float:
        """Return by how many seconds the clock was set since the last look; 0 if it was not.

        A machine that slept wakes with a clock that seems to have been set forward.
        """
        ahead_s = self._wall() - self._steady()
        by_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        return by_s if abs(by_s) >= STEP_S else 0.0

    def behind_s(self, written: Path) -> float:
        """Return by how many seconds the clock is behind a file's last change; 0 if it is not."""
        if not written.exists():
            return 0.0
        by_s = written.stat().st_mtime - self._wall()
        return by_s if by_s >= STEP_S else 0.0
