"""A whole swarm in one process, seeded: the mesh's rules without sockets, keys or processes.

For tests and the laboratory. Each hop takes its time, so that one may overtake another, and may
be lost, as the seed says. Two runs of one seed deliver alike under a mock clock, and under any
clock where hops take no time, as long as the publishing tasks run in the same order (trio
shuffles its tasks). Messages are not signed, since nobody here can pretend to be another, and not
kept: who joins or is linked after a publish does not hear of it. Questions and answers take their
hops as messages do; who asked in vain knows it once both hops could have been taken.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio

from node.mesh.flights import Flights
from node.mesh.mesh import (
    Answer,
    Decision,
    OnEvent,
    Validate,
    check_question,
    checked_answer,
    no_answer,
    no_event,
)
from node.mesh.seen import SeenIds
from node.mesh.settings import MESSAGE_BYTES_MAX
from protocol.identity import PeerId

_COUNTED = {
    Decision.ACCEPT: "accepted",
    Decision.IGNORE: "ignored",
    Decision.REJECT: "rejected",
}


class _Reply:
    """The answer to one question, once it has come or is known not to come."""

    def __init__(self) -> None:
        self._answer = b""
        self._known = trio.Event()

    def come(self, answer: bytes) -> None:
        """Take the answer."""
        self._answer = answer
        self._known.set()

    def fail(self) -> None:
        """Note that none will come."""
        self._known.set()

    async def wait(self) -> bytes:
        """Return the answer, b"" if there is none."""
        await self._known.wait()
        return self._answer


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
        Exception: Whatever a `validate` or `answer` raised: its owner's bug, which ends the swarm.
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
        self.failure: Exception | None = None
        self._flights = Flights(seed, delay_s=delay_s, loss=loss)
        self._degree = degree
        self._members: dict[PeerId, MemoryMesh] = {}

    def join(
        self,
        peer_id: PeerId,
        validate: Validate,
        *,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        on_event: OnEvent = no_event,
        answer: Answer = no_answer,
    ) -> "MemoryMesh":
        """Add a member and link it to others.

        Args:
            peer_id: Who it is.
            validate: Asked about, and so handed, each message once.
            message_bytes_max: Longest message.
            on_event: Told of peers coming and going.
            answer: Asked for answers to neighbours' questions.
        """
        if peer_id in self._members:
            raise ValueError(f"{peer_id} is in the swarm already")
        mesh = MemoryMesh(self, peer_id, validate, message_bytes_max, on_event, answer)
        others = sorted(self._members)
        if self._degree is not None and self._degree < len(others):
            others = self._flights.random.sample(others, self._degree)
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
        self._members[one].on_event("peer_connected", {"peer": str(other)})
        self._members[other].on_event("peer_connected", {"peer": str(one)})

    def cut(self, one: PeerId, other: PeerId) -> None:
        """Part two neighbours; what flies between them is lost."""
        if other in self._members[one].neighbours:
            self._members[one].neighbours.discard(other)
            self._members[other].neighbours.discard(one)
            self._members[one].on_event("peer_disconnected", {"peer": str(other)})
            self._members[other].on_event("peer_disconnected", {"peer": str(one)})

    def send(
        self, sender: PeerId, receiver: PeerId, author: PeerId, message_id: bytes, payload: bytes
    ) -> None:
        """Put one copy of a message in flight, or lose it."""

        def land(member: MemoryMesh) -> None:
            member.take(sender, author, message_id, payload)

        self._flights.send(sender, receiver, land)

    def ask(self, asker: PeerId, peer: PeerId, question: bytes) -> _Reply:
        """Put a question in flight, and what is answered to it."""
        reply = _Reply()
        known_s = trio.current_time() + 2 * self._flights.delay_s_max

        def give_up() -> None:
            rest_s = known_s - trio.current_time()
            # To the asker itself, whom nobody cuts off.
            self._flights.send_surely(rest_s, asker, asker, lambda _asker: reply.fail(), reply.fail)

        def be_answered(answerer: MemoryMesh) -> None:
            answer = answerer.reply(asker, question)
            self._flights.send(peer, asker, lambda _asker: reply.come(answer), give_up)

        self._flights.send(asker, peer, be_answered, give_up)
        return reply

    async def run(self, scope: trio.CancelScope) -> None:
        """Let flights land when they are due, for ever; a member's failure cancels `scope`."""
        while True:
            flight = await self._flights.next()
            receiver = self._members.get(flight.receiver)
            try:
                if receiver is not None and receiver.hears(flight.sender):
                    flight.land(receiver)
                else:
                    flight.be_lost()
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
        answer: Answer,
    ) -> None:
        self.peer_id = peer_id
        self.neighbours: set[PeerId] = set()
        self.on_event = on_event
        self._swarm = swarm
        self._validate = validate
        self._answer = answer
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

    async def ask(self, peer: PeerId, question: bytes) -> bytes:
        """Put a question to one neighbour; see `Mesh.ask`.

        Raises:
            ValueError: It is empty or too long.
        """
        check_question(question)
        self._counts["questions_asked"] += 1
        await trio.lowlevel.checkpoint()
        if peer not in self.neighbours:
            return b""
        return await self._swarm.ask(self.peer_id, peer, question).wait()

    def peers(self) -> tuple[PeerId, ...]:
        """Our neighbours, in the order of their ids."""
        return tuple(sorted(self.neighbours))

    def counters(self) -> Mapping[str, int]:
        """Count what passed since the start."""
        return dict(self._counts)

    def hears(self, sender: PeerId) -> bool:
        """Say whether what a member sends us arrives."""
        return sender in self.neighbours or sender == self.peer_id

    def reply(self, asker: PeerId, question: bytes) -> bytes:
        """Answer a neighbour's question."""
        answer = checked_answer(self._answer, question, asker)
        self._counts["questions_answered"] += 1
        return answer

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
