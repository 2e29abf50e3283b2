"""What is on its way between the members of a swarm in memory: when it lands, and what is lost.

Both are drawn from one seed, in the order of sending. It does not know who is whose neighbour, nor
what is sent.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import trio

from protocol.identity import PeerId


def unmissed() -> None:
    """Let what was lost be lost."""


@dataclass(frozen=True, slots=True, order=True)
class Flight:
    """What is on its way from one member to another, ordered by when it lands.

    Args:
        due_s: When it lands.
        number: How many were sent before.
        sender: From whom.
        receiver: To whom.
        land: Called with the receiver, if the two are neighbours then.
        be_lost: Called if they are not.
    """

    due_s: float
    number: int
    sender: PeerId = field(compare=False)
    receiver: PeerId = field(compare=False)
    land: Callable[[Any], None] = field(compare=False)
    be_lost: Callable[[], None] = field(compare=False, default=unmissed)


class Flights:
    """All that is in flight.

    Args:
        seed: Draws delays and losses.
        delay_s: Shortest and longest time of a hop; none leaves all in the order of sending.
        loss: Share of hops that never arrive, 0 to 1.

    Raises:
        ValueError: An argument makes no sense.
    """

    def __init__(self, seed: int, *, delay_s: tuple[float, float], loss: float) -> None:
        if not 0 <= delay_s[0] <= delay_s[1]:
            raise ValueError(f"delay_s is {delay_s}; it must be a range of times, shortest first")
        if not 0 <= loss <= 1:
            raise ValueError(f"loss is {loss}; it must be a share, 0 to 1")
        self.random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._delay_s = delay_s
        self._loss = loss
        self._flights: list[Flight] = []
        self._sent = 0
        self._changed = trio.Event()

    @property
    def delay_s_max(self) -> float:
        """Longest time of a hop, in seconds."""
        return self._delay_s[1]

    def send(
        self,
        sender: PeerId,
        receiver: PeerId,
        land: Callable[[Any], None],
        be_lost: Callable[[], None] = unmissed,
    ) -> None:
        """Let something fly for as long as a hop takes, or be lost, as the seed says."""
        delay_s = self.random.uniform(*self._delay_s)
        if self.random.random() < self._loss:
            be_lost()
        else:
            self.send_surely(delay_s, sender, receiver, land, be_lost)

    def send_surely(
        self,
        delay_s: float,
        sender: PeerId,
        receiver: PeerId,
        land: Callable[[Any], None],
        be_lost: Callable[[], None] = unmissed,
    ) -> None:
        """Let something fly for so many seconds; at once where hops take no time."""
        self._sent += 1
        due_s = trio.current_time() + delay_s if self.delay_s_max > 0 else 0.0
        heapq.heappush(self._flights, Flight(due_s, self._sent, sender, receiver, land, be_lost))
        self._changed.set()

    async def next(self) -> Flight:
        """Return the next flight once it is due."""
        while True:
            self._changed = trio.Event()
            due_s = self._flights[0].due_s if self._flights else float("inf")
            if due_s <= trio.current_time():
                return heapq.heappop(self._flights)
            with trio.move_on_at(due_s):
                await self._changed.wait()
