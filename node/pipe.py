"""How a request to the model's process and its answer cross a pipe: framed MessagePack.

Both ends are this program, so a malformed frame is our own bug; still nothing but plain
values crosses, and nothing that could run code.
"""

import dataclasses
import struct
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, TypeVar, cast

import msgpack

from node.settings import plain, read_settings
from protocol.contribution import Completion, Contribution
from protocol.identity import PeerId

R = TypeVar("R")

HEADER = struct.Struct(">I")
FRAME_BYTES_MAX = 1 << 30
"""A round of the largest swarm that admission allows is far below this."""


def pack(message: object) -> bytes:
    """Return a message as one frame: four bytes of length, then MessagePack."""
    body = cast("bytes", msgpack.packb(message, use_bin_type=True))
    assert len(body) <= FRAME_BYTES_MAX
    return HEADER.pack(len(body)) + body


def unpack(body: bytes) -> Any:
    """Return the message of a frame's body."""
    return msgpack.unpackb(body, raw=False)


def read_frame(stream: BinaryIO) -> Any | None:
    """Read one message, blocking; None where the other end has closed the pipe."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    body = stream.read(length)
    return unpack(body) if len(body) == length else None


def pack_result(result: object) -> dict[str, object]:
    """Return a result dataclass as plain values; contributions keep their own form."""
    if not hasattr(result, "contributions"):
        return plain(result)
    fields = cast("Any", result)
    rest = {
        field.name: getattr(fields, field.name)
        for field in dataclasses.fields(fields)
        if field.name != "contributions"
    }
    return rest | {"contributions": pack_contributions(fields.contributions)}


def unpack_result(cls: type[R], values: dict[str, object]) -> R:
    """Return the result dataclass that `pack_result` made plain."""
    if "contributions" not in values:
        return read_settings(cls, values, where=cls.__name__)
    contributions = unpack_contributions(cast("Sequence[Any]", values["contributions"]))
    return cls(**values | {"contributions": contributions})


def pack_contributions(contributions: Iterable[Contribution]) -> list[object]:
    """Return contributions as plain lists."""
    return [
        [
            one.author.public_key,
            one.round_index,
            one.prompt_index,
            one.policy_digest,
            [[list(each.tokens), each.text, each.ended] for each in one.completions],
        ]
        for one in contributions
    ]


def unpack_contributions(rows: Iterable[Sequence[Any]]) -> tuple[Contribution, ...]:
    """Return the contributions that `pack_contributions` made plain."""
    return tuple(
        Contribution(
            author=PeerId(public_key),
            round_index=round_index,
            prompt_index=prompt_index,
            policy_digest=policy_digest,
            completions=tuple(
                Completion(tokens=tuple(tokens), text=text, ended=ended)
                for tokens, text, ended in completions
            ),
        )
        for public_key, round_index, prompt_index, policy_digest, completions in rows
    )
