"""Two signed messages for one slot: proof that their author equivocated, for anyone to check.

A proof holds what was signed and not what it was about, so it is small and never needs the
payloads. Whoever holds it needs to trust nobody, and it can be made by nobody but the author
itself. Whether an author is still heard is decided in `admission`.
"""

from dataclasses import dataclass
from typing import Any

from protocol.constants import DIGEST_BYTES, ROUND_INDEX_MAX
from protocol.envelope import PARTS_MAX, PROMPT_INDEX_MAX, Part, Statement
from protocol.errors import Reason, Rejected
from protocol.identity import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, PeerId, verify
from protocol.packing import is_bytes, is_count, pack, unpack
from protocol.parameters import VERSION

EVIDENCE_FIELDS = 7
"""Changing breaks: the wire. Header and two statements; ten would be an envelope."""

EVIDENCE_BYTES_MAX = 366
"""Changing breaks: the wire. 84 of header and two statements of 141, each at its largest."""

_STATEMENT_FIELDS = 5
_FIXARRAY = 0x90


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Two contradicting statements of one author; unproven until `check_evidence`.

    Args:
        swarm: 32 bytes; the digest of the swarm's parameters.
        author: Who signed both.
        round_index: The round that both are for.
        prompt_index: The prompt that both answer.
        statements: Both, in the order of their encoded bytes.
    """

    swarm: bytes
    author: PeerId
    round_index: int
    prompt_index: int
    statements: tuple[Statement, Statement]

    @classmethod
    def of(cls, part: Part, earlier: Statement) -> "Evidence":
        """Return the proof that a part contradicts an earlier statement of its author."""
        first, second = sorted((part.statement(), earlier), key=_packed)
        return cls(
            swarm=part.swarm,
            author=part.author,
            round_index=part.round_index,
            prompt_index=part.prompt_index,
            statements=(first, second),
        )

    def to_bytes(self) -> bytes:
        """Return the canonical encoding: the gossip message."""
        first, second = (_listed(statement) for statement in self.statements)
        header = [VERSION, self.swarm, self.author.public_key, self.round_index, self.prompt_index]
        return pack([*header, first, second])


def is_evidence(data: bytes) -> bool:
    """Tell by its first byte whether a message is evidence rather than an envelope."""
    return data[:1] == bytes([_FIXARRAY | EVIDENCE_FIELDS])


def open_evidence(data: bytes) -> Evidence:
    """Decode one message without asking who signed it.

    Raises:
        Rejected: BAD_SIZE, MALFORMED or NOT_CANONICAL.
    """
    if len(data) > EVIDENCE_BYTES_MAX:
        raise Rejected(Reason.BAD_SIZE, f"{len(data)} bytes of evidence")
    try:
        fields = unpack(data, array_max=EVIDENCE_FIELDS, bin_max=SIGNATURE_BYTES, str_max=0)
    except ValueError as error:
        raise Rejected(Reason.MALFORMED, str(error)) from error
    evidence = _typed(fields)
    if evidence.to_bytes() != data:
        raise Rejected(Reason.NOT_CANONICAL)
    return evidence


def check_evidence(evidence: Evidence) -> None:
    """Refuse what does not prove that its author equivocated.

    Raises:
        Rejected: MALFORMED if the statements agree or are out of order, BAD_SIGNATURE if the
            author did not sign both.
    """
    first, second = evidence.statements
    if not first.contradicts(second):
        raise Rejected(Reason.MALFORMED, "the statements do not contradict each other")
    if _packed(first) > _packed(second):
        raise Rejected(Reason.NOT_CANONICAL, "the statements are out of order")
    for statement in evidence.statements:
        signed = statement.signing_bytes(
            swarm=evidence.swarm,
            author=evidence.author,
            round_index=evidence.round_index,
            prompt_index=evidence.prompt_index,
        )
        if not verify(evidence.author, signed, statement.signature):
            raise Rejected(Reason.BAD_SIGNATURE, "of a statement")


def _listed(statement: Statement) -> list[object]:
    return [
        statement.part_index,
        statement.part_count,
        statement.digest,
        statement.chunk_digest,
        statement.signature,
    ]


def _packed(statement: Statement) -> bytes:
    return pack(_listed(statement))


def _typed(fields: Any) -> Evidence:
    if type(fields) is not list or len(fields) != EVIDENCE_FIELDS:
        raise Rejected(Reason.MALFORMED, f"not an array of {EVIDENCE_FIELDS}")
    version, swarm, key, round_index, prompt_index, first, second = fields
    valid = (
        type(version) is int
        and version == VERSION
        and is_bytes(swarm, length=DIGEST_BYTES)
        and is_bytes(key, length=PUBLIC_KEY_BYTES)
        and is_count(round_index, most=ROUND_INDEX_MAX)
        and is_count(prompt_index, most=PROMPT_INDEX_MAX)
    )
    if not valid:
        raise Rejected(Reason.MALFORMED, "wrong type or range")
    return Evidence(
        swarm=swarm,
        author=PeerId(key),
        round_index=round_index,
        prompt_index=prompt_index,
        statements=(_statement(first), _statement(second)),
    )


def _statement(fields: Any) -> Statement:
    if type(fields) is not list or len(fields) != _STATEMENT_FIELDS:
        raise Rejected(Reason.MALFORMED, f"a statement is not an array of {_STATEMENT_FIELDS}")
    part_index, part_count, digest, chunk_digest, signature = fields
    valid = (
        is_count(part_index, most=PARTS_MAX)
        and is_count(part_count, most=PARTS_MAX)
        and is_bytes(digest, length=DIGEST_BYTES)
        and is_bytes(chunk_digest, length=DIGEST_BYTES)
        and is_bytes(signature, length=SIGNATURE_BYTES)
    )
    if not valid:
        raise Rejected(Reason.MALFORMED, "a statement's type or range")
    return Statement(
        part_index=part_index,
        part_count=part_count,
        digest=digest,
        chunk_digest=chunk_digest,
        signature=signature,
    )
