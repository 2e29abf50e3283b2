"""How a request to the model's process and its answer cross a pipe: framed MessagePack.

Both ends are this program, so a malformed frame is our own bug; still nothing but plain
values crosses, and nothing that could run code.
"""

import dataclasses
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO, TypeVar, cast, get_type_hints

import msgpack

from node.settings import plain_value, read_value
from node.work import Finding, Said
from protocol.contribution import Completion, Contribution
from protocol.identity import PeerId

R = TypeVar("R")

FINDING_FIELDS = [field.name for field in dataclasses.fields(Finding)]
SAID_FIELDS = [field.name for field in dataclasses.fields(Said)]

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


def cut(data: bytes) -> tuple[bytes, ...]:
    """Cut a stranger's bytes into the MessagePack values that stand in them one after another.

    Nothing is decoded. Where a value has no end, the rest is the last.
    """
    reader = msgpack.Unpacker(max_buffer_size=max(len(data), 1))
    reader.feed(data)
    found: list[bytes] = []
    at = 0
    while at < len(data):
        try:
            reader.skip()
        except Exception:  # noqa: BLE001 - hostile bytes: a decoder may raise anything
            end = len(data)
        else:
            end = reader.tell()
        found.append(data[at:end])
        at = end
    return tuple(found)


def pack_result(result: object) -> dict[str, object]:
    """Return a result dataclass as plain values; contributions and findings keep their own form.

    There may be thousands of them, and they cross in every round.
    """
    packed: dict[str, object] = {}
    for field in dataclasses.fields(cast("Any", result)):
        value = getattr(result, field.name)
        form = FORMS.get(field.name)
        packed[field.name] = plain_value(value) if form is None else form[0](value)
    return packed


def unpack_result(cls: type[R], values: dict[str, Any]) -> R:
    """Return the result dataclass that `pack_result` made plain."""
    hints = get_type_hints(cls)
    read = {
        name: read_value(hints[name], value, f"{cls.__name__} {name}")
        if name not in FORMS
        else FORMS[name][1](value)
        for name, value in values.items()
    }
    return cls(**read)


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


def pack_findings(findings: Iterable[Finding]) -> list[object]:
    """Return findings as plain lists."""
    return [
        [
            getattr(one, name)
            if name not in {"deciding", "verdicts"}
            else pack_said([one.deciding] if name == "deciding" else one.verdicts)
            for name in FINDING_FIELDS
        ]
        for one in findings
    ]


def unpack_findings(rows: Iterable[Sequence[Any]]) -> tuple[Finding, ...]:
    """Return the findings that `pack_findings` made plain."""
    found = []
    for row in rows:
        values = dict(zip(FINDING_FIELDS, row, strict=True))
        (values["deciding"],) = unpack_said(values["deciding"])
        values["verdicts"] = unpack_said(values["verdicts"])
        values["tokens"] = tuple(values["tokens"])
        found.append(Finding(**values))
    return tuple(found)


def pack_said(said: Iterable[Said]) -> list[list[object]]:
    """Return what stages said as plain lists."""
    return [[getattr(one, name) for name in SAID_FIELDS] for one in said]


def unpack_said(rows: Iterable[Sequence[Any]]) -> tuple[Said, ...]:
    """Return what `pack_said` made plain."""
    found = []
    for row in rows:
        values = dict(zip(SAID_FIELDS, row, strict=True))
        values["spans"] = tuple((start, end, unit) for start, end, unit in values["spans"])
        found.append(Said(**values))
    return tuple(found)


FORMS: dict[str, tuple[Callable[[Any], object], Callable[[Any], object]]] = {
    "contributions": (pack_contributions, unpack_contributions),
    "found": (pack_findings, unpack_findings),
}
"""Fields of results with a form of their own: how they are packed and unpacked."""
