"""Whom a node dials and when, in virtual time, over a network that does as it is told."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from typing import Any

import pytest
import trio
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.transport.exceptions import OpenConnectionError, SecurityUpgradeFailure
from multiaddr import Multiaddr
from trio.testing import MockClock

from node.mesh.addresses import Address, encode_announcement
from node.mesh.book import AddressBook
from node.mesh.dialer import DIALS_MAX, HEAD_START_S, TICK_S, Dialer
from node.mesh.settings import MeshSettings
from protocol.identity import PeerId

OWN = PeerId(bytes([5]) * 32)


def peer(number: int) -> PeerId:
    return PeerId(bytes([number]) * 32)


def address(number: int, host: str = "10.0.0.1") -> Address:
    kind = "ip4" if host[0].isdigit() else "dns4"
    return Address(kind, host, 4000 + number, peer(number))


async def refuse(_target: str) -> None:
    raise SwarmException("no") from OpenConnectionError("connection refused")


async def mistrust(_target: str) -> None:
    raise SwarmException("no") from SecurityUpgradeFailure("Peer ID mismatch")


async def hang(_target: str) -> None:
    await trio.sleep_forever()


async def agree(_target: str) -> None:
    await trio.sleep(0.01)


class Network:
    """Does to each dial what `answer` says; who answers well is connected."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.answer = answer
        self.dials: list[tuple[float, str]] = []
        self.connected: set[PeerId] = set()
        self.subscribes = True
        self.silent: set[ID] = set()
        self.closed: list[ID] = []
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.book = AddressBook(OWN, None, clock=trio.current_time, on_event=self.on_event)
        self.dialer: Dialer | None = None

    def on_event(self, name: str, fields: Mapping[str, object]) -> None:
        self.events.append((name, fields))

    async def dial_addr(self, addr: Multiaddr, peer_id: ID) -> object:
        self.dials.append((trio.current_time(), str(addr)))
        await self.answer(str(addr))
        if self.subscribes:
            self.connected.add(PeerId.from_bytes(peer_id.to_bytes()))
            assert self.dialer is not None
            self.dialer.notice()
        else:
            self.silent.add(peer_id)
        return None

    def get_connections(self, peer_id: ID) -> list[object]:
        known = {ID(one.to_bytes()) for one in self.connected} | self.silent
        return [object()] if peer_id in known else []

    async def close_peer(self, peer_id: ID) -> None:
        self.closed.append(peer_id)
        self.silent.discard(peer_id)

    def hear(self, *numbers: int) -> None:
        for number in numbers:
            self.book.hear(encode_announcement([address(number)]), OWN, peer(number))

    def times_s(self, number: int) -> list[float]:
        return [at for at, target in self.dials if target.endswith(str(4000 + number))]

    @asynccontextmanager
    async def running(self, *first: Address, **settings: Any) -> AsyncIterator[None]:
        dialer = Dialer(
            self,
            own=OWN,
            book=self.book,
            settings=MeshSettings(peers=tuple(map(str, first)), **settings),
            connected=lambda: self.connected,
            on_event=self.on_event,
            random=Random(1),  # noqa: S311 - seeded
        )
        self.dialer = dialer
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dialer.run)
            yield
            nursery.cancel_scope.cancel()

    def failures(self) -> list[tuple[object, object]]:
        return [(fields["step"], fields["cause"]) for _, fields in self.events]


async def test_the_first_peers_are_dialled_at_once(autojump_clock: MockClock) -> None:
    network = Network(agree)
    began = trio.current_time()

    async with network.running(address(1), address(2)):
        await trio.sleep(0.1)

    assert [at - began for at, _ in network.dials] == [0.0, 0.0]
    assert network.connected == {peer(1), peer(2)}
    assert network.events == []


async def test_a_peer_that_is_away_is_dialled_for_ever_ever_less_often(
    autojump_clock: MockClock,
) -> None:
    network = Network(refuse)

    async with network.running(address(1), redial_s_min=0.5, redial_s_max=30.0):
        await trio.sleep(600)

    times = network.times_s(1)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] < 2
    assert pauses == pytest.approx(sorted(pauses), abs=20)  # apart from their spread
    assert all(20 < pause < 40 for pause in pauses[6:])
    assert len(times) > 20
    assert set(network.failures()) == {("dial", "connection refused")}
    assert {fields["address"] for _, fields in network.events} == {str(address(1))}


async def test_a_peer_that_comes_back_is_found_and_its_patience_renewed(
    autojump_clock: MockClock,
) -> None:
    network = Network(refuse)

    async with network.running(address(1)):
        await trio.sleep(200)
        network.answer = agree
        await trio.sleep(40)
        assert network.connected == {peer(1)}
        network.connected.clear()
        left = trio.current_time()
        await trio.sleep(5)
        assert network.connected == {peer(1)}

    assert network.times_s(1)[-1] - left < 1


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (refuse, ("dial", "connection refused")),
        (mistrust, ("handshake", "Peer ID mismatch")),
        (hang, ("dial", "no answer within 10 s")),
    ],
)
async def test_the_step_that_failed_is_named(
    autojump_clock: MockClock, answer: Callable[[str], Any], failure: tuple[str, str]
) -> None:
    network = Network(answer)

    async with network.running(address(1)):
        await trio.sleep(12)

    assert network.failures()[0] == failure
    assert network.events[0][0] == "dial_failed"


async def test_an_unknown_host_fails_at_resolving() -> None:
    network = Network(agree)

    async with network.running(address(1, host="no-such-host.invalid")):
        with trio.fail_after(5):
            while not network.events:  # noqa: ASYNC110 - the event is the test's own
                await trio.sleep(0.01)

    assert network.failures()[0][0] == "resolve"
    assert network.dials == []


async def test_a_peer_of_another_swarm_is_let_go(autojump_clock: MockClock) -> None:
    network = Network(agree)
    network.subscribes = False

    async with network.running(address(1), dial_timeout_s=3.0):
        await trio.sleep(3.5)

    assert network.failures()[0][0] == "protocol"
    assert network.closed == [ID(peer(1).to_bytes())]


async def test_a_peer_that_called_us_is_not_dialled(autojump_clock: MockClock) -> None:
    network = Network(agree)
    network.connected.add(peer(1))

    async with network.running(address(1)):
        await trio.sleep(10)

    assert network.dials == []


async def test_we_do_not_dial_ourselves(autojump_clock: MockClock) -> None:
    network = Network(agree)

    async with network.running(Address("ip4", "10.0.0.1", 1, OWN)):
        await trio.sleep(10)

    assert network.dials == []


async def test_peers_heard_of_are_dialled_up_to_the_wanted_number(
    autojump_clock: MockClock,
) -> None:
    network = Network(agree)

    async with network.running(connections_wanted=3):
        network.hear(10, 11, 12, 13, 14)
        await trio.sleep(10)
        assert len(network.connected) == 3
        network.connected.pop()
        await trio.sleep(10)

    assert len(network.connected) == 3
    assert len(network.dials) == 4


async def test_the_first_peers_are_dialled_however_many_are_connected(
    autojump_clock: MockClock,
) -> None:
    network = Network(agree)
    network.connected = {peer(20), peer(21)}

    async with network.running(address(1), connections_wanted=1):
        await trio.sleep(1)

    assert peer(1) in network.connected


async def test_of_two_that_hear_of_each_other_the_larger_id_waits(
    autojump_clock: MockClock,
) -> None:
    network = Network(agree)
    began = trio.current_time()

    async with network.running():
        network.hear(1, 9)
        await trio.sleep(5)

    assert network.times_s(9)[0] - began <= TICK_S
    assert HEAD_START_S <= network.times_s(1)[0] - began <= HEAD_START_S + 3 * TICK_S


async def test_a_swarm_of_dead_addresses_holds_few_sockets(autojump_clock: MockClock) -> None:
    network = Network(hang)

    async with network.running(connections_wanted=100):
        network.hear(*range(10, 60))
        await trio.sleep(9)

    assert len(network.dials) == DIALS_MAX


async def test_every_address_of_a_peer_is_tried(autojump_clock: MockClock) -> None:
    async def second_only(target: str) -> None:
        if "10.0.0.2" not in target:
            await refuse(target)

    network = Network(second_only)

    async with network.running(address(1), address(1, host="10.0.0.2")):
        await trio.sleep(0.2)

    assert network.connected == {peer(1)}
    assert network.failures() == [("dial", "connection refused")]
