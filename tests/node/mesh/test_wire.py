import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.secp256k1 import create_new_key_pair as create_secp_key_pair
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.validators import signature_validator

from node.mesh import wire
from protocol.identity import Keypair

AUTHOR = Keypair.from_seed(bytes([7]) * 32)
TOPICS = {"ours"}


class Bytes:
    """A stream that hands out what it holds, in pieces, and then ends."""

    def __init__(self, data: bytes, piece: int) -> None:
        self.data, self.piece, self.reads = data, piece, 0

    async def read(self, n: int | None = None) -> bytes:
        self.reads += 1
        size = min(self.piece, n or self.piece)
        piece, self.data = self.data[:size], self.data[size:]
        return piece


def framed(*payloads: bytes) -> bytes:
    return b"".join(wire.varint(len(payload)) + payload for payload in payloads)


def message(**changes: object) -> rpc_pb2.Message:
    """A signed message, with some fields replaced afterwards."""
    made, _ = wire.signed_message(b"data", topic="ours", seqno=5, keypair=AUTHOR)
    for name, value in changes.items():
        if name == "topicIDs":
            del made.topicIDs[:]
            made.topicIDs.extend(value)  # type: ignore[arg-type]
        else:
            setattr(made, name, value)
    return made


# --- frames -------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 3, 10_000])
async def test_frames_are_cut_wherever_the_network_cuts_the_stream(piece: int) -> None:
    payloads = [b"", b"a", b"b" * 127, b"c" * 128, b"d" * 20_000]
    reader = wire.FrameReader(Bytes(framed(*payloads), piece))

    assert [await reader.next_frame() for _ in payloads] == payloads


@pytest.mark.parametrize("limit", [100, 200_000])
async def test_a_reader_has_the_limit_it_was_given(limit: int) -> None:
    assert await wire.FrameReader(Bytes(framed(bytes(limit)), 999), limit).next_frame()
    with pytest.raises(wire.FrameError, match="too long"):
        await wire.FrameReader(Bytes(wire.varint(limit + 1), 999), limit).next_frame()


async def test_nothing_may_follow_the_last_frame() -> None:
    class Ends(Bytes):
        async def read(self, n: int | None = None) -> bytes:
            if not self.data:
                raise EOFError
            return await super().read(n)

    alone, followed = (wire.FrameReader(Ends(framed(*many), 2)) for many in ([b"a"], [b"a", b""]))
    assert await alone.next_frame() == await followed.next_frame() == b"a"
    await alone.expect_end()
    with pytest.raises(wire.FrameError, match="more than one frame"):
        await followed.expect_end()


async def test_frames_that_came_together_are_read_together() -> None:
    """Each read of a Yamux stream costs a window update, so many small reads are dear."""
    stream = Bytes(framed(*[b"x" * 100] * 50), piece=1 << 20)
    reader = wire.FrameReader(stream)

    for _ in range(50):
        await reader.next_frame()

    assert stream.reads == 1


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (wire.varint(wire.FRAME_BYTES_MAX + 1), "frame too long"),
        (wire.varint(2**40), "frame too long"),
        (b"\xff" * 9 + b"\x01", "frame too long"),
        (b"\x80" * 10, "malformed frame length"),
    ],
)
async def test_a_malformed_length_is_refused_before_anything_is_stored(
    sent: bytes, reason: str
) -> None:
    with pytest.raises(wire.FrameError, match=reason):
        await wire.FrameReader(Bytes(sent, 4)).next_frame()


@pytest.mark.parametrize("sent", [b"", b"\x05abc", b"\x80"])
async def test_a_stream_that_ends_early_is_nobodys_fault(sent: bytes) -> None:
    with pytest.raises(wire.StreamEndedError):
        await wire.FrameReader(Bytes(sent, 4)).next_frame()


async def test_the_longest_frame_passes() -> None:
    payload = b"x" * wire.FRAME_BYTES_MAX

    assert await wire.FrameReader(Bytes(framed(payload), 5_000)).next_frame() == payload


@given(st.binary(max_size=300))
def test_no_frame_raises_anything_but_a_refusal(frame: bytes) -> None:
    try:
        rpc = wire.parse_frame(frame)
        for one in rpc.publish:
            wire.shape(one, topics=TOPICS, message_bytes_max=100)
    except wire.FrameError:
        pass


def test_counts_up_to_the_caps_pass_and_one_more_is_refused() -> None:
    def grow(kind: str, count: int) -> rpc_pb2.RPC:
        rpc = rpc_pb2.RPC()
        match kind:
            case "messages":
                rpc.publish.extend([message()] * count)
            case "subscriptions":
                rpc.subscriptions.extend([rpc_pb2.RPC.SubOpts(topicid="t")] * count)
            case "control entries":
                rpc.control.graft.extend([rpc_pb2.ControlGraft(topicID="t")] * count)
            case "ids":
                half = count // 2
                rpc.control.ihave.add(topicID="t", messageIDs=[b"x"] * half)
                rpc.control.iwant.add(messageIDs=[b"x"] * (count - half))
        return rpc

    caps = {
        "messages": wire.PUBLISHES_MAX,
        "subscriptions": wire.SUBSCRIPTIONS_MAX,
        "control entries": wire.CONTROL_ENTRIES_MAX,
        "ids": wire.CONTROL_IDS_MAX,
    }
    for kind, most in caps.items():
        wire.parse_frame(grow(kind, most).SerializeToString())
        with pytest.raises(wire.FrameError, match=f"too many {kind} in a frame"):
            wire.parse_frame(grow(kind, most + 1).SerializeToString())


def test_frames_of_messages_are_their_concatenation() -> None:
    serialized = [message(seqno=bytes(7) + bytes([at])).SerializeToString() for at in range(3)]

    rpc = wire.parse_frame(b"".join(map(wire.publish_field, serialized)))

    assert [one.SerializeToString() for one in rpc.publish] == serialized


# --- messages -----------------------------------------------------------------------------


def test_a_message_of_ours_is_what_the_library_itself_accepts() -> None:
    made, serialized = wire.signed_message(b"data", topic="ours", seqno=5, keypair=AUTHOR)

    assert signature_validator(made)
    assert rpc_pb2.Message.FromString(serialized) == made
    assert wire.shape(made, topics=TOPICS, message_bytes_max=4) == (AUTHOR.peer_id, "ours")
    assert wire.checked_bytes(made, AUTHOR.peer_id) == serialized


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"topicIDs": []}, "not exactly one topic"),
        ({"topicIDs": ["ours", "other"]}, "not exactly one topic"),
        ({"from_id": b""}, "author is not an Ed25519 identity"),
        ({"from_id": AUTHOR.peer_id.to_bytes() + b"x"}, "author is not an Ed25519 identity"),
        ({"from_id": b"\x12\x20" + bytes(32)}, "author is not an Ed25519 identity"),
        ({"seqno": bytes(7)}, "malformed sequence number"),
        ({"seqno": b""}, "malformed sequence number"),
        ({"signature": b""}, "missing or malformed signature"),
        ({"signature": bytes(63)}, "missing or malformed signature"),
        ({"data": b""}, "message empty or too long"),
        ({"data": bytes(101)}, "message empty or too long"),
    ],
)
def test_a_message_of_the_wrong_shape_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(wire.FrameError, match=reason):
        wire.shape(message(**changes), topics=TOPICS, message_bytes_max=100)


def test_a_message_of_another_topic_is_not_looked_at_further() -> None:
    other = message(topicIDs=["other"], signature=b"")

    assert wire.shape(other, topics=TOPICS, message_bytes_max=1) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"data": b"dota"},
        {"seqno": bytes(8)},
        {"topicIDs": ["outs"]},
        {"signature": bytes(64)},
        {"from_id": Keypair.from_seed(bytes(32)).peer_id.to_bytes()},
    ],
)
def test_whatever_is_changed_breaks_the_signature(changes: dict[str, object]) -> None:
    changed = message(**changes)
    author = wire.author_of(changed.from_id)
    assert author is not None

    assert wire.checked_bytes(changed, author) is None


def test_what_the_signature_does_not_cover_is_not_forwarded() -> None:
    """A relay could otherwise append to every message, up to its limit."""
    _, clean = wire.signed_message(b"data", topic="ours", seqno=5, keypair=AUTHOR)
    padded = rpc_pb2.Message.FromString(clean + b"\xfa\x07\x03abc")
    padded.key = b"a key that nobody needs"

    assert wire.checked_bytes(padded, AUTHOR.peer_id) == clean


def test_only_ed25519_identities_are_authors() -> None:
    ed25519 = ID.from_pubkey(create_new_key_pair(bytes([7]) * 32).public_key)
    secp256k1 = ID.from_pubkey(create_secp_key_pair().public_key)

    assert wire.author_of(ed25519.to_bytes()) == AUTHOR.peer_id
    assert wire.author_of(secp256k1.to_bytes()) is None
