"""What proves that an author equivocated, and what does not."""

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from protocol.admission import Admission
from protocol.constants import CONVICTIONS_MAX, ROUND_INDEX_MAX
from protocol.envelope import PARTS_MAX, PROMPT_INDEX_MAX, Part, open_part
from protocol.errors import Ignored, Reason, Refused, Rejected
from protocol.evidence import (
    EVIDENCE_BYTES_MAX,
    Evidence,
    check_evidence,
    is_evidence,
    open_evidence,
)

if TYPE_CHECKING:
    from conftest import SmallSwarm


def part(swarm: "SmallSwarm", *, salt: int = 0, number: int = 0, **changes: Any) -> Part:
    message = swarm.messages(number, salt=salt)[0]
    return swarm.signed(replace(open_part(message, swarm.parameters), **changes), number)


def proof(swarm: "SmallSwarm", number: int = 0) -> bytes:
    """What a node makes that is told two answers."""
    second = part(swarm, salt=1, number=number)
    return Evidence.of(second, part(swarm, number=number).statement()).to_bytes()


def reason(admission: Admission, data: bytes, round_index: int = 0) -> Reason:
    with pytest.raises(Refused) as raised:
        admission.convict(data, round_index=round_index)
    return raised.value.reason


def test_two_answers_convict_their_author_wherever_they_are_told(swarm: "SmallSwarm") -> None:
    """One node was told both; the other has heard of neither, and need not trust the first."""
    witness, stranger = swarm.admission(), swarm.admission()
    witness.admit(swarm.messages()[0], round_index=0)
    with pytest.raises(Ignored) as refused:
        witness.admit(swarm.messages(salt=1)[0], round_index=0)
    evidence = refused.value.evidence

    assert evidence is not None
    assert is_evidence(evidence)
    assert stranger.convict(evidence, round_index=0) == swarm.keypair().peer_id
    assert stranger.outcasts == witness.outcasts == {swarm.keypair().peer_id}


def test_both_witnesses_make_the_same_evidence(swarm: "SmallSwarm") -> None:
    """Whichever of the two answers they were told first: it is gossiped once, not twice."""
    first, second = part(swarm), part(swarm, salt=1)

    assert Evidence.of(second, first.statement()) == Evidence.of(first, second.statement())


def test_evidence_is_read_back_as_it_was_written(swarm: "SmallSwarm") -> None:
    evidence = Evidence.of(part(swarm, salt=1), part(swarm).statement())

    assert open_evidence(evidence.to_bytes()) == evidence
    check_evidence(evidence)


def test_it_is_small_whatever_it_is_about(parts_swarm: "SmallSwarm") -> None:
    statement = part(parts_swarm).statement()
    largest = Evidence(
        swarm=bytes(32),
        author=parts_swarm.keypair().peer_id,
        round_index=ROUND_INDEX_MAX,
        prompt_index=PROMPT_INDEX_MAX,
        statements=(replace(statement, part_index=PARTS_MAX, part_count=PARTS_MAX),) * 2,
    )

    assert len(largest.to_bytes()) == EVIDENCE_BYTES_MAX


def test_no_envelope_is_evidence_and_the_other_way_round(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()

    assert not is_evidence(swarm.messages()[0])
    assert not is_evidence(b"")
    with pytest.raises(Rejected, match="malformed"):
        admission.admit(proof(swarm), round_index=0)
    assert reason(admission, swarm.messages()[0]) is Reason.MALFORMED


# --- what contradicts ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "contradicts"),
    [
        ({}, False),
        ({"digest": bytes(32)}, True),
        ({"part_count": 4}, True),
        ({"payload": bytes(831)}, True),
        ({"part_index": 1}, False),
        ({"part_index": 1, "payload": bytes(831)}, False),
        ({"part_index": 1, "digest": bytes(32)}, True),
    ],
    ids=str,
)
def test_statements_contradict_where_no_honest_author_makes_both(
    parts_swarm: "SmallSwarm", changes: dict[str, Any], *, contradicts: bool
) -> None:
    """Other parts of one contribution are other chunks under one digest."""
    first, second = part(parts_swarm), part(parts_swarm, **changes)

    assert first.statement().contradicts(second.statement()) is contradicts
    assert second.statement().contradicts(first.statement()) is contradicts


@pytest.mark.parametrize("changes", [{"digest": bytes(32)}, {"payload": bytes(831)}], ids=str)
def test_a_part_that_contradicts_another_convicts(
    parts_swarm: "SmallSwarm", changes: dict[str, Any]
) -> None:
    admission = parts_swarm.admission()
    admission.admit(parts_swarm.messages()[0], round_index=0)

    with pytest.raises(Ignored) as refused:
        admission.admit(part(parts_swarm, **changes).to_bytes(), round_index=0)

    assert refused.value.reason is Reason.EQUIVOCATION
    assert refused.value.evidence is not None
    assert parts_swarm.admission().convict(refused.value.evidence, round_index=0)


def test_what_is_signed_anew_without_contradiction_convicts_nobody(
    parts_swarm: "SmallSwarm",
) -> None:
    admission = parts_swarm.admission()
    for message in parts_swarm.messages():
        admission.admit(message, round_index=0)

    for message in parts_swarm.messages():
        with pytest.raises(Ignored, match="duplicate"):
            admission.admit(message, round_index=0)
    assert admission.outcasts == frozenset()


# --- what proves nothing ------------------------------------------------------------------


def test_one_statement_twice_proves_nothing(swarm: "SmallSwarm") -> None:
    same = Evidence.of(part(swarm), part(swarm).statement()).to_bytes()

    assert reason(swarm.admission(), same) is Reason.MALFORMED


def test_nobody_can_be_convicted_by_another(swarm: "SmallSwarm") -> None:
    """Each statement needs the author's own signature, over its own round and prompt."""
    honest, forger = part(swarm), part(swarm, salt=1)
    forged = replace(forger.statement(), signature=swarm.keypair(9).sign(forger.signing_bytes()))
    elsewhere = part(swarm, prompt_index=honest.prompt_index + 1, digest=bytes(32)).statement()
    next_round = open_part(swarm.messages(0, 1)[0], swarm.parameters).statement()

    for statement in (forged, elsewhere, next_round):
        data = Evidence.of(honest, statement).to_bytes()
        assert reason(swarm.admission(), data) is Reason.BAD_SIGNATURE


def test_statements_out_of_order_are_not_canonical(swarm: "SmallSwarm") -> None:
    """Otherwise each proof would have two forms, and be gossiped twice."""
    evidence = open_evidence(proof(swarm))
    first, second = evidence.statements
    swapped = replace(evidence, statements=(second, first)).to_bytes()

    assert reason(swarm.admission(), swapped) is Reason.NOT_CANONICAL


def test_another_swarms_evidence_costs_nobody(swarm: "SmallSwarm") -> None:
    other = proof(swarm.with_(temperature=0.9))

    assert reason(swarm.admission(), other) is Reason.OTHER_SWARM


@pytest.mark.parametrize("seed", [1, 2])
def test_no_change_of_its_bytes_convicts_and_none_raises_otherwise(
    swarm: "SmallSwarm", seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a seeded test
    honest = proof(swarm)
    for _ in range(3000):
        data = bytearray(honest)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        cut = rng.choice([len(data), rng.randrange(len(data))])
        if bytes(data[:cut]) == honest:
            continue
        with pytest.raises(Refused):
            swarm.admission().convict(bytes(data[:cut]), round_index=0)


@pytest.mark.parametrize(
    "data", [b"\x97", b"\x97" + b"\x91" * 300, b"\x97" + b"\xdd\xff\xff\xff\xff", b"\x97" * 400]
)
def test_bombs_are_refused(swarm: "SmallSwarm", data: bytes) -> None:
    assert reason(swarm.admission(), data) in {
        Reason.MALFORMED,
        Reason.BAD_SIZE,
        Reason.OTHER_VERSION,
    }


# --- bounds -------------------------------------------------------------------------------


def test_the_same_evidence_is_passed_on_once(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    admission.convict(proof(swarm), round_index=0)

    assert reason(admission, proof(swarm)) is Reason.OUTCAST


def test_a_crowd_of_invented_authors_does_not_flood_the_swarm_with_its_convictions(
    swarm: "SmallSwarm",
) -> None:
    admission = swarm.admission()
    admission.admit(swarm.messages(0)[0], round_index=0)
    for number in range(1, CONVICTIONS_MAX + 1):
        admission.convict(proof(swarm, number), round_index=0)
    stranger = proof(swarm, CONVICTIONS_MAX + 1)

    assert reason(admission, stranger) is Reason.CROWDED
    assert admission.convict(proof(swarm, 0), round_index=0) == swarm.keypair(0).peer_id
    assert admission.convict(stranger, round_index=1)
