"""Strangers on the wire: whatever they send, the node lives on and honest peers are served."""

import secrets
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
from libp2p import new_host
from libp2p.abc import IHost, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.host.exceptions import HostException
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.pb import rpc_pb2
from libp2p.security.insecure.transport import PLAINTEXT_PROTOCOL_ID, InsecureTransport
from libp2p.stream_muxer.yamux import yamux
from multiaddr import Multiaddr

from node.mesh import Decision, Mesh, no_event
from node.mesh.host import build_host, close_host
from node.mesh.muxer import HELD_BYTES_MAX
from node.mesh.outbox import ASKS_MAX
from node.mesh.router import PROTOCOLS
from node.mesh.wire import publish_field, signed_message, varint
from protocol.identity import Keypair

if TYPE_CHECKING:
    from conftest import Lab

REFUSALS_MAX = 10
"""Invalid messages of one forwarder, of which the last is one too many."""

ATTACKER = Keypair.from_seed(bytes([99]) * 32)


@asynccontextmanager
async def caller(
    keypair: Keypair, mesh: Mesh, hear: Callable[[bytes], None] | None = None
) -> AsyncIterator[IHost]:
    """A host that is connected to a node and follows no rules but libp2p's own.

    With `hear` it lets the node open a gossip stream to it.
    """

    async def listen(stream: INetStream) -> None:
        with suppress(Exception):  # until the stream ends
            while hear is not None:
                hear(await stream.read(65_536))

    host = build_host(keypair, (), no_event)
    if hear is not None:
        host.set_stream_handler(PROTOCOLS[0], listen)
    async with host.run([]):
        address, _, _ = mesh.addresses[0].partition("/p2p/")
        await host.get_network().dial_addr(Multiaddr(address), ID(mesh.peer_id.to_bytes()))
        try:
            yield host
        finally:
            with trio.CancelScope(shield=True):
                await close_host(host, 1.0)


async def open_stream(host: IHost, mesh: Mesh) -> INetStream:
    return await host.new_stream(ID(mesh.peer_id.to_bytes()), list(PROTOCOLS))


def frame(rpc: bytes) -> bytes:
    return varint(len(rpc)) + rpc


def message(**changes: Any) -> bytes:
    """A frame of one signed message, with some of its fields replaced afterwards."""
    made, _ = signed_message(
        secrets.token_bytes(8), topic="/test/messages", seqno=1, keypair=ATTACKER
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return frame(publish_field(made.SerializeToString()))


def control(**parts: Any) -> bytes:
    return frame(rpc_pb2.RPC(control=rpc_pb2.ControlMessage(**parts)).SerializeToString())


GARBAGE: dict[str, bytes] = {
    "random bytes": frame(bytes(range(200, 255)) * 2),
    "a length of a tebibyte": varint(2**40),
    "a length without end": b"\xff" * 12,
    "a frame of a mebibyte": frame(bytes(1 << 20))[:70_000],
    "17 messages": frame(publish_field(message()) * 17),
    "10000 messages": frame(b"\x12\x00" * 10_000),
    "17 subscriptions": frame(
        rpc_pb2.RPC(
            subscriptions=[
                rpc_pb2.RPC.SubOpts(subscribe=True, topicid=str(one)) for one in range(17)
            ]
        ).SerializeToString()
    ),
    "600 ids": control(iwant=[rpc_pb2.ControlIWant(messageIDs=[b"%d" % n for n in range(600)])]),
    "100 grafts": control(graft=[rpc_pb2.ControlGraft(topicID="/test/messages")] * 100),
    "an RSA author and a key that is none": message(
        from_id=b"\x12\x20" + bytes(32), key=b"\x08\x00\x12\x05junk!"
    ),
    "no signature": message(signature=b""),
    "a short number": message(seqno=b"1"),
    "no data": message(data=b""),
    "a message above the limit": message(data=bytes(50_000)),
}
"""Each ends the connection. The first, the tenth and the sixth end or freeze the library itself."""


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_costs_its_sender_the_connection_and_nobody_else_anything(
    lab: "Lab", name: str
) -> None:
    node, honest = lab.Member(), lab.Member()

    async with lab.gossip_swarm([node, honest], line=False) as (mesh, other):
        async with caller(ATTACKER, mesh) as attacker:
            stream = await open_stream(attacker, mesh)
            with trio.move_on_after(1):
                await stream.write(GARBAGE[name])
            await lab.until(lambda: node.told("frame_refused"))
        await other.publish(b"still served")
        await lab.until(lambda: node.heard)

        assert node.heard == [b"still served"]
        assert node.told("frame_refused")[0]["forwarder"] == str(ATTACKER.peer_id)
        assert mesh.peers() == (other.peer_id,)


HARMLESS: dict[str, bytes] = {
    "an empty frame": frame(b""),
    "another topic": frame(
        publish_field(signed_message(b"x", topic="/other", seqno=1, keypair=ATTACKER)[1])
    ),
    "subscriptions to other topics": frame(
        rpc_pb2.RPC(
            subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid="/other")]
        ).SerializeToString()
    ),
    "grafts and prunes of other topics": control(
        graft=[rpc_pb2.ControlGraft(topicID=f"/{one}") for one in range(20)],
        prune=[rpc_pb2.ControlPrune(topicID=f"/{one}", backoff=2**63) for one in range(20)],
    ),
    "a signed record that is none": frame(rpc_pb2.RPC(senderRecord=b"junk").SerializeToString()),
    "peers to connect to instead": control(
        prune=[
            rpc_pb2.ControlPrune(
                topicID="/test/messages",
                peers=[rpc_pb2.PeerInfo(peerID=b"junk", signedPeerRecord=b"junk")],
            )
        ]
    ),
    "ids of nothing": control(
        ihave=[rpc_pb2.ControlIHave(topicID="/test/messages", messageIDs=[b"zz", b"\xff"])],
        iwant=[rpc_pb2.ControlIWant(messageIDs=[b"zz", b"\xff"])],
    ),
}


async def test_what_is_merely_of_no_use_is_passed_over(lab: "Lab") -> None:
    node = lab.Member()

    async with lab.gossip_node(1, node) as mesh, caller(ATTACKER, mesh) as attacker:
        stream = await open_stream(attacker, mesh)
        for sent in HARMLESS.values():
            await stream.write(sent)
        await stream.write(message())
        await lab.until(lambda: node.heard)

        assert node.told("frame_refused") == []
        assert mesh.counters()["foreign_topic"] == 1


async def test_bytes_that_are_not_even_noise_leave_the_node_alone(lab: "Lab") -> None:
    node, honest = lab.Member(), lab.Member()

    async with lab.gossip_node(1, node) as mesh:
        port = int(mesh.addresses[0].split("/")[4])
        for junk in (b"", b"GET / HTTP/1.1\r\n\r\n", secrets.token_bytes(3000)):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream:
                await stream.send_all(junk)
        async with lab.gossip_node(2, honest, peers=mesh.addresses) as other:
            await lab.until(other.peers)
            await other.publish(b"served")
            await lab.until(lambda: node.heard)


async def test_a_caller_without_encryption_is_refused(lab: "Lab") -> None:
    """Over plaintext, whoever knows a public key passes for its owner."""
    identity = create_new_key_pair(ATTACKER.seed)
    plain = {TProtocol(PLAINTEXT_PROTOCOL_ID): InsecureTransport(identity)}

    async with lab.gossip_node(1, lab.Member()) as mesh:
        host = new_host(key_pair=identity, sec_opt=plain)
        async with host.run([]):
            with pytest.raises(SwarmException):
                await host.connect(info_from_p2p_addr(Multiaddr(mesh.addresses[0])))
            await host.close()

        assert mesh.peers() == ()


async def test_garbage_on_other_protocols_is_that_streams_end(lab: "Lab") -> None:
    node = lab.Member()

    async with lab.gossip_node(1, node) as mesh, caller(ATTACKER, mesh) as attacker:
        for protocol in ("/ipfs/ping/1.0.0", "/ipfs/id/1.0.0"):
            stream = await attacker.new_stream(ID(mesh.peer_id.to_bytes()), [TProtocol(protocol)])
            await stream.write(b"\xff" * 500)
        stream = await open_stream(attacker, mesh)
        await stream.write(message())
        await lab.until(lambda: node.heard)


async def test_forged_messages_go_no_further_and_cost_the_forwarder(lab: "Lab") -> None:
    node, honest = lab.Member(), lab.Member()

    async with lab.gossip_swarm([node, honest], line=False) as (mesh, other):
        async with caller(ATTACKER, mesh) as attacker:
            stream = await open_stream(attacker, mesh)
            for number in range(REFUSALS_MAX + 5):
                with suppress(StreamError):  # hung up on, sooner or later
                    await stream.write(message(data=b"forged %d" % number))
            await lab.until(lambda: node.told("frame_refused"))

        assert mesh.counters()["forged"] == REFUSALS_MAX
        assert node.told("frame_refused")[0]["reason"] == "too many invalid messages"
        assert node.heard == []
        assert honest.heard == []
        assert mesh.peers() == (other.peer_id,)


@pytest.mark.parametrize(
    ("decision", "expelled"), [(Decision.REJECT, True), (Decision.IGNORE, False)]
)
async def test_only_what_is_rejected_is_held_against_the_forwarder(
    lab: "Lab", decision: Decision, *, expelled: bool
) -> None:
    node = lab.Member(lambda _data: decision)

    async with lab.gossip_node(1, node) as mesh, caller(ATTACKER, mesh) as attacker:
        stream = await open_stream(attacker, mesh)
        for number in range(REFUSALS_MAX):
            made, _ = signed_message(
                b"data", topic="/test/messages", seqno=number, keypair=ATTACKER
            )
            await stream.write(frame(publish_field(made.SerializeToString())))
        await lab.until(
            lambda: node.told("frame_refused") if expelled else len(node.heard) == REFUSALS_MAX
        )

        assert bool(node.told("frame_refused")) is expelled


async def test_a_peer_that_was_cut_is_not_let_in_again(lab: "Lab") -> None:
    node = lab.Member()

    async with lab.gossip_node(1, node) as mesh:
        async with caller(ATTACKER, mesh) as attacker:
            stream = await open_stream(attacker, mesh)
            await stream.write(b"\xff" * 12)
            await lab.until(lambda: node.told("frame_refused"))
        try:
            async with caller(ATTACKER, mesh) as attacker:
                stream = await open_stream(attacker, mesh)
                await stream.write(message())
                await trio.sleep(0.2)
        except* (HostException, StreamError, SwarmException):
            pass  # hung up on, sooner or later

        assert [fields["who"] for fields in node.told("barred")] == [str(ATTACKER.peer_id)]
        assert len(node.told("frame_refused")) == 1
        assert node.heard == []


async def test_a_peer_whose_connection_breaks_is_held_to_nothing(lab: "Lab") -> None:
    """In the midst of a frame, as a killed process or a lost network leaves it."""
    node = lab.Member()

    async with lab.gossip_node(1, node) as mesh:
        for _ in range(3):
            async with caller(ATTACKER, mesh) as attacker:
                stream = await open_stream(attacker, mesh)
                await stream.write(message() + varint(60_000) + b"\x12")
                await trio.sleep(0.1)
                connection = attacker.get_network().get_connections()[0].muxed_conn
                await connection.secured_conn.close()
                await lab.until(lambda: not mesh.host.get_network().get_connections())

        assert node.told("barred") == []
        assert node.told("frame_refused") == []


async def test_more_callers_in_a_life_than_the_library_serves(lab: "Lab") -> None:
    """It gives a slot to each inbound connection and never takes it back."""
    node = lab.Member()

    async with lab.gossip_node(1, node) as mesh:
        for _ in range(8):
            async with caller(ATTACKER, mesh):
                pass
        limiter = mesh.host.get_network()._inbound_limiter
        await lab.until(lambda: limiter.borrowed_tokens == 0)


# --- what the library keeps or opens without end ------------------------------------------


async def test_a_peer_that_sends_more_than_it_was_given_room_for_is_hung_up_on(
    lab: "Lab",
) -> None:
    """The library warns, and keeps it all."""
    node = lab.Member()

    async with lab.gossip_node(1, node) as mesh, caller(ATTACKER, mesh) as attacker:
        muxed = attacker.get_network().get_connections()[0].muxed_conn
        # Of a protocol that is never named, so that nobody reads on.
        stream = await muxed.open_stream()
        header = struct.pack(
            yamux.YAMUX_HEADER_FORMAT, 0, yamux.TYPE_DATA, 0, stream.stream_id, 60_000
        )
        sent = 0
        with suppress(Exception):  # hung up on, sooner or later
            while sent < 100:
                await muxed._write_frame(header + b"\xff" * 60_000)
                sent += 1
        await lab.until(lambda: not mesh.host.get_network().get_connections())

        assert sent >= HELD_BYTES_MAX // 60_000
        assert held_bytes(mesh) == 0


def held_bytes(mesh: Any) -> int:
    connections = mesh.host.get_network().get_connections()
    return sum(len(one) for c in connections for one in c.muxed_conn.stream_buffers.values())


async def test_streams_that_a_peer_opens_are_counted(lab: "Lab") -> None:
    node, honest = lab.Member(), lab.Member()

    async with lab.gossip_swarm([node, honest], line=False) as (mesh, other):
        async with caller(ATTACKER, mesh) as attacker:
            muxed = attacker.get_network().get_connections()[0].muxed_conn
            with suppress(Exception):
                for _ in range(100):
                    await muxed.open_stream()
            await lab.until(lambda: node.told("stream_refused"))
            await lab.until(lambda: len(mesh.host.get_network().get_connections()) == 1)
        await other.publish(b"still served")
        await lab.until(lambda: node.heard)

        assert node.told("stream_refused")[0] == {
            "peer": str(ATTACKER.peer_id),
            "cause": "too many streams",
        }


async def test_nobody_is_asked_to_identify_itself(lab: "Lab") -> None:
    """The library reads the answer whatever its length, and keeps what it says for ever."""
    node = lab.Member()
    asked: list[str] = []

    async def answer(stream: INetStream) -> None:
        asked.append("identify")

    async with lab.gossip_node(1, node) as mesh:
        host = build_host(ATTACKER, (), no_event)
        host.set_stream_handler(TProtocol("/ipfs/id/1.0.0"), answer)
        async with host.run([]):
            address, _, _ = mesh.addresses[0].partition("/p2p/")
            await host.get_network().dial_addr(Multiaddr(address), ID(mesh.peer_id.to_bytes()))
            stream = await open_stream(host, mesh)
            await stream.write(message())
            await lab.until(lambda: node.heard)
            await close_host(host, 1.0)

        assert asked == []
        assert mesh.host.get_peerstore().peer_ids() == [ID(mesh.peer_id.to_bytes())]


async def test_one_message_is_given_a_few_times_however_often_it_is_asked_for(lab: "Lab") -> None:
    """A question of 50 bytes would else be answered with 48 KiB, for as long as it is asked."""
    node = lab.Member()

    heard: list[bytes] = []

    async with (
        lab.gossip_node(1, node) as mesh,
        caller(ATTACKER, mesh, heard.append) as attacker,
    ):
        stream = await open_stream(attacker, mesh)
        await mesh.publish(b"a long message")
        message_id = list(mesh.pubsub.seen_messages._added)[-1]
        for _ in range(9):
            await stream.write(control(iwant=[rpc_pb2.ControlIWant(messageIDs=[message_id])]))
            await trio.sleep(0.05)
        await lab.until(lambda: b"".join(heard).count(b"a long message") >= ASKS_MAX)
        await trio.sleep(0.2)

        assert b"".join(heard).count(b"a long message") == ASKS_MAX


async def test_a_crowd_that_asks_to_be_neighbours_does_not_push_out_the_dialled(lab: "Lab") -> None:
    """The library takes in whoever asks, and lets go of anybody, later."""
    node, honest = lab.Member(), lab.Member()
    subscribe = rpc_pb2.RPC(
        subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=lab.topic)]
    ).SerializeToString()
    graft = control(graft=[rpc_pb2.ControlGraft(topicID=lab.topic)])

    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(lab.gossip_node(2, honest))
        mesh = await stack.enter_async_context(
            lab.gossip_node(1, node, peers=other.addresses, degree=2, degree_low=1, degree_high=3)
        )
        await lab.until(lambda: mesh.peers() and other.peers())
        for number in range(5):
            crowd = Keypair.from_seed(bytes([100 + number]) * 32)
            attacker = await stack.enter_async_context(caller(crowd, mesh, bytes))
            stream = await open_stream(attacker, mesh)
            await stream.write(frame(subscribe) + graft)
        await lab.until(lambda: len(mesh.peers()) == 6)
        await trio.sleep(0.1)
        dialled = ID(other.peer_id.to_bytes())

        for _ in range(24):  # for more than two heartbeats, whenever the first one falls
            assert len(mesh._router.mesh[lab.topic]) <= 3
            assert dialled in mesh._router.neighbours(lab.topic)
            await trio.sleep(0.1)
        assert dialled in mesh._router.neighbours(lab.topic)
        await mesh.publish(b"past the crowd")
        await lab.until(lambda: honest.heard)
