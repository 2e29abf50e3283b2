"""The mesh over TCP: GossipSub of py-libp2p, hardened, with peers found and kept.

This module only puts the rooms together, in the one order in which they start and stop safely:
services first and listening last, since an early caller finds no service; connections closed
before the services, since a late frame finds a closed nursery. What is wrong with the library, and
what is done about it, stands at each override in `pubsub`, `router`, `outbox` and `host`.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import trio
from libp2p.tools.anyio_service import background_trio_service
from libp2p.utils.address_validation import expand_wildcard_address
from multiaddr import Multiaddr

from node.faults import NetworkFault
from node.mesh.addresses import Address, encode_announcement
from node.mesh.book import AddressBook
from node.mesh.conduct import Conduct
from node.mesh.dialer import Dialer
from node.mesh.gate import JudgeError
from node.mesh.host import build_host, check_free, close_host
from node.mesh.mesh import Answer, Decision, OnEvent, Validate, no_answer, no_event
from node.mesh.pubsub import HardenedPubsub
from node.mesh.questions import Questions
from node.mesh.router import HardenedGossipSub
from node.mesh.settings import MESSAGE_BYTES_CEILING, MESSAGE_BYTES_MAX, MeshSettings
from node.mesh.swarm import HardenedHost
from node.mesh.written import announced, listened, named_peers
from protocol.identity import Keypair, PeerId

SAVE_S = 10.0
"""How often known peers are written down, if they changed."""

ANNOUNCE_S_MIN = 1.5
"""Shortest pause between two announcements of ours; peers ignore those within a second."""

DRAIN_S = 0.5
CLOSE_S = 1.0
"""At the end: how long queued messages and closing connections may take, together below 2 s."""


@asynccontextmanager
async def open_gossip_mesh(
    settings: MeshSettings,
    keypair: Keypair,
    topic: str,
    validate: Validate,
    *,
    address_topic: str,
    known_peers_path: Path | None = None,
    conduct_path: Path | None = None,
    is_allowed: Callable[[PeerId], bool] = lambda _peer: True,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
    on_event: OnEvent = no_event,
    answer: Answer = no_answer,
    question_protocol: str = "",
) -> AsyncIterator["GossipMesh"]:
    """Join the swarm for as long as the block lasts.

    Args:
        settings: Where to listen, whom to dial, limits.
        keypair: Who we are; also the libp2p identity.
        topic: The topic of the messages.
        validate: Asked about, and so handed, each message once.
        address_topic: The topic on which peers tell where they are.
        known_peers_path: Where known peers are kept across restarts; None keeps none.
        conduct_path: Where bars against peers are kept across restarts; None keeps none.
        is_allowed: Whether a peer may be connected at all; asked upon each connection.
        message_bytes_max: Longest message, by the swarm's parameters.
        on_event: Told what happened.
        answer: Asked for answers to neighbours' questions.
        question_protocol: The libp2p protocol of questions; empty: none are asked or answered.

    Yields:
        The mesh, listening; peers come as they are reached.

    Raises:
        NetworkFault: An address cannot be listened on.
        ConfigFault: An address is malformed, or the installed py-libp2p is not one that this was
            made for.
        ValueError: The limit is more than a frame can hold.
        Exception: Whatever `validate` or `answer` raised: a bug of ours, which ends the mesh.
    """
    if not 1 <= message_bytes_max <= MESSAGE_BYTES_CEILING:
        raise ValueError(
            f"message_bytes_max is {message_bytes_max}; it must be 1 to {MESSAGE_BYTES_CEILING}, "
            "the most that fits one frame"
        )
    named = named_peers(settings)
    listen = listened(settings)
    announce = announced(settings)
    for address in listen:
        check_free(address)
    book = AddressBook(
        keypair.peer_id, known_peers_path, clock=trio.current_time, on_event=on_event
    )
    book.load()
    conduct = Conduct(
        conduct_path, clock=trio.current_time, wall=time.time, on_event=on_event, spared=named
    )
    conduct.load()
    mesh = GossipMesh(
        build_host(
            keypair,
            announce,
            on_event,
            settings=settings,
            conduct=conduct,
            is_allowed=is_allowed,
        ),
        settings,
        keypair,
        topic,
        address_topic,
        validate,
        book=book,
        conduct=conduct,
        message_bytes_max=message_bytes_max,
        on_event=on_event,
        answer=answer,
        question_protocol=question_protocol,
    )
    async with _ungrouped(mesh):
        await mesh.listen(listen)
        yield mesh


@asynccontextmanager
async def _ungrouped(mesh: "GossipMesh") -> AsyncIterator[None]:
    """Run a mesh around a block; what is raised in it comes out as it is, a judge's bug first."""
    raised: Exception | None = None
    async with mesh.running():
        try:
            yield
        except Exception as error:  # noqa: BLE001 - not hostile: raised below, out of the groups
            # that the nurseries in between would put it into.
            raised = error
    if mesh.failure is not None:
        raise mesh.failure.__cause__ or mesh.failure
    if raised is not None:
        raise raised


class GossipMesh:
    """A node's membership of a swarm over TCP; made by `open_gossip_mesh`."""

    def __init__(
        self,
        host: HardenedHost,
        settings: MeshSettings,
        keypair: Keypair,
        topic: str,
        address_topic: str,
        validate: Validate,
        *,
        book: AddressBook,
        conduct: Conduct,
        message_bytes_max: int,
        on_event: OnEvent,
        answer: Answer,
        question_protocol: str,
    ) -> None:
        random = Random(keypair.peer_id.to_bytes())  # noqa: S311 - spreads waits; no secret
        self.failure: JudgeError | None = None
        self.conduct = conduct
        self.host = host
        self._settings = settings
        self._message_bytes_max = message_bytes_max
        self._topic = topic
        self._address_topic = address_topic
        self._book = book
        self._on_event = on_event
        self._keypair = keypair
        self._present: frozenset[PeerId] = frozenset()
        self._newcomer = trio.Event()
        self._listening = trio.Event()
        self._stopping = trio.Event()
        self._scope: trio.CancelScope | None = None

        def judge(data: bytes, forwarder: PeerId, _author: PeerId) -> Decision:
            return validate(data, forwarder)

        self._router = HardenedGossipSub(settings, dialled=host.swarm.dialled, random=random)
        self.pubsub = HardenedPubsub(
            host,
            self._router,
            keypair=keypair,
            settings=settings,
            conduct=conduct,
            message_bytes_max=message_bytes_max,
            judges={topic: judge, address_topic: book.hear},
            counted_as={topic: "", address_topic: "address_"},
            on_event=on_event,
            on_bug=self._fail,
            on_peers=self._compare_peers,
            random=random,
        )
        self._questions = self._build_questions(question_protocol, answer)
        self._dialer = self._build_dialer(random)

    def _build_dialer(self, random: Random) -> Dialer:
        return Dialer(
            self.host.get_network(),
            own=self._keypair.peer_id,
            book=self._book,
            settings=self._settings,
            connected=self.peers,
            on_event=self._on_event,
            random=random,
        )

    def _build_questions(self, protocol: str, answer: Answer) -> Questions:
        return Questions(
            self.host,
            protocol,
            answer,
            conduct=self.conduct,
            counts=self.pubsub.counts,
            on_event=self._on_event,
            on_bug=self._fail,
        )

    @property
    def peer_id(self) -> PeerId:
        """Who we are to the others."""
        return self._keypair.peer_id

    @property
    def addresses(self) -> tuple[str, ...]:
        """Multiaddrs under which others can dial us, each ending in `/p2p/<peer id>`."""
        return tuple(str(address) for address in self._own_addresses())

    async def publish(self, data: bytes) -> None:
        """Hand one message to every peer that wants it; see `Mesh.publish`.

        Raises:
            ValueError: It is empty or longer than a message may be.
        """
        if not 1 <= len(data) <= self._message_bytes_max:
            raise ValueError(f"a message has 1 to {self._message_bytes_max} bytes, not {len(data)}")
        await self.pubsub.publish(self._topic, data)

    async def ask(self, peer: PeerId, question: bytes) -> bytes:
        """Put a question to one neighbour; see `Mesh.ask`.

        Raises:
            ValueError: It is empty or too long.
        """
        return await self._questions.ask(peer, question)

    def peers(self) -> tuple[PeerId, ...]:
        """Peers that are connected and subscribed to our topic, in the order of their ids."""
        return tuple(self.pubsub.subscribers(self._topic))

    def counters(self) -> Mapping[str, int]:
        """Count what passed since the start."""
        return dict(self.pubsub.counts)

    async def listen(self, addresses: list[Multiaddr]) -> None:
        """Take callers from now on.

        Raises:
            NetworkFault: An address cannot be listened on.
        """
        for address in addresses:
            # Cancelled halfway the library leaves a socket open.
            with trio.CancelScope(shield=True):
                listens = await self.host.get_network().listen(address)
            if not listens:
                raise NetworkFault(
                    f"cannot listen on {address}", fix="choose another address to listen on"
                )
        self._on_event("listening", {"addresses": self.addresses})
        self._listening.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the rooms around a block, which is cancelled if a judge fails."""
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            # Cancelled halfway it would wait for ever: nobody else tells the library to stop.
            with trio.CancelScope(shield=True):
                await nursery.start(self._serve)
            nursery.start_soon(self._dialer.run)
            nursery.start_soon(self._announce)
            nursery.start_soon(self._remember)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()
                self._stopping.set()

    async def _serve(self, task_status: Any) -> None:
        """Run the library until we stop.

        Shielded: when a cancellation reaches its tasks all at once, they leave sockets open.

        Args:
            task_status: Trio's; the stubs of trio that libp2p brings along lack the type.
        """
        with trio.CancelScope(shield=True):
            async with (
                self.host.run([]),
                background_trio_service(self.pubsub),
                background_trio_service(self._router),
            ):
                await self.pubsub.wait_until_ready()
                await self.pubsub.subscribe(self._topic)
                await self.pubsub.subscribe(self._address_topic)
                task_status.started()
                await self._stopping.wait()
                await self._stop()

    async def _stop(self) -> None:
        """Send what is queued, close the connections, write down the peers."""
        if self.failure is None:
            await self.pubsub.drain(DRAIN_S)
        await close_host(self.host, CLOSE_S)
        self._book.save()
        self.conduct.save()

    async def _announce(self) -> None:
        """Tell the swarm where we are: at once, when a peer comes, and every now and then."""
        await self._listening.wait()
        while True:
            addresses = self._own_addresses()
            if addresses:
                await self.pubsub.publish(self._address_topic, encode_announcement(addresses))
            await trio.sleep(ANNOUNCE_S_MIN)
            with trio.move_on_after(self._settings.announce_s):
                await self._newcomer.wait()
            self._newcomer = trio.Event()

    async def _remember(self) -> None:
        """Write down who is known and who is barred, beside the event loop: a disk takes time."""
        while True:
            await trio.sleep(SAVE_S)
            await trio.to_thread.run_sync(self._book.save)
            await trio.to_thread.run_sync(self.conduct.save)

    def _compare_peers(self) -> None:
        """Tell who has come and who has gone since the last time."""
        present = frozenset(self.peers())
        for peer in sorted(present - self._present):
            self._book.meet(peer)
            self._newcomer.set()
            self._on_event("peer_connected", {"peer": str(peer), "peers": len(present)})
        for peer in sorted(self._present - present):
            self._on_event("peer_disconnected", {"peer": str(peer), "peers": len(present)})
        self._present = present
        self._dialer.notice()

    def _fail(self, failure: JudgeError) -> None:
        """End the mesh: the judge's bug is raised where the mesh was opened."""
        self.failure = self.failure or failure
        if self._scope is not None:
            self._scope.cancel()

    def _own_addresses(self) -> list[Address]:
        """Return where we are; 0.0.0.0 and :: stand for each interface's address."""
        places = [
            place for address in self.host.get_addrs() for place in expand_wildcard_address(address)
        ]
        return [_own(str(place), self.peer_id) for place in dict.fromkeys(map(str, places))]


def _own(text: str, own: PeerId) -> Address:
    address = Address.parse(text.partition("/p2p/")[0])
    return Address(address.kind, address.host, address.port, own)
