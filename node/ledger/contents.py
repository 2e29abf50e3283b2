"""Are the signed bytes in a ledger what their names, signatures and rounds say? And the proofs?

The rules of the wire are the protocol's; here they are asked of what is kept.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator

from node.ledger.misfit import LOST, Misfit
from protocol.contribution import contribution_digest
from protocol.envelope import Part, check_signature, open_part
from protocol.errors import Rejected
from protocol.evidence import check_evidence, open_evidence
from protocol.parameters import Parameters

WIDEST = Parameters(
    task="any",
    task_digest="0" * 64,
    task_prompts=1000,
    model_family="0" * 64,
    tokenizer="0" * 64,
    vocabulary_size=2,
    eos_token=0,
)
"""Reading a message asks for nothing but the longest one, and the default is the longest there is:
what the ledger of any swarm holds can be read without knowing the swarm."""


def contents(file: sqlite3.Connection) -> Iterator[Misfit]:
    """Yield what does not fit among messages, frozen rounds and proofs."""
    yield from _of_messages(file)
    yield from _of_frozen(file)
    yield from _of_proofs(file)


def _of_messages(file: sqlite3.Connection) -> Iterator[Misfit]:
    """Each message has its digest for a name, a signature that holds, and stands in its round."""
    for round_index, own, name, raw in file.execute("SELECT round, own, name, raw FROM envelopes"):
        whose = "of its own" if own else "of a peer"
        where = f"round {round_index}, a message {whose} named {_hex(name)}"
        if own not in {0, 1}:
            yield Misfit(where, "0 or 1 for whose it is", repr(own), LOST)
        found = hashlib.sha256(raw).digest() if isinstance(raw, bytes) else raw
        if found != name:
            yield Misfit(where, f"bytes whose SHA-256 is {_hex(name)}", _hex(found), LOST)
        part = _signed(raw)
        if isinstance(part, str):
            yield Misfit(where, "a message that its author has signed", part, LOST)
        elif part.round_index != round_index:
            yield Misfit(
                where, f"round {round_index}", f"signed for round {part.round_index}", LOST
            )


def _signed(raw: bytes) -> Part | str:
    """Return what a message says, or why nobody has signed it."""
    try:
        part = open_part(raw, WIDEST)
        check_signature(part)
    except Rejected as refused:
        return str(refused)
    return part


def _of_frozen(file: sqlite3.Connection) -> Iterator[Misfit]:
    """All that a closed round was frozen with is there, and has the digest that was frozen."""
    closed = file.execute("SELECT round, digests FROM closed WHERE digests IS NOT NULL").fetchall()
    for round_index, text in closed:
        where = f"round {round_index}, what it was frozen with"
        try:
            frozen = {bytes.fromhex(one) for one in json.loads(text)}
        except (ValueError, TypeError, RecursionError) as error:
            yield Misfit(where, "digests of contributions", str(error), LOST)
            continue
        missing = sorted(frozen - _whole(file, round_index))
        if missing:
            yield Misfit(where, missing[0].hex(), "no such contribution among its messages", LOST)


def _whole(file: sqlite3.Connection, round_index: int) -> set[bytes]:
    """Return the digests of the contributions of which a round has all parts."""
    parts: dict[tuple[bytes, bytes], dict[int, Part]] = {}
    for (raw,) in file.execute("SELECT raw FROM envelopes WHERE round = ?", (round_index,)):
        part = open_part(raw, WIDEST)  # it was opened before
        parts.setdefault((part.author.public_key, part.digest), {})[part.part_index] = part
    found: set[bytes] = set()
    for one in parts.values():
        first = next(iter(one.values()))
        payload = b"".join(one[at].payload for at in sorted(one))
        header = (first.author, first.round_index, first.prompt_index)
        if contribution_digest(*header, payload) == first.digest:
            found.add(first.digest)
    return found


def _of_proofs(file: sqlite3.Connection) -> Iterator[Misfit]:
    """Who was cast out has signed two answers to one prompt."""
    for author, proof in file.execute("SELECT author, proof FROM outcasts"):
        where = f"the proof against {_hex(author)}"
        try:
            evidence = open_evidence(proof)
            check_evidence(evidence)
        except Rejected as refused:
            yield Misfit(where, "two signatures that contradict each other", str(refused), LOST)
            continue
        if evidence.author.public_key != author:
            found = f"a proof against {evidence.author.public_key.hex()}"
            yield Misfit(where, "a proof against just that author", found, LOST)


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)
