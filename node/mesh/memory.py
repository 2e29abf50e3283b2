"""A whole swarm in one process, seeded: the mesh's rules without sockets, keys or processes.

For tests and the laboratory. Each hop takes its time, so that one may overtake another, and may
be lost, as the seed says. Two runs of one seed deliver alike under a mock clock, and under any
clock where hops take no time, as long as the publishing tasks run in the same order (trio
shuffles its tasks). Messages are not signed, since nobody here can pretend to be another, and not
kept: who joins or is linked after a publish does not hear of it.
"""

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import trio

from node.mesh.mesh import Decision, OnEvent, Validate, no_event
from node.mesh.seen import SeenIds
from node.mesh.settings import MESSAGE_BYTES_MAX
from protocol.identity import PeerId

_COUNTED = {
    Decision.ACCEPT: "accepted",
    Decision.IGNORE: "ignored",
    Decision.REJECT: "rejected",
}


@dataclass(frozen=True, slots=True, order=True)
class _Flight:
    """One copy of a message between two members, ordered by when it lands."""

    due_s: float
    number: int
    receiver: PeerId = field(compare=False)
    forwarder: PeerId = field(compare=False)
    author: PeerId = field(compare=False)
    message_id: bytes = field(compare=False)
    payload: bytes = field(compare=False)


@asynccontextmanager
async def open_memory_swarm(
    seed: int,
    *,
    delay_s: tuple[float, float] = (0.0, 0.0),
    loss: float = 0.0,
    degree: int | None = None,
) -> AsyncIterator["MemorySwarm"]:
    """Run a swarm, empty at first, for as long as the block lasts.

    Args:
        seed: Draws delays, losses, orders and links.
        delay_s: Shortest and longest time of a hop; none leaves all in the order of publishing.
        loss: Share of hops that never arrive, 0 to 1.
        degree: Members to which a newcomer is linked, drawn; None links all with all.

    Yields:
        The swarm.

    Raises:
        Exception: Whatever a `validate` raised: a bug of its owner, which ends the swarm.
    """
    swarm = MemorySwarm(seed, delay_s=delay_s, loss=loss, degree=degree)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(swarm.run, nursery.cancel_scope)
        yield swarm
        nursery.cancel_scope.cancel()
    if swarm.failure is not None:
        raise swarm.failure


class MemorySwarm:
    """The members and what is in flight between them; made by `open_memory_swarm`."""

    def __init__(
        self,
        seed: int,
        *,
        delay_s: tuple[float, float],
        loss: float,
        degree: int | None,
    ) -> None:
        if not 0 <= delay_s[0] <= delay_s[1]:
            raise ValueError(f"delay_s is {delay_s}; it must be a range of times, shortest first")
        if not 0 <= loss <= 1:
            raise ValueError(f"loss is {loss}; it must be a share, 0 to 1")
        self.failure: Exception | None = None
        self._random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._delay_s = delay_s
        self._loss = loss
        self._degree = degree
        self._members: dict[PeerId, MemoryMesh] = {}
        self._flights: list[_Flight] = []
        self._flown = 0
        self._changed = trio.Event()

    def join(
        self,
        peer_id: PeerId,
        validate: Validate,
        *,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        on_event: OnEvent = no_event,
    ) -> "MemoryMesh":
        """Add a member and link it to others.

        Args:
            peer_id: Who it is.
            validate: Asked about, and so handed, each message once.
            message_bytes_max: Longest message.
            on_event: Told of peers coming and going.
        """
        if peer_id in self._members:
            raise ValueError(f"{peer_id} is in the swarm already")
        mesh = MemoryMesh(self, peer_id, validate, message_bytes_max, on_event)
        others = sorted(self._members)
        if self._degree is not None and self._degree < len(others):
            others = self._random.sample(others, self._degree)
        self._members[peer_id] = mesh
        for other in others:
            self.link(peer_id, other)
        return mesh

    def leave(self, peer_id: PeerId) -> None:
        """Take a member away at once, with all that flies to it."""
        for other in self._members[peer_id].peers():
            self.cut(peer_id, other)
        del self._members[peer_id]

    def link(self, one: PeerId, other: PeerId) -> None:
        """Make neighbours of two members."""
        if one == other:
            raise ValueError(f"{one} is no neighbour of its own")
        self._members[one].neighbours.add(other)
        self._members[other].neighbours.add(one)
        self._members[one].on_event("peer_connected", {"peer": other})
        self._members[other].on_event("peer_connected", {"peer": one})

    def cut(self, one: PeerId, other: PeerId) -> None:
        """Part two neighbours; what flies between them is lost."""
        if other in self._members[one].neighbours:
            self._members[one].neighbours.discard(other)
            self._members[other].neighbours.discard(one)
            self._members[one].on_event("peer_disconnected", {"peer": other})
            self._members[other].on_event("peer_disconnected", {"peer": one})

    def send(
        self, sender: PeerId, receiver: PeerId, author: PeerId, message_id: bytes, payload: bytes
    ) -> None:
        """Put one copy in flight, or lose it."""
        delay_s = self._random.uniform(*self._delay_s)
        if self._random.random() < self._loss:
            return
        self._flown += 1
        flight = _Flight(
            due_s=trio.current_time() + delay_s if self._delay_s[1] > 0 else 0.0,
            number=self._flown,
            receiver=receiver,
            forwarder=sender,
            author=author,
            message_id=message_id,
            payload=payload,
        )
        heapq.heappush(self._flights, flight)
        self._changed.set()

    async def run(self, scope: trio.CancelScope) -> None:
        """Let flights land when they are due, for ever; a failing `validate` cancels `scope`."""
        while True:
            self._changed = trio.Event()
            due_s = self._flights[0].due_s if self._flights else float("inf")
            if due_s > trio.current_time():
                with trio.move_on_at(due_s):
                    await self._changed.wait()
                continue
            flight = heapq.heappop(self._flights)
            receiver = self._members.get(flight.receiver)
            if receiver is not None and flight.forwarder in receiver.neighbours:
                try:
                    receiver.take(
                        flight.forwarder, flight.author, flight.message_id, flight.payload
                    )
                except Exception as error:  # noqa: BLE001 - nothing hostile: raised on closing
                    self.failure = error
                    scope.cancel()
            await trio.lowlevel.checkpoint()


class MemoryMesh:
    """One member's side of a `MemorySwarm`; made by its `join`."""

    def __init__(
        self,
        swarm: MemorySwarm,
        peer_id: PeerId,
        validate: Validate,
        message_bytes_max: int,
        on_event: OnEvent,
    ) -> None:
        self.peer_id = peer_id
        self.neighbours: set[PeerId] = set()
        self.on_event = on_event
        self._swarm = swarm
        self._validate = validate
        self._message_bytes_max = message_bytes_max
        self._seen = SeenIds(trio.current_time)
        self._counts: Counter[str] = Counter()

    @property
    def addresses(self) -> tuple[str, ...]:
        """A name that says who and where, though it cannot be dialled."""
        return (f"/memory/0/p2p/{self.peer_id}",)

    async def publish(self, data: bytes) -> None:
        """Hand one message to every neighbour; see `Mesh.publish`.

        Raises:
            ValueError: It is empty or longer than a message may be.
        """
        if not 1 <= len(data) <= self._message_bytes_max:
            raise ValueError(f"a message has 1 to {self._message_bytes_max} bytes, not {len(data)}")
        self._counts["published"] += 1
        number = self._counts["published"].to_bytes(8, "big")
        message_id = self.peer_id.to_bytes() + number
        self._seen.add(message_id)
        self._spread(self.peer_id, message_id, data, besides=self.peer_id)
        await trio.lowlevel.checkpoint()

    def peers(self) -> tuple[PeerId, ...]:
        """Our neighbours, in the order of their ids."""
        return tuple(sorted(self.neighbours))

    def counters(self) -> Mapping[str, int]:
        """Count what passed since the start."""
        return dict(self._counts)

    def take(self, forwarder: PeerId, author: PeerId, message_id: bytes, data: bytes) -> None:
        """Ask about a message if it is new, and pass it on if it is to be."""
        if not self._seen.add(message_id):
            self._counts["duplicate"] += 1
            return
        decision = self._validate(data, forwarder)
        self._counts[_COUNTED[decision]] += 1
        if decision is Decision.ACCEPT:
            self._spread(author, message_id, data, besides=forwarder)

    def _spread(self, author: PeerId, message_id: bytes, data: bytes, *, besides: PeerId) -> None:
        for neighbour in self.peers():
            if neighbour not in (author, besides):
                self._counts["forwarded"] += author != self.peer_id
                self._swarm.send(self.peer_id, neighbour, author, message_id, data)
