"""What a node holds of a round, told to one neighbour, and what the neighbour holds besides.

Gossip tells a message once. Who missed one asks a neighbour, over a stream between the two. Neither
question nor answer is signed: nobody else hears them, and what counts in an answer are messages
that their authors have signed, admitted by the same rules as gossip. README.md numbers the rules.
It knows neither the ledger that is asked nor the stream.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from protocol.constants import (
    ANSWER_BYTES_MAX,
    DIGEST_BYTES,
    QUESTION_BYTES_MAX,
    ROUND_INDEX_MAX,
)
from protocol.errors import Ignored, Reason, Rejected
from protocol.packing import is_bytes, is_count, pack, unpack
from protocol.parameters import VERSION

NAME_BYTES = 8
"""Changing breaks: the exchange. Of a message's SHA-256: tells a round's messages apart."""

NAMES_MAX = 4096
"""Changing breaks: the exchange. Messages that a question names, and digests in an answer; with so
many a question has 41,008 bytes. Who holds more names the first, and is sent some again."""

_QUESTION_FIELDS = 4
_ANSWER_FIELDS = 6
_ANSWER_HEADER_BYTES = 64
_SHORT_BYTES = 256
"""From this length on a byte string's own header has three bytes instead of two."""


def name_of(raw: bytes) -> bytes:
    """Return what a message is called in a question: 8 bytes."""
    return hashlib.sha256(raw).digest()[:NAME_BYTES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which of a round's messages the asker holds.

    Args:
        swarm: 32 bytes; the digest of the swarm's parameters.
        round_index: 0-based round.
        names: Of the messages, ascending, at most `NAMES_MAX`.
    """

    swarm: bytes
    round_index: int
    names: tuple[bytes, ...] = ()

    @classmethod
    def about(cls, swarm: bytes, round_index: int, held: Iterable[bytes]) -> "Question":
        """Return the question of who holds these messages of a round."""
        names = sorted({name_of(raw) for raw in held})
        return cls(swarm=swarm, round_index=round_index, names=tuple(names[:NAMES_MAX]))

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        return pack([VERSION, self.swarm, self.round_index, list(self.names)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the neighbour holds of a round besides.

    Args:
        swarm: 32 bytes; the digest of the swarm's parameters.
        round_index: 0-based round.
        frozen: Digests of the contributions with which the neighbour closed the round, 32 bytes
            each; None where it is open there, or long forgotten.
        messages: Which the asker did not name, in the order in which they were admitted; of a
            closed round those of `frozen`. As many as there is room for.
    """

    swarm: bytes
    round_index: int
    frozen: tuple[bytes, ...] | None
    messages: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        closed = self.frozen is not None
        digests = list(self.frozen or ())
        return pack([VERSION, self.swarm, self.round_index, closed, digests, list(self.messages)])


def answer_to(question: Question, held: Iterable[bytes], frozen: Sequence[bytes] | None) -> Answer:
    """Return the answer of who holds these messages, none of them named in the question.

    Args:
        question: Which messages the asker holds.
        held: Messages of that round, the most wanted first.
        frozen: With which contributions the round was closed here; None where it was not.
    """
    known = frozenset(question.names)
    room = ANSWER_BYTES_MAX - _ANSWER_HEADER_BYTES
    digests = None if frozen is None else tuple(frozen[:NAMES_MAX])
    room -= (DIGEST_BYTES + 2) * len(digests or ())
    messages: list[bytes] = []
    for raw in held:
        if name_of(raw) in known:
            continue
        room -= len(raw) + (2 if len(raw) < _SHORT_BYTES else 3)
        if room < 0 or len(messages) == NAMES_MAX:
            break
        messages.append(raw)
    return Answer(
        swarm=question.swarm,
        round_index=question.round_index,
        frozen=digests,
        messages=tuple(messages),
    )


def open_question(data: bytes, swarm: bytes) -> Question:
    """Decode a neighbour's question.

    Args:
        data: Its bytes.
        swarm: This swarm's digest, 32 bytes.

    Raises:
        Rejected: BAD_SIZE, MALFORMED or NOT_CANONICAL.
        Ignored: OTHER_SWARM.
    """
    # [REJECT] Its size is within the limit.
    _check_size(data, QUESTION_BYTES_MAX)
    # [REJECT] It has the fields of a question.
    fields = _fields(data, _QUESTION_FIELDS, bin_max=DIGEST_BYTES)
    version, named, round_index, names = fields
    _check_header(version, named, round_index)
    if not _all_bytes(names, length=NAME_BYTES) or sorted(set(names)) != names:
        raise Rejected(Reason.MALFORMED, "names")
    question = Question(swarm=named, round_index=round_index, names=tuple(names))
    # [REJECT] It is in its one canonical encoding.
    if question.to_bytes() != data:
        raise Rejected(Reason.NOT_CANONICAL)
    # [IGNORE] It is of this swarm.
    if named != swarm:
        raise Ignored(Reason.OTHER_SWARM, named.hex()[:16])
    return question


def open_answer(data: bytes, question: Question, *, message_bytes_max: int) -> Answer:
    """Decode a neighbour's answer; its messages are not looked into.

    Args:
        data: Its bytes.
        question: Which it answers.
        message_bytes_max: Longest message in it, by the swarm's parameters.

    Raises:
        Rejected: BAD_SIZE, MALFORMED (also where it answers another question) or NOT_CANONICAL.
    """
    # [REJECT] Its size is within the limit.
    _check_size(data, ANSWER_BYTES_MAX)
    # [REJECT] It has the fields of an answer.
    fields = _fields(data, _ANSWER_FIELDS, bin_max=message_bytes_max)
    version, named, round_index, closed, digests, messages = fields
    _check_header(version, named, round_index)
    if type(closed) is not bool or not _all_bytes(digests, length=DIGEST_BYTES):
        raise Rejected(Reason.MALFORMED, "what it was closed with")
    if (digests and not closed) or not _all_bytes(messages):
        raise Rejected(Reason.MALFORMED, "messages")
    # [REJECT] It answers the question that was asked.
    if (named, round_index) != (question.swarm, question.round_index):
        raise Rejected(Reason.MALFORMED, "the answer to another question")
    answer = Answer(
        swarm=named,
        round_index=round_index,
        frozen=tuple(digests) if closed else None,
        messages=tuple(messages),
    )
    # [REJECT] It is in its one canonical encoding.
    if answer.to_bytes() != data:
        raise Rejected(Reason.NOT_CANONICAL)
    return answer


def _check_size(data: bytes, most: int) -> None:
    if not 1 <= len(data) <= most:
        raise Rejected(Reason.BAD_SIZE, f"{len(data)} bytes")


def _fields(data: bytes, count: int, *, bin_max: int) -> list[Any]:
    try:
        fields = unpack(data, array_max=NAMES_MAX, bin_max=bin_max, str_max=0)
    except ValueError as error:
        raise Rejected(Reason.MALFORMED, str(error)) from error
    if type(fields) is not list or len(fields) != count:
        raise Rejected(Reason.MALFORMED, f"not an array of {count}")
    return fields


def _check_header(version: object, swarm: object, round_index: object) -> None:
    valid = (
        type(version) is int
        and version == VERSION
        and is_bytes(swarm, length=DIGEST_BYTES)
        and is_count(round_index, most=ROUND_INDEX_MAX)
    )
    if not valid:
        raise Rejected(Reason.MALFORMED, "wrong type or range")


def _all_bytes(values: object, *, length: int | None = None) -> bool:
    return type(values) is list and all(
        type(one) is bytes and length in (None, len(one)) for one in values
    )
