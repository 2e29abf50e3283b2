"""Frames of the gossip protocol: bytes from strangers in, checked messages out.

Everything here is about form: lengths, counts, one topic, one kind of key, a signature. What a
message says, and whether it was seen before, is not known here.

A frame is a length (an unsigned LEB128 integer) and a protobuf `RPC`. Protobuf messages merge when
they are concatenated, so a frame of several publishes is the concatenation of `publish_field`s.
"""

from collections.abc import Container
from contextlib import suppress
from typing import Protocol

import trio
from google.protobuf.message import DecodeError
from libp2p.pubsub.pb import rpc_pb2

from protocol.identity import Keypair, PeerId, verify

FRAME_BYTES_MAX = 65_000
"""Longest frame, both ways. Below one Yamux frame (65,524 bytes), so that no write is ever split;
a message of the highest limit fits, and so do 512 ids of 46 bytes."""

PUBLISHES_MAX = 16
"""Messages in one frame; each costs its receiver a signature check."""
SUBSCRIPTIONS_MAX = 16
"""Subscription changes in one frame; a swarm has two topics."""
CONTROL_ENTRIES_MAX = 64
"""GRAFT, PRUNE, IHAVE, IWANT entries in one frame."""
CONTROL_IDS_MAX = 512
"""Message ids in the control part of one frame; each may cost us a message to send."""

_SIGNING_PREFIX = b"libp2p-pubsub:"
_SEQNO_BYTES = 8
_SIGNATURE_BYTES = 64
_SIGNATURE_FIELD = b"\x2a\x40"
"""Field 5, the last that we send, of 64 bytes: appended to the others it is in its place."""
_LENGTH_BYTES_MAX = 10
_MORE = 0x80
"""The bit of an LEB128 byte that says another follows."""
_READ_BYTES = 65_536


class FrameError(Exception):
    """A peer sent what no honest implementation sends.

    Args:
        reason: A few words for counters and events.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StreamEndedError(Exception):
    """A stream ended, perhaps in the midst of a frame.

    It happens to honest peers, when their connection breaks.
    """


class Readable(Protocol):
    """The part of a libp2p stream that reading needs."""

    async def read(self, n: int | None = None) -> bytes:
        """Return 1 to n bytes, or raise when the stream has ended."""
        ...


class FrameReader:
    """Cuts a stream into frames, reading as much as there is at a time.

    The library reads a length byte by byte, and each read of a Yamux stream answers with a window
    update of its own: four encrypted packets for one small message.

    Args:
        stream: What to cut.
        bytes_max: Longest frame.
    """

    def __init__(self, stream: Readable, bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._stream = stream
        self._bytes_max = bytes_max
        self._buffer = bytearray()

    async def next_frame(self) -> bytes:
        """Return the next frame's payload.

        Raises:
            FrameError: The length is malformed or above the limit.
            StreamEndedError: There is no more.
        """
        while True:
            frame = self._cut()
            if frame is not None:
                # A peer that fills the buffer faster than we empty it must not hold the others up.
                await trio.lowlevel.checkpoint()
                return frame
            received = await self._stream.read(_READ_BYTES)
            if not received:
                raise StreamEndedError
            self._buffer += received

    async def expect_end(self) -> None:
        """Wait for the end of the stream, where nothing may follow.

        Raises:
            FrameError: Something does.
        """
        with suppress(EOFError):  # as the library's error is, and no connection that broke
            if self._buffer or await self._stream.read(_READ_BYTES):
                raise FrameError("more than one frame")

    def _cut(self) -> bytes | None:
        """Take one whole frame off the buffer, if there is one."""
        length = shift = 0
        for used, byte in enumerate(self._buffer[:_LENGTH_BYTES_MAX], start=1):
            length |= byte % _MORE << shift
            shift += 7
            if length > self._bytes_max:
                raise FrameError("frame too long")
            if byte < _MORE:
                if len(self._buffer) < used + length:
                    return None
                frame = bytes(self._buffer[used : used + length])
                del self._buffer[: used + length]
                return frame
        if len(self._buffer) >= _LENGTH_BYTES_MAX:
            raise FrameError("malformed frame length")
        return None


def varint(number: int) -> bytes:
    """Return `number` as an unsigned LEB128 integer, as protobuf and frame lengths use it."""
    encoded = bytearray()
    while number >= _MORE:
        encoded.append(number % _MORE | _MORE)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def publish_field(message: bytes) -> bytes:
    """Return a serialized message as the one entry of an `RPC`'s field `publish` (number 2)."""
    return b"\x12" + varint(len(message)) + message


def parse_frame(frame: bytes) -> rpc_pb2.RPC:
    """Return a frame's contents once their counts are known to be within bounds.

    Raises:
        FrameError: It is not protobuf, or carries more of something than is ever sent.
    """
    rpc = rpc_pb2.RPC()
    try:
        rpc.ParseFromString(frame)
    except DecodeError as error:
        raise FrameError("malformed frame") from error
    if len(rpc.publish) > PUBLISHES_MAX:
        raise FrameError("too many messages in a frame")
    if len(rpc.subscriptions) > SUBSCRIPTIONS_MAX:
        raise FrameError("too many subscriptions in a frame")
    if rpc.HasField("control"):
        _check_control(rpc.control)
    return rpc


def _check_control(control: rpc_pb2.ControlMessage) -> None:
    entries = len(control.graft) + len(control.prune) + len(control.ihave) + len(control.iwant)
    entries += len(control.idontwant) + len(control.observe) + len(control.unobserve)
    if entries > CONTROL_ENTRIES_MAX:
        raise FrameError("too many control entries in a frame")
    if _count_ids(control) > CONTROL_IDS_MAX:
        raise FrameError("too many ids in a frame")


def count_ids(rpc: rpc_pb2.RPC) -> int:
    """Return how many message ids and peers a frame's control part names."""
    return _count_ids(rpc.control) if rpc.HasField("control") else 0


def _count_ids(control: rpc_pb2.ControlMessage) -> int:
    ids = sum(len(ihave.messageIDs) for ihave in control.ihave)
    ids += sum(len(iwant.messageIDs) for iwant in control.iwant)
    ids += sum(len(idontwant.messageIDs) for idontwant in control.idontwant)
    return ids + sum(len(prune.peers) for prune in control.prune)


def shape(
    message: rpc_pb2.Message, *, topics: Container[str], message_bytes_max: int
) -> tuple[PeerId, str] | None:
    """Return who a message claims to be from, and its topic; None if that is not one of `topics`.

    Raises:
        FrameError: A field has a length that no member of the swarm produces.
    """
    if len(message.topicIDs) != 1:
        raise FrameError("not exactly one topic")
    topic = message.topicIDs[0]
    if topic not in topics:
        return None
    author = author_of(message.from_id)
    if author is None:
        raise FrameError("author is not an Ed25519 identity")
    if len(message.seqno) != _SEQNO_BYTES:
        raise FrameError("malformed sequence number")
    if len(message.signature) != _SIGNATURE_BYTES:
        raise FrameError("missing or malformed signature")
    if not 1 <= len(message.data) <= message_bytes_max:
        raise FrameError("message empty or too long")
    return author, topic


def author_of(identity: bytes) -> PeerId | None:
    """Return the peer that a libp2p identity stands for, or None if it is not an Ed25519 one."""
    try:
        return PeerId.from_bytes(identity)
    except ValueError:
        return None


def checked_bytes(message: rpc_pb2.Message, author: PeerId) -> bytes | None:
    """Return a message as it is to be forwarded, or None if its author did not sign it.

    Only what was signed and the signature are forwarded: a field that the signature does not
    cover would let every relay append what it likes. The author's key is left out as well; an
    Ed25519 identity contains it.
    """
    unsigned = _unsigned_bytes(message)
    if not verify(author, _SIGNING_PREFIX + unsigned, message.signature):
        return None
    return unsigned + _SIGNATURE_FIELD + message.signature


def signed_message(
    data: bytes, *, topic: str, seqno: int, keypair: Keypair
) -> tuple[rpc_pb2.Message, bytes]:
    """Return a message of our own, signed, and the same serialized."""
    message = rpc_pb2.Message(
        data=data,
        topicIDs=[topic],
        from_id=keypair.peer_id.to_bytes(),
        seqno=seqno.to_bytes(_SEQNO_BYTES, "big"),
    )
    unsigned = _unsigned_bytes(message)
    message.signature = keypair.sign(_SIGNING_PREFIX + unsigned)
    return message, unsigned + _SIGNATURE_FIELD + message.signature


def _unsigned_bytes(message: rpc_pb2.Message) -> bytes:
    return rpc_pb2.Message(
        data=message.data,
        topicIDs=message.topicIDs,
        from_id=message.from_id,
        seqno=message.seqno,
    ).SerializeToString()
