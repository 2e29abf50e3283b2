"""What a node asks a neighbour, what it is answered, and what of either is refused."""

import contextlib
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.constants import ANSWER_BYTES_MAX, QUESTION_BYTES_MAX, ROUND_INDEX_MAX
from protocol.errors import Ignored, Reason, Refused
from protocol.exchange import (
    NAME_BYTES,
    NAMES_MAX,
    Answer,
    Question,
    answer_to,
    name_of,
    open_answer,
    open_question,
)
from protocol.packing import pack

if TYPE_CHECKING:
    from conftest import SmallSwarm

SWARM = bytes(range(32))
RAWS = [b"one", b"two", b"three"]
ASKED = Question.about(SWARM, 7, RAWS[:1])
LONGEST = 48 * 1024


def opened(data: bytes, question: Question = ASKED) -> Answer:
    return open_answer(data, question, message_bytes_max=LONGEST)


def reason(fields: Any, *, of_answer: bool = False) -> Reason:
    data = fields if isinstance(fields, bytes) else pack(fields)
    with pytest.raises(Refused) as raised:
        opened(data) if of_answer else open_question(data, SWARM)
    return raised.value.reason


def test_a_question_is_read_as_it_was_asked() -> None:
    question = Question.about(SWARM, 7, RAWS)

    assert open_question(question.to_bytes(), SWARM) == question
    assert question.names == tuple(sorted(map(name_of, RAWS)))


@pytest.mark.parametrize("frozen", [None, (), (SWARM,)])
def test_an_answer_holds_what_was_not_named(frozen: tuple[bytes, ...] | None) -> None:
    answer = answer_to(ASKED, RAWS, frozen)

    assert answer.messages == (b"two", b"three")
    assert opened(answer.to_bytes()) == answer
    assert answer.frozen == frozen


def test_who_holds_all_is_told_nothing_new() -> None:
    question = Question.about(SWARM, 7, RAWS)

    assert answer_to(question, RAWS, None).messages == ()


def test_a_question_with_all_names_that_it_may_have_is_short_enough() -> None:
    held = [number.to_bytes(4, "big") for number in range(NAMES_MAX + 5)]
    question = replace(Question.about(SWARM, 7, held), round_index=ROUND_INDEX_MAX)

    assert len(question.names) == NAMES_MAX
    assert len(question.to_bytes()) == 41_008 <= QUESTION_BYTES_MAX
    assert open_question(question.to_bytes(), SWARM) == question


@pytest.mark.parametrize("size", [1, 200, 10_000, LONGEST])
def test_an_answer_is_as_full_as_it_may_be_and_the_rest_is_asked_for_again(size: int) -> None:
    held = [number.to_bytes(4, "big") * (size // 4 + 1) for number in range(6000)]
    held = [raw[: max(size, 4)] for raw in held]
    frozen = [raw.ljust(32, b"\0")[:32] for raw in held]
    question = Question.about(SWARM, ROUND_INDEX_MAX, [])

    answer = answer_to(question, held, frozen)

    assert len(answer.to_bytes()) <= ANSWER_BYTES_MAX
    assert opened(answer.to_bytes(), question) == answer
    assert answer.messages == tuple(held[: len(answer.messages)])
    full = len(answer.to_bytes()) + max(size, 4) + 64 > ANSWER_BYTES_MAX
    assert full or len(answer.messages) == NAMES_MAX
    again = Question.about(SWARM, ROUND_INDEX_MAX, answer.messages)
    assert answer_to(again, held, None).messages[0] == held[len(answer.messages)]


def names(*numbers: int) -> list[bytes]:
    return [number.to_bytes(NAME_BYTES, "big") for number in numbers]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (b"", Reason.BAD_SIZE),
        (bytes(QUESTION_BYTES_MAX + 1), Reason.BAD_SIZE),
        (b"\xc1", Reason.MALFORMED),
        ([1, SWARM, 7], Reason.MALFORMED),
        ([1, SWARM, 7, [], []], Reason.MALFORMED),
        ([2, SWARM, 7, []], Reason.MALFORMED),
        ([True, SWARM, 7, []], Reason.MALFORMED),
        ([1, SWARM[:-1], 7, []], Reason.MALFORMED),
        ([1, SWARM, ROUND_INDEX_MAX + 1, []], Reason.MALFORMED),
        ([1, SWARM, False, []], Reason.MALFORMED),
        ([1, SWARM, 7, b""], Reason.MALFORMED),
        ([1, SWARM, 7, [b"short"]], Reason.MALFORMED),
        ([1, SWARM, 7, names(2, 1)], Reason.MALFORMED),
        ([1, SWARM, 7, names(1, 1)], Reason.MALFORMED),
        ([1, SWARM, 7, [*names(1), 2]], Reason.MALFORMED),
        ([1, SWARM, 7, names(*range(NAMES_MAX + 1))], Reason.MALFORMED),
        (pack([1, SWARM, 7, names(1)]).replace(b"\x07", b"\xcc\x07", 1), Reason.MALFORMED),
        ([1, bytes(32), 7, []], Reason.OTHER_SWARM),
    ],
)
def test_what_is_no_question_of_this_swarm_is_refused_by_name(
    fields: Any, expected: Reason
) -> None:
    assert reason(fields) is expected


def test_a_longer_encoding_of_the_same_question_is_refused() -> None:
    head, tail = pack([1, SWARM]), pack([7, []])[1:]
    longer = b"\x94" + head[1:] + b"\xcc" + tail

    assert reason(longer) is Reason.NOT_CANONICAL


def test_another_swarms_question_is_nobodys_fault() -> None:
    with pytest.raises(Ignored):
        open_question(Question.about(bytes(32), 7, []).to_bytes(), SWARM)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (b"", Reason.BAD_SIZE),
        (bytes(ANSWER_BYTES_MAX + 1), Reason.BAD_SIZE),
        ([1, SWARM, 7, True, []], Reason.MALFORMED),
        ([1, SWARM, 7, 1, [], []], Reason.MALFORMED),
        ([1, SWARM, 7, False, [SWARM], []], Reason.MALFORMED),
        ([1, SWARM, 7, True, [b"short"], []], Reason.MALFORMED),
        ([1, SWARM, 7, True, [], ["text"]], Reason.MALFORMED),
        ([1, SWARM, 7, True, [], [bytes(LONGEST + 1)]], Reason.MALFORMED),
        ([1, SWARM, 8, True, [], []], Reason.MALFORMED),
        ([1, bytes(32), 7, True, [], []], Reason.MALFORMED),
        (b"\x96" + pack([1, SWARM])[1:] + b"\xcc" + pack([7, True, [], []])[1:],
         Reason.NOT_CANONICAL),
    ],
)  # fmt: skip
def test_what_is_no_answer_to_the_question_is_refused_by_name(
    fields: Any, expected: Reason
) -> None:
    assert reason(fields, of_answer=True) is expected


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    for read in (lambda: open_question(data, SWARM), lambda: opened(data)):
        with contextlib.suppress(Refused):
            read()


@pytest.mark.parametrize("seed", [1, 2])
def test_no_flipped_bit_of_an_answer_raises_anything_but_a_refusal(
    swarm: "SmallSwarm", seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a seeded test
    whole = answer_to(ASKED, swarm.messages(), [SWARM]).to_bytes()
    refused = 0
    for _ in range(3000):
        broken = bytearray(whole)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        try:
            opened(bytes(broken))
        except Refused:
            refused += 1
    assert refused  # a flip within a message is its signature's to find
