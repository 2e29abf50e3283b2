"""Keeps a node connected: dials whom it wants, again and again, and says where it failed.

The first peers that an operator names are dialled for ever. Peers that were only heard of are
dialled while there are too few connections. Nothing here decides what is said once connected.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

import trio
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.transport.exceptions import OpenConnectionError
from multiaddr import Multiaddr

from node.mesh.addresses import Address
from node.mesh.book import AddressBook
from node.mesh.mesh import OnEvent
from node.mesh.settings import MeshSettings
from protocol.identity import PeerId

TICK_S = 0.25
"""How often it is asked who is missing."""

DIALS_MAX = 8
"""Dials under way at once; each may hold a socket for the whole time-out."""

HEAD_START_S = 1.5
"""Two peers that hear of each other at once would both dial. The one with the larger id waits."""


class Dialling(Protocol):
    """The part of the library's network that dialling needs."""

    async def dial_addr(self, addr: Multiaddr, peer_id: ID) -> object:
        """Connect, prove who we are, check who answers."""
        ...

    def get_connections(self, peer_id: ID) -> Sequence[object]:
        """Return the open connections to a peer."""
        ...

    async def close_peer(self, peer_id: ID) -> None:
        """Close the connections to a peer."""
        ...


class DialError(Exception):
    """A dial that did not end in a subscribed peer.

    Args:
        step: Where: resolve, dial, handshake or protocol.
        cause: What the step said.
    """

    def __init__(self, step: str, cause: str) -> None:
        super().__init__(f"{step}: {cause}")
        self.step = step
        self.cause = cause


@dataclass(slots=True)
class Target:
    """One peer to be reached, and when to try again."""

    pause_s: float
    due_s: float
    named: list[Address] = field(default_factory=list)


class Dialer:
    """Dials; see the module.

    Args:
        network: What dials.
        own: Who we are; never dialled.
        book: Where peers are.
        settings: First peers, patience, how many connections are wanted.
        connected: Who is connected and subscribed now.
        on_event: Told of failures.
        random: Spreads the pauses.
    """

    def __init__(
        self,
        network: Dialling,
        *,
        own: PeerId,
        book: AddressBook,
        settings: MeshSettings,
        connected: Callable[[], Collection[PeerId]],
        on_event: OnEvent,
        random: Random,
    ) -> None:
        self._network = network
        self._own = own
        self._book = book
        self._settings = settings
        self._connected = connected
        self._on_event = on_event
        self._random = random
        self._targets: dict[PeerId, Target] = {}
        self._busy: set[PeerId] = set()
        self._changed = trio.Event()
        for text in settings.peers:
            address = Address.parse(text)
            if address.peer is not None and address.peer != own:
                self._target(address.peer, wait_s=0.0).named.append(address)

    async def run(self) -> None:
        """Dial whoever is missing, for ever."""
        async with trio.open_nursery() as nursery:
            while True:
                for peer in self._due():
                    self._busy.add(peer)
                    nursery.start_soon(self._reach, peer)
                await trio.sleep(TICK_S)

    def notice(self) -> None:
        """Look again at who is connected: somebody has come or gone."""
        self._changed.set()
        self._changed = trio.Event()

    def _due(self) -> list[PeerId]:
        """Return whom to dial now: the named peers, then others as far as more are wanted."""
        now, connected = trio.current_time(), set(self._connected())
        heard_of = set(self._book.peers())
        for peer in heard_of - self._targets.keys() - {self._own}:
            self._target(peer, wait_s=0.0 if self._own < peer else HEAD_START_S)
        for peer in list(self._targets):
            target = self._targets[peer]
            if not target.named and peer not in heard_of:
                del self._targets[peer]
            elif peer in connected:
                self._rest(target, self._settings.redial_s_min)
        missing = [
            (not target.named, target.due_s, peer)
            for peer, target in self._targets.items()
            if target.due_s <= now and peer not in connected and peer not in self._busy
        ]
        wanted = self._settings.connections_wanted - len(connected) - len(self._busy)
        named = [peer for others, _, peer in sorted(missing) if not others]
        others = [peer for others, _, peer in sorted(missing) if others]
        return [*named, *others[: max(0, wanted)]][: max(0, DIALS_MAX - len(self._busy))]

    def _target(self, peer: PeerId, *, wait_s: float) -> Target:
        """Return a peer's target, new ones due after about `wait_s`."""
        if peer not in self._targets:
            spread_s = self._random.uniform(0.0, 2 * TICK_S) if wait_s else 0.0
            due_s = trio.current_time() + wait_s + spread_s
            self._targets[peer] = Target(self._settings.redial_s_min, due_s)
        return self._targets[peer]

    def _rest(self, target: Target, pause_s: float) -> float:
        """Put a target off for about `pause_s`, spread so that a swarm does not dial as one."""
        target.pause_s = min(pause_s, self._settings.redial_s_max)
        wait_s = target.pause_s * self._random.uniform(0.75, 1.25)
        target.due_s = trio.current_time() + wait_s
        return wait_s

    async def _reach(self, peer: PeerId) -> None:
        """Try a peer's addresses one after another; failing all, put it off for longer."""
        target = self._targets[peer]
        addresses = list(dict.fromkeys([*target.named, *self._book.addresses(peer)]))
        try:
            for tried, address in enumerate(addresses, start=1):
                try:
                    await self._dial(address, peer)
                except DialError as failure:
                    last = tried == len(addresses)
                    retry_s = self._rest(target, target.pause_s * 2) if last else 0.0
                    self._on_event(
                        "dial_failed",
                        {
                            "address": str(address),
                            "step": failure.step,
                            "cause": failure.cause,
                            "retry_s": round(retry_s, 2),
                        },
                    )
                else:
                    self._rest(target, self._settings.redial_s_min)
                    return
        finally:
            self._busy.discard(peer)

    async def _dial(self, address: Address, peer: PeerId) -> None:
        """Dial one address.

        Raises:
            DialError: It failed, and where.
        """
        peer_id = ID(peer.to_bytes())
        if not self._network.get_connections(peer_id):
            places = await self._resolve(address)
            await self._connect(places[0], peer_id)
        with trio.move_on_after(self._settings.dial_timeout_s) as patience:
            while peer not in self._connected():
                if not self._network.get_connections(peer_id):
                    raise DialError("protocol", "the peer hung up")
                await self._changed.wait()
        if patience.cancelled_caught:
            await self._network.close_peer(peer_id)
            raise DialError("protocol", "the peer is of another swarm: it never joined our topic")

    async def _resolve(self, address: Address) -> list[Address]:
        places: list[Address] = []
        with trio.move_on_after(self._settings.dial_timeout_s):
            try:
                places = await address.resolve()
            except OSError as error:
                raise DialError("resolve", str(error)) from error
        if not places:
            raise DialError("resolve", f"no answer within {self._settings.dial_timeout_s:g} s")
        return places

    async def _connect(self, place: Address, peer_id: ID) -> None:
        """Connect and shake hands; the step that failed is told by the error's cause."""
        target = Multiaddr(f"/{place.kind}/{place.host}/tcp/{place.port}")
        with trio.move_on_after(self._settings.dial_timeout_s) as patience:
            try:
                await self._network.dial_addr(target, peer_id)
            except SwarmException as error:
                refused = isinstance(error.__cause__, OpenConnectionError)
                cause = error.__cause__ or error
                raise DialError("dial" if refused else "handshake", str(cause)) from error
        if patience.cancelled_caught:
            raise DialError("dial", f"no answer within {self._settings.dial_timeout_s:g} s")
