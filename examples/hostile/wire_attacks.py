"""Everything that is known to kill, freeze or fool a node, one after another at a live one.

Each attack comes from an identity and an address of its own. After each the node must be alive, and
serve an honest peer that was connected all along.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import ground
import trio
from intruder import HUNG_UP, Intruder, control, frame, hello, intruder
from libp2p.custom_types import TProtocol
from libp2p.host.exceptions import HostException
from libp2p.network.exceptions import SwarmException
from libp2p.pubsub.pb import rpc_pb2
from libp2p.stream_muxer.yamux import yamux
from live import Live, honest_peer, live_node

from node.mesh.addresses import Address, encode_announcement
from node.mesh.wire import publish_field, signed_message, varint
from protocol.envelope import open_part
from protocol.evidence import Evidence
from protocol.identity import Keypair

Attack = Callable[[Intruder, Live], Awaitable[None]]

RANDOM = Random(1)  # noqa: S311 - junk, the same in every run


def written(*frames: bytes) -> Attack:
    """Return the attack that writes frames to one gossip stream."""

    async def attack(one: Intruder, _live: Live) -> None:
        stream = await one.stream()
        for data in frames:
            await stream.write(data)

    return attack


def published(make: Callable[[Intruder, int], bytes], count: int = 1) -> Attack:
    """Return the attack that publishes what `make` returns for one intruder and a round."""

    async def attack(one: Intruder, live: Live) -> None:
        stream = await one.stream()
        for _ in range(count):
            await stream.write(frame(make(one, ground.round_at(live.epoch_ns))))

    return attack


def envelope(change: Callable[[bytes, Keypair], bytes], count: int = 1) -> Attack:
    """Return the attack that publishes an honest contribution after a change."""

    def make(one: Intruder, round_index: int) -> bytes:
        data = ground.message(one.keypair, round_index, RANDOM.randrange(8))
        return one.signed(change(data, one.keypair))

    return published(make, count)


async def yamux_flood(one: Intruder, kind: int, flags: int, count: int) -> None:
    """Write small Yamux frames as fast as they are taken."""
    for number in range(count):
        await one.raw(kind, flags, 0, number % 1000)


async def pings(one: Intruder, _live: Live) -> None:
    """Ask for twenty thousand answers."""
    await yamux_flood(one, yamux.TYPE_PING, yamux.FLAG_SYN, 20_000)


async def windows(one: Intruder, _live: Live) -> None:
    """Widen the window of no stream, again and again."""
    await yamux_flood(one, yamux.TYPE_WINDOW_UPDATE, 0, 20_000)


async def unread(one: Intruder, _live: Live) -> None:
    """Send 64 MB to streams that nobody reads, against the window."""
    stream = await one.connection.open_stream()
    for _ in range(1000):
        await one.raw(yamux.TYPE_DATA, 0, stream.stream_id, 65_000, bytes(65_000))


async def streams(one: Intruder, _live: Live) -> None:
    """Open a thousand streams and say nothing."""
    for _ in range(1000):
        await one.connection.open_stream()


async def reset_streams(one: Intruder, _live: Live) -> None:
    """Open and reset thousands of streams, the pattern that stops HTTP/2 servers."""
    for number in range(5000):
        await one.raw(yamux.TYPE_WINDOW_UPDATE, yamux.FLAG_SYN, 2 * number + 1001, 0)
        await one.raw(yamux.TYPE_WINDOW_UPDATE, yamux.FLAG_RST, 2 * number + 1001, 0)


async def huge_frame(one: Intruder, _live: Live) -> None:
    """Announce 15 MiB of data in one Yamux frame, and send it."""
    stream = await one.connection.open_stream()
    await one.raw(yamux.TYPE_DATA, 0, stream.stream_id, 15 << 20, bytes(15 << 20))


async def other_protocols(one: Intruder, _live: Live) -> None:
    """Send junk to every protocol but gossip, and to one that does not exist."""
    for name in ("/ipfs/ping/1.0.0", "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/nothing/1"):
        with suppress(HUNG_UP):
            stream = await one.host.new_stream(one.target, [TProtocol(name)])
            await stream.write(RANDOM.randbytes(50_000))
    junk = await one.connection.open_stream()
    await junk.write(b"\xff" * 1000)


async def before_the_handshake(_one: Intruder, live: Live) -> None:
    """Send what is no libp2p at all."""
    for junk in (
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        RANDOM.randbytes(3000),
        b"\x13/multistream/1.0.0\n",
    ):
        stream = await trio.open_tcp_stream("127.0.0.1", live.port)
        async with stream:
            await stream.send_all(junk)


async def slow_handshake(_one: Intruder, live: Live) -> None:
    """Say one byte of the handshake at a time."""
    stream = await trio.open_tcp_stream("127.0.0.1", live.port)
    async with stream:
        for byte in b"\x13/multi":
            await stream.send_all(bytes([byte]))
            await trio.sleep(0.05)


async def equivocation(one: Intruder, live: Live) -> None:
    """Answer one prompt twice, tell the proof of it, and go on as if nothing had happened."""
    now = ground.round_at(live.epoch_ns)
    first, second = (ground.message(one.keypair, now, 0, salt=salt) for salt in (1, 2))
    parts = [open_part(data, ground.PARAMETERS) for data in (first, second)]
    proof = Evidence.of(parts[1], parts[0].statement()).to_bytes()
    stream = await one.stream()
    for data in (first, second, proof, ground.message(one.keypair, now, 1)):
        await stream.write(frame(one.signed(data)))


async def invented_authors(one: Intruder, _live: Live) -> None:
    """Announce addresses in the name of a thousand keys, each signed by itself."""
    stream = await one.stream()
    for number in range(1000):
        author = ground.keypair(f"invented {number}")
        place = Address("ip4", "192.0.2.1", 4001, author.peer_id)
        made = signed_message(
            encode_announcement([place]),
            topic=ground.ADDRESS_TOPIC,
            seqno=number,
            keypair=author,
        )
        await stream.write(frame(publish_field(made[1])))


async def grafts(one: Intruder, _live: Live) -> None:
    """Ask to be a neighbour, and not to be one, without end."""
    stream = await one.stream()
    await stream.write(hello())
    graft = control(graft=[rpc_pb2.ControlGraft(topicID=ground.TOPIC)])
    prune = control(prune=[rpc_pb2.ControlPrune(topicID=ground.TOPIC, backoff=2**62)])
    for _ in range(500):
        await stream.write(graft + prune)


def unsigned(count: int) -> bytes:
    """Return a frame of so many small publishes, well-formed but for their signatures."""
    author = ground.keypair("nobody").peer_id.to_bytes()
    messages = (
        rpc_pb2.Message(
            from_id=author,
            seqno=number.to_bytes(8, "big"),
            topicIDs=[ground.TOPIC],
            data=b"x",
        )
        for number in range(count)
    )
    return frame(b"".join(publish_field(one.SerializeToString()) for one in messages))


def subscriptions(count: int) -> bytes:
    """Return a frame of so many subscriptions."""
    return hello(*(f"/other/{number}" for number in range(count)))


def ids(count: int) -> list[bytes]:
    """Return message ids that stand for nothing."""
    return [b"%046d" % number for number in range(count)]


def forged(one: Intruder, round_index: int) -> bytes:
    """Return a contribution whose gossip signature is another message's."""
    return one.signed(ground.message(one.keypair, round_index, 0), signature=bytes(64))


def in_anothers_name(one: Intruder, _round_index: int) -> bytes:
    """Return a message whose author is the honest peer's."""
    return one.signed(b"x", from_id=ground.keypair("honest").peer_id.to_bytes())


def flipped(data: bytes, _author: Keypair) -> bytes:
    """Return an envelope with a broken signature."""
    return data[:-1] + bytes([data[-1] ^ 1])


@dataclass(frozen=True)
class Case:
    """An attack, and what of py-libp2p or of the specification it is aimed at."""

    aims_at: str
    attack: Attack
    cuts: bool = False
    """Whether the attacker must have been hung up on."""


IHAVE = control(ihave=[rpc_pb2.ControlIHave(topicID=ground.TOPIC, messageIDs=ids(512))])
IWANT = control(iwant=[rpc_pb2.ControlIWant(messageIDs=ids(512))])
GRAFT_OTHER = control(graft=[rpc_pb2.ControlGraft(topicID=f"/{n}") for n in range(60)])
DONT = control(idontwant=[rpc_pb2.ControlIDontWant(messageIDs=ids(500))])
PX = control(
    prune=[
        rpc_pb2.ControlPrune(
            topicID=ground.TOPIC, peers=[rpc_pb2.PeerInfo(peerID=b"j", signedPeerRecord=b"j")]
        )
    ]
)
RECORD = frame(rpc_pb2.RPC(senderRecord=b"junk").SerializeToString())
RSA = {"from_id": b"\x12\x20" + bytes(32), "key": b"\x08\x00\x12\x05junk!"}

CUT = True
"""What must end with the attacker hung up on."""

CASES: dict[str, Case] = {
    "a frame of random bytes": Case("K1", written(frame(bytes(range(200, 255)) + b"!" * 11)), CUT),
    "an RSA author with a key that is none": Case(
        "K2", published(lambda one, _now: one.signed(b"x", **RSA)), CUT
    ),
    "bytes that no decoder of ours expects": Case(
        "K3", published(lambda one, _now: one.signed(b"\x9a" * 40_000))
    ),
    "a frame of 10000 publishes": Case("K4", written(unsigned(10_000)), CUT),
    "10000 empty publishes": Case("K4", written(frame(b"\x12\x00" * 10_000)), CUT),
    "17 publishes in a frame": Case(
        "K4", published(lambda one, _now: b"".join(one.signed(b"x") for _ in range(17))), CUT
    ),
    "5000 subscriptions in a frame": Case("K4", written(subscriptions(1500)), CUT),
    "17 subscriptions in a frame": Case("K4", written(subscriptions(17)), CUT),
    "a length of a tebibyte": Case("K4", written(varint(2**40)), CUT),
    "a length without end": Case("K4", written(b"\xff" * 12), CUT),
    "a frame of a mebibyte": Case("K4", written(frame(bytes(1 << 20))), CUT),
    "a frame that never ends": Case("K4", written(varint(60_000) + b"\x12")),
    "forged gossip signatures": Case("K12", published(forged, 10), CUT),
    "messages in another's name": Case("K12", published(in_anothers_name, 10), CUT),
    "envelopes with broken signatures": Case("K13", envelope(flipped, 10), CUT),
    "prompts of nobody": Case(
        "rule 12",
        envelope(lambda data, key: ground.changed(data, key, prompt_index=99_999), 10),
        CUT,
    ),
    "malformed envelopes": Case("rule 4", envelope(lambda data, _key: data[:-1], 10), CUT),
    "envelopes in a longer encoding": Case(
        "rule 5", envelope(lambda data, _key: b"\xdc\x00\x0a" + data[1:], 10), CUT
    ),
    "parts that no cut makes": Case(
        "rule 6", envelope(lambda data, key: ground.changed(data, key, part_count=2), 10), CUT
    ),
    "payloads of another digest": Case(
        "rule 19", envelope(lambda data, key: ground.changed(data, key, digest=bytes(32)), 10), CUT
    ),
    "another swarm's messages": Case(
        "K13", envelope(lambda data, key: ground.changed(data, key, swarm=bytes(32)), 40)
    ),
    "messages from the far future": Case(
        "rule 14", envelope(lambda data, key: ground.changed(data, key, round_index=2**40), 40)
    ),
    "the same message under many numbers": Case("rule 8", envelope(lambda data, _key: data, 100)),
    "two answers to one prompt": Case("rule 16", equivocation),
    "no signature": Case("K16", published(lambda one, _now: one.signed(b"x", signature=b"")), CUT),
    "a short number": Case("K16", published(lambda one, _now: one.signed(b"x", seqno=b"1")), CUT),
    "no data": Case("K16", published(lambda one, _now: one.signed(b"x", data=b"")), CUT),
    "data above the limit": Case(
        "K16", published(lambda one, _now: one.signed(b"x", data=bytes(50_000))), CUT
    ),
    "another topic": Case("K15", published(lambda one, _now: one.signed(b"x", topic="/o"), 50)),
    "offers of 512 messages": Case("IHAVE", written(hello(), *[IHAVE] * 40)),
    "wishes for 512 messages": Case("IWANT", written(hello(), *[IWANT] * 40)),
    "600 ids in a frame": Case(
        "IWANT", written(control(iwant=[rpc_pb2.ControlIWant(messageIDs=ids(600))])), CUT
    ),
    "grafts of topics that are not ours": Case("GRAFT", written(*[GRAFT_OTHER] * 20)),
    "grafts and prunes without end": Case("GRAFT", grafts),
    "what shall not be sent": Case("IDONTWANT", written(*[DONT] * 20)),
    "junk peers and records": Case("PX", written(PX, RECORD, frame(b""))),
    "a thousand invented authors": Case("K11", invented_authors),
    "more than the window, unread": Case("yamux", unread, CUT),
    "15 MiB in one Yamux frame": Case("yamux", huge_frame, CUT),
    "a thousand idle streams": Case("yamux", streams, CUT),
    "streams opened and reset": Case("yamux", reset_streams, CUT),
    "20000 pings": Case("yamux", pings),
    "20000 window updates": Case("yamux", windows),
    "junk to every other protocol": Case("identify, ping", other_protocols),
    "no libp2p at all": Case("handshake", before_the_handshake),
    "a handshake byte by byte": Case("handshake", slow_handshake),
}

SHORT = (
    "a frame of random bytes",
    "an RSA author with a key that is none",
    "a frame of 10000 publishes",
    "forged gossip signatures",
    "prompts of nobody",
    "two answers to one prompt",
    "more than the window, unread",
    "streams opened and reset",
    "no libp2p at all",
)

STOCK = (
    "a frame of random bytes",
    "an RSA author with a key that is none",
    "a frame of 10000 publishes",
)
"""Shown against py-libp2p's own classes too, each at a node of its own."""


async def strike(name: str, number: int, live: Live) -> bool:
    """Make one attack; return whether the attacker was hung up on.

    Raises:
        RuntimeError: The attack failed by itself, which would look like a defence.
    """
    case = CASES[name]
    source = f"127.{10 + number // 200}.{number % 200}.1"
    with trio.move_on_after(20):
        try:
            async with intruder(ground.keypair(f"attacker {number}"), source, live.address) as one:
                try:
                    await case.attack(one, live)
                except HUNG_UP as error:
                    if await one.is_cut() is None:
                        raise RuntimeError(f"{name}: {error!r}") from error
                return await one.is_cut(2.0 if case.cuts else 0.0) is not None
        except (SwarmException, HostException, OSError):
            return True  # not even let in
    return False


async def measure(*, short: bool) -> dict[str, object]:
    """Return how many attacks the node survived, and how soon it served an honest peer."""
    names = SHORT if short else tuple(CASES)
    served: dict[str, float | None] = {}
    spared = []
    with live_node() as live:
        async with honest_peer(live) as honest:
            await honest.is_served(10.0)
            for number, name in enumerate(names):
                cut = await strike(name, number, live)
                if CASES[name].cuts and not cut:
                    spared.append(name)
                served[name] = await honest.is_served(2.0) if live.is_alive else None
                if not live.is_alive:
                    break
            report = await live.ask("report") if live.is_alive else {}
        alive = live.is_alive
    times = [one for one in served.values() if one is not None]
    return {
        "attacks": len(names),
        "alive": alive,
        "served": len(times),
        "unserved": [name for name, one in served.items() if one is None],
        "served_s_max": round(max(times, default=0.0), 3),
        "not_cut": spared,
        "lag_ms_max": report.get("lag_ms_max"),
        "turned_away": report.get("turned_away"),
        "stock": {} if short else {name: await against_stock(name) for name in STOCK},
        "passed": alive and len(times) == len(names) and not spared,
    }


async def against_stock(name: str) -> str:
    """Return what one attack does to py-libp2p's own classes."""
    with live_node(stock=True) as live:
        began_s = trio.current_time()
        await strike(name, 0, live)
        with suppress(TimeoutError):
            await live.ask("report")
            return f"answers after {trio.current_time() - began_s:.1f} s"
        await trio.sleep(0.2)
        if not live.is_alive:
            return "process ended"
        return f"frozen for more than {trio.current_time() - began_s:.0f} s"
