"""A node whose disk refuses to write is degraded, not dead: it waits, and goes on by itself.

Meanwhile it neither samples, trains nor publishes, since nothing may be published that is not
durable; its mesh goes on forwarding for others. It knows nothing of what is written.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from node.faults import DiskFault
from node.log import Event

RETRY_S = 5.0
"""How long to wait before the disk is asked again."""

T = TypeVar("T")


class Patience:
    """Waits out a disk that refuses.

    Args:
        tell: Told when the node becomes degraded, and when it has recovered.
    """

    def __init__(self, tell: Event) -> None:
        self._tell = tell
        self.is_degraded = False

    async def until_written(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do something that writes, again and again until the disk lets it.

        Args:
            act: May be done again from its beginning after a `DiskFault`.
        """
        while True:
            try:
                done = await act()
            except DiskFault as fault:
                self._degrade(fault)
                await trio.sleep(RETRY_S)
            else:
                self._recover()
                return done

    def _degrade(self, fault: DiskFault) -> None:
        if not self.is_degraded:
            self.is_degraded = True
            does = "forwards for others, and neither samples, trains nor publishes"
            told = {"cause": fault.cause, "fix": fault.fix, "does": does, "again_s": RETRY_S}
            self._tell("degraded", told)

    def _recover(self) -> None:
        if self.is_degraded:
            self.is_degraded = False
            self._tell("recovered", {})
