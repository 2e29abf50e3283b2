"""Contribution to signed bytes and back; strict, canonical, in parts where it must be.

Every part is an envelope of its own: signed by itself, and bound to the whole contribution
by its digest. Rounds, schedules and what was seen before are not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from protocol.constants import DIGEST_BYTES, ROUND_INDEX_MAX
from protocol.contribution import Contribution
from protocol.errors import Ignored, Reason, Rejected
from protocol.hashing import digest as hashed
from protocol.hashing import length_prefixed, u64
from protocol.identity import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Keypair, PeerId, verify
from protocol.packing import is_bytes, is_count, pack, unpack
from protocol.parameters import VERSION, Parameters
from protocol.payload import open_payload

ENVELOPE_FIELDS = 10
"""Changing breaks: the wire. Header, payload and signature, in the order of `Part`'s fields."""

PROMPT_INDEX_MAX = 2**32 - 1
"""Changing breaks: the wire. Widest prompt index; the task's own number is checked later."""

PARTS_MAX = 2**16 - 1
"""Changing breaks: the wire. Widest part index and count; the swarm's own is smaller."""

_FIXARRAY, _FIXARRAY_MASK, _FIXINT_MAX = 0x90, 0xF0, 0x7F
_PEEK_BYTES = 2
_SWARM_AT = slice(4, 4 + DIGEST_BYTES)
_BIN_32 = b"\xc4\x20"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one signature says of a contribution, without the chunk itself.

    Args:
        part_index: 0-based place among the contribution's parts.
        part_count: How many parts the contribution has.
        digest: 32 bytes; of the whole contribution.
        chunk_digest: 32 bytes; of this part's chunk of the payload.
        signature: 64 bytes.
    """

    part_index: int
    part_count: int
    digest: bytes
    chunk_digest: bytes
    signature: bytes

    def signing_bytes(
        self, *, swarm: bytes, author: PeerId, round_index: int, prompt_index: int
    ) -> bytes:
        """Return what the author signs: domain, header and digests, length-prefixed.

        The chunk is signed by its digest, so that two signatures prove an equivocation without
        the chunks.
        """
        return length_prefixed(
            "drl/envelope/1",
            u64(VERSION),
            swarm,
            author.public_key,
            u64(round_index),
            u64(prompt_index),
            u64(self.part_index),
            u64(self.part_count),
            self.digest,
            self.chunk_digest,
        )

    def contradicts(self, other: "Statement") -> bool:
        """Say whether no honest author makes both statements of one round and prompt."""
        if (self.digest, self.part_count) != (other.digest, other.part_count):
            return True
        return self.part_index == other.part_index and self.chunk_digest != other.chunk_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One decoded envelope; unsigned for until `check_signature`.

    Args:
        swarm: 32 bytes; the digest of the swarm's parameters.
        author: Who is said to have signed it.
        round_index: 0-based round.
        prompt_index: 0-based prompt.
        part_index: 0-based place among the contribution's parts.
        part_count: How many parts the contribution has; 1 where it fits into one message.
        digest: 32 bytes; of the whole contribution.
        payload: The whole payload, or this part's chunk of it.
        signature: 64 bytes; over `signing_bytes`.
    """

    swarm: bytes
    author: PeerId
    round_index: int
    prompt_index: int
    part_index: int
    part_count: int
    digest: bytes
    payload: bytes
    signature: bytes

    def statement(self) -> Statement:
        """Return what its signature says."""
        return Statement(
            part_index=self.part_index,
            part_count=self.part_count,
            digest=self.digest,
            chunk_digest=hashed("drl/chunk/1", self.payload),
            signature=self.signature,
        )

    def signing_bytes(self) -> bytes:
        """Return what the author signs: the payload by its digest, as received."""
        return self.statement().signing_bytes(
            swarm=self.swarm,
            author=self.author,
            round_index=self.round_index,
            prompt_index=self.prompt_index,
        )

    def to_bytes(self) -> bytes:
        """Return the canonical encoding: the gossip message."""
        return pack(
            [
                VERSION,
                self.swarm,
                self.author.public_key,
                self.round_index,
                self.prompt_index,
                self.part_index,
                self.part_count,
                self.digest,
                self.payload,
                self.signature,
            ]
        )


def check_size(data: bytes, parameters: Parameters) -> None:
    """Refuse an empty or oversized message.

    Raises:
        Rejected: BAD_SIZE.
    """
    if not 0 < len(data) <= parameters.message_bytes_max:
        raise Rejected(Reason.BAD_SIZE, f"{len(data)} bytes")


def check_kinship(data: bytes, swarm: bytes) -> None:
    """Refuse another version's or swarm's message by its first 36 bytes, undecoded.

    Every version begins with a MessagePack array of up to 15 elements, the first of them the
    version in one byte; all else may change with it.

    Raises:
        Ignored: OTHER_VERSION or OTHER_SWARM.
    """
    if len(data) < _PEEK_BYTES or data[0] & _FIXARRAY_MASK != _FIXARRAY or data[1] > _FIXINT_MAX:
        return  # no version's message: `open_part` says so
    if data[1] != VERSION:
        raise Ignored(Reason.OTHER_VERSION, f"version {data[1]}")
    if data[_PEEK_BYTES : _SWARM_AT.start] != _BIN_32 or len(data) < _SWARM_AT.stop:
        return
    theirs = data[_SWARM_AT]
    if theirs != swarm:
        raise Ignored(Reason.OTHER_SWARM, f"swarm {theirs.hex()[:16]}")


def open_part(data: bytes, parameters: Parameters) -> Part:
    """Decode one message of at most `message_bytes_max` without asking who signed it.

    Raises:
        Rejected: MALFORMED or NOT_CANONICAL.
    """
    try:
        fields = unpack(
            data, array_max=ENVELOPE_FIELDS, bin_max=parameters.message_bytes_max, str_max=0
        )
    except ValueError as error:
        raise Rejected(Reason.MALFORMED, str(error)) from error
    part = _typed(fields)
    if part.to_bytes() != data:
        raise Rejected(Reason.NOT_CANONICAL)
    return part


def _typed(fields: Any) -> Part:
    """Check every field's type and range; a boolean is no integer."""
    if type(fields) is not list or len(fields) != ENVELOPE_FIELDS:
        raise Rejected(Reason.MALFORMED, f"not an array of {ENVELOPE_FIELDS}")
    version, swarm, key, round_index, prompt_index, index, count, digest, payload, signature = (
        fields
    )
    valid = {
        "version": type(version) is int and version == VERSION,
        "swarm": is_bytes(swarm, length=DIGEST_BYTES),
        "author": is_bytes(key, length=PUBLIC_KEY_BYTES),
        "round": is_count(round_index, most=ROUND_INDEX_MAX),
        "prompt": is_count(prompt_index, most=PROMPT_INDEX_MAX),
        "part": is_count(index, most=PARTS_MAX),
        "parts": is_count(count, most=PARTS_MAX),
        "digest": is_bytes(digest, length=DIGEST_BYTES),
        "payload": type(payload) is bytes,
        "signature": is_bytes(signature, length=SIGNATURE_BYTES),
    }
    if not all(valid.values()):
        wrong = ", ".join(name for name, holds in valid.items() if not holds)
        raise Rejected(Reason.MALFORMED, f"wrong type or range: {wrong}")
    return Part(
        swarm=swarm,
        author=PeerId(key),
        round_index=round_index,
        prompt_index=prompt_index,
        part_index=index,
        part_count=count,
        digest=digest,
        payload=payload,
        signature=signature,
    )


def check_cut(part: Part, parameters: Parameters) -> None:
    """Refuse a part that no honest cut makes: every part is full but the last.

    Raises:
        Rejected: BAD_PART.
    """
    if not part.part_index < part.part_count <= parameters.parts_max:
        raise Rejected(Reason.BAD_PART, f"part {part.part_index} of {part.part_count}")
    size, full = len(part.payload), parameters.chunk_bytes
    last = part.part_index == part.part_count - 1
    if not (1 <= size <= full if last else size == full):
        raise Rejected(Reason.BAD_PART, f"{size} bytes in part {part.part_index}")


def check_signature(part: Part) -> None:
    """Refuse a part that its author did not sign.

    Raises:
        Rejected: BAD_SIGNATURE.
    """
    if not verify(part.author, part.signing_bytes(), part.signature):
        raise Rejected(Reason.BAD_SIGNATURE)


def join_parts(part: Part, payload: bytes, parameters: Parameters) -> Contribution:
    """Return the contribution whose whole payload is given, under any of its parts' header.

    Raises:
        Rejected: As `protocol.payload.open_payload`.
    """
    return open_payload(
        payload,
        digest=part.digest,
        author=part.author,
        round_index=part.round_index,
        prompt_index=part.prompt_index,
        parameters=parameters,
    )


def seal(contribution: Contribution, keypair: Keypair, parameters: Parameters) -> tuple[bytes, ...]:
    """Return the signed gossip messages of a contribution, one or several parts, in order.

    Raises:
        ValueError: If the contribution breaks a rule that its receivers would reject it for,
            or the key is not its author's.
    """
    if keypair.peer_id != contribution.author:
        raise ValueError(f"{keypair.peer_id} cannot sign for {contribution.author}")
    payload, digest, full = contribution.payload(), contribution.digest(), parameters.chunk_bytes
    chunks = [payload[at : at + full] for at in range(0, len(payload), full)]
    parts = [
        Part(
            swarm=parameters.digest(),
            author=contribution.author,
            round_index=contribution.round_index,
            prompt_index=contribution.prompt_index,
            part_index=index,
            part_count=len(chunks),
            digest=digest,
            payload=chunk,
            signature=b"",
        )
        for index, chunk in enumerate(chunks)
    ]
    try:
        reopened = join_parts(parts[0], payload, parameters)
    except Rejected as refused:
        raise ValueError(f"not a contribution of this swarm: {refused}") from refused
    if reopened != contribution:
        raise ValueError("a completion's `ended`, tokens or text is not what would be read back")
    return tuple(_signed(part, keypair).to_bytes() for part in parts)


def _signed(part: Part, keypair: Keypair) -> Part:
    return replace(part, signature=keypair.sign(part.signing_bytes()))


def open_envelope(messages: Sequence[bytes], parameters: Parameters) -> Contribution:
    """Return the contribution of all its messages, in the order of `seal`; keeps no memory.

    For records and tests; what arrives from the swarm goes through `Admission`.

    Raises:
        Rejected: If a message, their order or the whole breaks a rule.
        Ignored: If they belong to another version or swarm.
    """
    parts: list[Part] = []
    for data in messages:
        check_size(data, parameters)
        check_kinship(data, parameters.digest())
        part = open_part(data, parameters)
        check_cut(part, parameters)
        check_signature(part)
        parts.append(part)
    for index, part in enumerate(parts):
        if (part.part_index, part.part_count) != (index, len(parts)):
            raise Rejected(Reason.BAD_PART, f"part {part.part_index} in place {index}")
        if part.digest != parts[0].digest:
            raise Rejected(Reason.BAD_DIGEST, f"part {index} is another contribution's")
    if not parts:
        raise Rejected(Reason.BAD_PART, "no part")
    return join_parts(parts[0], b"".join(part.payload for part in parts), parameters)
