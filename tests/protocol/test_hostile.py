"""Floods and fuzz: nothing but a refusal comes out, and memory stays within its bounds."""

import random
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.admission import Admission
from protocol.beacon import HashChain
from protocol.constants import AUTHORS_MAX
from protocol.errors import Reason, Refused
from protocol.packing import pack
from protocol.parameters import Parameters
from protocol.schedule import Schedule

if TYPE_CHECKING:
    from conftest import SmallSwarm

ROUND = 5
PARAMETERS = Parameters(
    task="t",
    task_digest="a" * 64,
    task_prompts=9,
    model_family="b" * 64,
    tokenizer="c" * 64,
    vocabulary_size=512,
    eos_token=1,
)


def outcome(admission: Admission, data: bytes) -> str:
    try:
        admission.admit(data, round_index=ROUND)
    except Refused as refused:
        return str(refused.reason)
    return "admitted"


def size_of(admission: Admission) -> int:
    """Entries remembered, over all of admission's memory."""
    rounds = admission._rounds.values()
    slots = [slot for held in rounds for one in held.assembly._slots.values() for slot in one]
    return (
        len(admission._seats)
        + len(admission._ahead)
        + len(slots)
        + sum(len(said) for held in rounds for said in held.messages.values())
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_no_bit_flip_of_an_envelope_is_admitted_and_none_raises_otherwise(
    swarm: "SmallSwarm", seed: int
) -> None:
    """Ten thousand random flips of one to three bits per seed."""
    rng = random.Random(seed)  # noqa: S311 - a seeded test
    message = swarm.messages(0, ROUND)[0]
    outcomes: Counter[str] = Counter()
    admission = swarm.admission()

    for _ in range(10_000):
        data = bytearray(message)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        if data != message:
            outcomes[outcome(admission, bytes(data))] += 1

    assert outcomes["admitted"] == 0
    assert outcomes.keys() <= set(Reason), f"seed {seed}"
    assert size_of(admission) == 0


def test_every_single_byte_of_an_envelope_matters(swarm: "SmallSwarm") -> None:
    message = swarm.messages(0, ROUND)[0]
    admission = swarm.admission()

    for at in range(len(message)):
        for other in (message[at] ^ 0xFF, message[at] ^ 1, 0, 255):
            data = message[:at] + bytes([other]) + message[at + 1 :]
            assert data == message or outcome(admission, data) != "admitted", at


@settings(max_examples=300)
@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    admission = Admission(PARAMETERS, Schedule(PARAMETERS, HashChain(PARAMETERS.digest())))

    assert outcome(admission, data) in set(Reason)


fields = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.binary(max_size=66)
    | st.text(max_size=4)
    | st.lists(st.integers(0, 9), max_size=4)
    | st.dictionaries(st.integers(0, 3), st.none(), max_size=2)
)


@settings(max_examples=300)
@given(values=st.lists(fields, min_size=8, max_size=11), prefixed=st.booleans())
def test_arrays_of_any_fields_are_refused(values: list[object], *, prefixed: bool) -> None:
    admission = Admission(PARAMETERS, Schedule(PARAMETERS, HashChain(PARAMETERS.digest())))
    if prefixed:
        values = [1, PARAMETERS.digest(), *values[:8]]

    assert outcome(admission, pack(values)) in set(Reason)


def test_a_hundred_thousand_unsigned_messages_leave_no_memory(swarm: "SmallSwarm") -> None:
    """Each names another author, round or prompt; most die before the signature."""
    admission = swarm.admission()
    message = swarm.messages(0, ROUND)[0]
    rng = random.Random(3)  # noqa: S311 - a seeded test

    for index in range(100_000):
        data = bytearray(message)
        data[38:70] = rng.randbytes(32)
        data[70] = index % 128
        outcome(admission, bytes(data))

    assert size_of(admission) == 0
    assert len(admission._schedule._shares) <= 2048


def test_a_member_that_signs_without_end_takes_its_quota_and_is_out(swarm: "SmallSwarm") -> None:
    """Two prompts in each of the five rounds of the window; one claim ahead; one contradiction."""
    admission = swarm.admission()
    outcomes = Counter(
        outcome(admission, swarm.messages(0, round_index, place, salt=salt)[0])
        for salt in range(10)
        for round_index in range(12)
        for place in range(2)
    )

    assert outcomes["admitted"] == 10
    assert outcomes["equivocation"] == 1
    assert outcomes["outcast"] == 89
    assert size_of(admission) == 1 + 1 + 10 + 10


def test_a_crowd_that_signs_without_end_takes_its_seats_and_no_more(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    for number in range(AUTHORS_MAX + 50):
        for round_index in (ROUND, ROUND + 9):
            outcome(admission, swarm.messages(number, round_index)[0])

    assert len(admission._seats) == AUTHORS_MAX
    assert len(admission._ahead) == AUTHORS_MAX
    assert size_of(admission) == 4 * AUTHORS_MAX


def test_parts_without_end_keep_to_their_bytes(parts_swarm: "SmallSwarm") -> None:
    admission = parts_swarm.admission(pending_bytes_max=50_000)
    outcomes: Counter[str] = Counter()

    for number in range(40):
        for place in range(2):
            for part in parts_swarm.messages(number, ROUND, place)[:2]:
                outcomes[outcome(admission, part)] += 1

    pending = sum(held.assembly.pending_bytes for held in admission._rounds.values())
    assert pending == 60 * 831 <= 50_000
    assert outcomes == {"admitted": 60, "parts_full": 100}


def test_a_payload_that_announces_more_than_it_holds_allocates_nothing(
    swarm: "SmallSwarm",
) -> None:
    """Four billion elements in nine bytes; and a nest as deep as the message is long."""
    limit = sys.getrecursionlimit()
    for data in (
        b"\x9a\x01\xc4\x20" + swarm.parameters.digest() + b"\xdd\xff\xff\xff\xff",
        b"\x9a\x01\xc4\x20" + swarm.parameters.digest() + b"\x91" * 40_000,
        b"\x9a" * 40_000,
    ):
        assert outcome(swarm.admission(), data) == "malformed"
    assert sys.getrecursionlimit() == limit
