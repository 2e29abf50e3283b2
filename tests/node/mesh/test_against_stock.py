"""The attacks that py-libp2p's own classes do not survive: the control of what is overridden.

Each is made once at the library and once at our mesh, so that a release in which the library has
mended a defect shows here, and its override can go.
"""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trio
from libp2p import new_host
from libp2p.abc import IHost
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.score import PeerScorer, ScoreParams, TopicScoreParams
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from node.mesh import no_event
from node.mesh.host import build_host, close_host, quieten
from node.mesh.router import PROTOCOLS
from node.mesh.wire import publish_field, signed_message, varint
from protocol.identity import Keypair

if TYPE_CHECKING:
    from conftest import Lab

ATTACKER = Keypair.from_seed(bytes([99]) * 32)
TOPIC = "/test/messages"


def frame(rpc: bytes) -> bytes:
    return varint(len(rpc)) + rpc


def signed(seqno: int = 1, **changes: bytes) -> bytes:
    made, _ = signed_message(b"data", topic=TOPIC, seqno=seqno, keypair=ATTACKER)
    for name, value in changes.items():
        setattr(made, name, value)
    return publish_field(made.SerializeToString())


DEADLY = {
    "K1: a frame of random bytes": frame(bytes(range(200, 255)) + b"!" * 11),
    "K2: an RSA author and a key that is none": frame(
        signed(from_id=b"\x12\x20" + bytes(32), key=b"\x08\x00\x12\x05junk!")
    ),
}


@asynccontextmanager
async def stock(index: int = 1) -> AsyncIterator[tuple[IHost, Pubsub]]:
    """The library's own classes, as its documentation puts them together, on a port of theirs."""
    quieten()
    host = new_host(key_pair=create_new_key_pair(bytes([index]) * 32))
    router = GossipSub([TProtocol("/meshsub/1.1.0")], 6, 4, 12, heartbeat_interval=1)
    pubsub = Pubsub(host, router, strict_signing=True)
    async with host.run([]), background_trio_service(pubsub), background_trio_service(router):
        await pubsub.wait_until_ready()
        await pubsub.subscribe(TOPIC)
        await host.get_network().listen(Multiaddr("/ip4/127.0.0.1/tcp/0"))
        yield host, pubsub
        await host.close()


async def send(address: str, target: bytes, data: bytes, *, wait_s: float = 0.5) -> None:
    """Connect as a stranger and write to a gossip stream."""
    host = build_host(ATTACKER, (), no_event)
    async with host.run([]):
        with suppress(Exception), trio.move_on_after(5):  # hung up on, or the other end has died
            await host.get_network().dial_addr(Multiaddr(address), ID(target))
            stream = await host.new_stream(ID(target), list(PROTOCOLS))
            await stream.write(data)
            await trio.sleep(wait_s)
        await close_host(host, 1.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", DEADLY)
async def test_the_library_dies_of_one_frame(name: str) -> None:
    """Whatever ends its nursery ends the program around it."""
    died = False
    try:
        with trio.move_on_after(5):
            async with stock() as (host, _), trio.open_nursery() as nursery:
                address = str(host.get_addrs()[0]).partition("/p2p/")[0]
                nursery.start_soon(send, address, host.get_id().to_bytes(), DEADLY[name])
                await trio.sleep_forever()
    except* Exception:  # noqa: BLE001 - whichever it is: it came out of a stranger's bytes
        died = True
    gc.collect()  # the sockets that it has left open, which nobody can close any more

    assert died


@pytest.mark.parametrize("name", DEADLY)
async def test_ours_does_not(lab: "Lab", name: str) -> None:
    node, honest = lab.Member(), lab.Member()

    async with lab.gossip_swarm([node, honest], line=False) as (mesh, other):
        address = mesh.addresses[0].partition("/p2p/")[0]
        await send(address, mesh.peer_id.to_bytes(), DEADLY[name], wait_s=0.1)
        await other.publish(b"still served")
        await lab.until(lambda: b"still served" in node.heard)


async def test_the_library_restarts_with_numbers_that_its_peers_have_seen() -> None:
    """K8: its counter starts at whole seconds, so what it says for a while is a repetition."""
    async with stock() as (_, pubsub):
        assert pubsub.counter < 2**32


async def test_ours_restarts_above_all_that_it_can_have_sent(lab: "Lab") -> None:
    """A thousand million a second would be needed to reach the next life's first number."""
    async with lab.gossip_node(1, lab.Member()) as mesh:
        first = mesh.pubsub.counter
    async with lab.gossip_node(1, lab.Member()) as mesh:
        assert mesh.pubsub.counter > first + 1_000_000


async def test_the_library_has_no_limit_for_an_address(lab: "Lab") -> None:
    """K11: twelve identities of one address; `test_limits` shows that ours lets in eight."""
    async with AsyncExitStack() as stack:
        host, _ = await stack.enter_async_context(stock())
        place = str(host.get_addrs()[0]).partition("/p2p/")[0]
        for number in range(12):
            one = build_host(lab.keypair(100 + number), (), no_event)
            await stack.enter_async_context(one.run([]))
            stack.push_async_callback(close_host, one, 1.0)
            await one.get_network().dial_addr(Multiaddr(place), host.get_id())
            await one.new_stream(host.get_id(), list(PROTOCOLS))

        assert len(host.get_network().get_connections()) == 12


async def test_the_library_loses_most_of_a_burst_of_its_own() -> None:
    """K5: it takes its own messages for spam; `test_conformance` shows that ours arrive, all."""
    async with stock(1) as (sender, own), stock(2) as (other, theirs):
        place = str(other.get_addrs()[0]).partition("/p2p/")[0]
        await sender.get_network().dial_addr(Multiaddr(place), other.get_id())
        heard = await theirs.subscribe(TOPIC)
        with trio.fail_after(10):
            while not own.peer_topics.get(TOPIC) or not own.router.mesh.get(TOPIC):  # type: ignore[attr-defined]  # noqa: ASYNC110 - told by nobody
                await trio.sleep(0.05)
        for number in range(50):
            await own.publish(TOPIC, b"%d" % number)
        count = 0
        with trio.move_on_after(1.5):
            while await heard.get():
                count += 1

    assert count <= 32


def test_the_library_forgets_what_it_held_against_a_peer_that_hangs_up() -> None:
    """K14; `test_conduct` shows that ours remembers, across restarts too."""
    peer = ID(ATTACKER.peer_id.to_bytes())
    scoring = TopicScoreParams(weight=1.0, cap=100.0, decay=0.99)
    scorer = PeerScorer(ScoreParams(p4_invalid_messages=scoring))
    for _ in range(50):
        scorer.on_invalid_message(peer, TOPIC)
    before = scorer.score(peer, [TOPIC])

    scorer.remove_peer(peer)

    assert before < 0
    assert scorer.score(peer, [TOPIC]) == 0


def test_the_library_would_never_turn_anybody_away_by_itself() -> None:
    """K9, K15: no score is low enough, and its heartbeat may slow down to half a minute."""
    router = GossipSub([TProtocol("/meshsub/1.1.0")], 6, 4, 12)

    assert ScoreParams().graylist_threshold == float("-inf")
    assert router.adaptive_gossip_enabled
    assert router.spam_protection_enabled
