import json
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from node.verdict import Reason, Verdict
from node.verification import Submission
from node.verification.accumulation import (
    Accumulation,
    AccumulationSettings,
    _decades,
    _Sum,
)
from node.verification.kinship import Kinship
from node.verification.readings import Readings

Make = Callable[..., Submission]
Key = Callable[..., int]
NO_DRIFT = dict.fromkeys(Kinship, 0.0)


def a_round(handed_in: Make, round_index: int, **fields: Any) -> list[Submission]:
    return [handed_in(round_index=round_index, index=index, **fields) for index in range(16)]


def second_choice(
    policy: Any, handed_in: Make, key: Key, author: str, round_index: int
) -> list[Submission]:
    """One token of each completion is the likeliest that its author did not draw."""
    draw = random.Random(round_index)  # noqa: S311 - a test's luck
    items = []
    for index in range(16):
        honest = handed_in(author, round_index=round_index, index=index)
        place = draw.randrange(len(honest.tokens))
        row = policy.table[(4, *honest.tokens)[place]].clone()
        row[honest.tokens[place]] = -math.inf
        start = (*honest.tokens[:place], int(row.argmax()))
        tokens = policy.write(key(author, round_index=round_index, index=index), start=start)
        items.append(handed_in(author, round_index=round_index, index=index, tokens=tokens))
    return items


def refusing(verdicts: Sequence[Verdict]) -> bool:
    assert len({verdict.reason for verdict in verdicts}) == 1
    return verdicts[0].refuses


def test_honest_authors_are_never_refused_in_many_rounds(
    readings: Readings, handed_in: Make, authors: tuple[str, str]
) -> None:
    stage = Accumulation(readings, AccumulationSettings(drift_nats=NO_DRIFT))

    for round_index in range(12):
        for author in authors:
            assert not refusing(stage.judge(a_round(handed_in, round_index, author=author), own=()))


def test_an_author_that_bends_one_token_in_each_completion_is_found_out(
    readings: Readings, policy: Any, handed_in: Make, authors: tuple[str, str], key: Key
) -> None:
    """Every such token is among the likeliest; in one completion it could be chance."""
    stage = Accumulation(readings, AccumulationSettings(drift_nats=NO_DRIFT))
    alice, bob = authors
    found: list[bool] = []
    for round_index in range(12):
        hostile = second_choice(policy, handed_in, key, bob, round_index)
        honest = a_round(handed_in, round_index, author=alice)
        verdicts = stage.judge([*hostile, *honest], own=())
        found.append(refusing(verdicts[:16]))
        assert not refusing(verdicts[16:])

    assert found[-1]
    assert Reason.AUTHOR_ADDS_UP.meaning


def test_weak_evidence_grows_from_round_to_round(
    readings: Readings, policy: Any, handed_in: Make, authors: tuple[str, str], key: Key
) -> None:
    stage = Accumulation(readings, AccumulationSettings(drift_nats=NO_DRIFT, half_life_rounds=1e9))
    values = []
    for round_index in (0, 7):
        for at in range(round_index, round_index + 7):
            last = stage.judge(second_choice(policy, handed_in, key, authors[1], at), own=())
        values.append(last[0].value or 0.0)

    assert values[1] > 1.3 * values[0] > 0


def test_what_adds_up_outlives_the_stage(
    readings: Readings, policy: Any, handed_in: Make, authors: tuple[str, str], key: Key
) -> None:
    before = Accumulation(readings, AccumulationSettings(drift_nats=NO_DRIFT))
    for round_index in range(3):
        before.judge(second_choice(policy, handed_in, key, authors[0], round_index), own=())
    after = Accumulation(readings, AccumulationSettings(drift_nats=NO_DRIFT))

    after.restore(json.loads(json.dumps(before.plain())))

    again = second_choice(policy, handed_in, key, authors[0], 3)
    assert after.judge(again, own=()) == before.judge(again, own=())


def test_old_evidence_fades(
    readings: Readings, policy: Any, handed_in: Make, authors: tuple[str, str], key: Key
) -> None:
    stage = Accumulation(readings, AccumulationSettings(drift_nats=NO_DRIFT, half_life_rounds=2))
    for at in range(8):
        before = stage.judge(second_choice(policy, handed_in, key, authors[1], at), own=())
    (one, *_) = stage.judge(a_round(handed_in, 60, author=authors[1]), own=())

    assert one.value is not None
    assert before[0].value is not None
    assert one.value < before[0].value
    assert not one.refuses


def test_what_is_allowed_for_other_weights_is_taken_off(
    readings: Readings, policy: Any, handed_in: Make, authors: tuple[str, str], key: Key
) -> None:
    allowance = AccumulationSettings(drift_nats=dict.fromkeys(Kinship, 4.5))
    stage = Accumulation(readings, allowance)

    for at in range(8):
        verdicts = stage.judge(second_choice(policy, handed_in, key, authors[1], at), own=())

    assert not refusing(verdicts)
    assert verdicts[0].value == pytest.approx(0.0, abs=0.01)


def test_nothing_is_said_of_few_completions(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    policy.table[4, 9] = -12.0
    stage = Accumulation(readings)
    worst = [handed_in(tokens=(9, 0), index=index) for index in range(16)]

    few = stage.judge(worst[:15], own=())
    enough = stage.judge(worst[15:], own=())

    assert not refusing(few)
    assert refusing(enough)


def test_only_so_many_authors_are_remembered(
    readings: Readings, policy: Any, handed_in: Make, authors: tuple[str, str]
) -> None:
    """The one that was not heard of for longest is forgotten, and may begin anew."""
    policy.table[4, 9] = -12.0
    alice, bob = authors
    stage = Accumulation(readings, AccumulationSettings(authors_max=1))
    worst = [handed_in(alice, tokens=(9, 0), index=index) for index in range(31)]
    stage.judge(worst[:30], own=())
    stage.judge(a_round(handed_in, 0, author=bob), own=())

    assert not refusing(stage.judge(worst[30:], own=()))
    assert len(stage._sums) == 1


def test_more_authors_than_are_remembered_may_come_at_once(
    readings: Readings, handed_in: Make, authors: tuple[str, str]
) -> None:
    stage = Accumulation(readings, AccumulationSettings(authors_max=1))
    items = [item for author in authors for item in a_round(handed_in, 0, author=author)]

    assert {one.reason for one in stage.judge(items, own=())} == {Reason.CLEAN}


def test_what_cannot_be_read_counts_for_nothing(readings: Readings, handed_in: Make) -> None:
    stage = Accumulation(readings)
    items = [handed_in(tokens=(), index=index) for index in range(20)]

    verdicts = stage.judge(items, own=())

    assert {one.reason for one in verdicts} == {Reason.UNREAD_TOKENS}
    assert not stage._sums


def test_a_late_contribution_does_not_turn_time_back(
    readings: Readings, handed_in: Make, authors: tuple[str, str]
) -> None:
    stage = Accumulation(readings)
    stage.judge(a_round(handed_in, 9, author=authors[0]), own=())
    held = stage._sums[authors[0]]
    stage.judge(a_round(handed_in, 7, author=authors[0]), own=())

    assert held.round_index == 9
    assert held.completions == 32


@pytest.mark.parametrize(
    ("deviations", "decades"), [(0.0, math.log10(2)), (1.6449, 1.30), (4.7534, 6.0), (-3.0, 0.0)]
)
def test_decades_are_those_of_the_normal_distribution(deviations: float, decades: float) -> None:
    assert _decades(deviations) == pytest.approx(decades, abs=0.01)


def test_decades_go_on_where_the_tail_underflows() -> None:
    below, above = _decades(37.0), _decades(39.0)

    assert below < above
    assert above == pytest.approx(332.2, rel=0.01)


@pytest.mark.parametrize(
    "numbers",
    [
        {"decades_max": 0.0},
        {"half_life_rounds": 0.0},
        {"completions_min": 0.0},
        {"authors_max": 0},
        {"drift_nats": {Kinship.SAME: 0.0}},
        {"drift_nats": {**NO_DRIFT, Kinship.OTHER: -1.0}},
    ],
    ids=str,
)
def test_numbers_must_make_sense(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        AccumulationSettings(**numbers)


def test_what_honest_rounds_leave_of_the_allowance_buys_no_poison(
    readings: Readings, policy: Any, handed_in: Make, authors: tuple[str, str], key: Key
) -> None:
    """It was saved once: a dozen honest rounds paid for as many poisoned ones."""
    allowance = AccumulationSettings(decades_max=2.0, drift_nats=dict.fromkeys(Kinship, 0.4))
    patient, hasty = (Accumulation(readings, allowance) for _ in range(2))
    for at in range(12):
        assert not refusing(patient.judge(a_round(handed_in, at, author=authors[1]), own=()))

    rounds = [second_choice(policy, handed_in, key, authors[1], at) for at in range(12, 26)]
    of_hasty = [refusing(hasty.judge(each, own=())) for each in rounds]
    of_patient = [refusing(patient.judge(each, own=())) for each in rounds]

    assert any(of_hasty)
    assert of_patient == of_hasty


def test_an_author_without_an_allowance_keeps_what_speaks_for_it(
    readings: Readings, handed_in: Make, authors: tuple[str, str]
) -> None:
    """Of equal weights the sum is a fair game; to cut its losses would make it an unfair one."""
    stage = Accumulation(readings, AccumulationSettings(drift_nats=NO_DRIFT))
    sums = []
    for at in range(12):
        stage.judge(a_round(handed_in, at, author=authors[0]), own=())
        sums += [held[2] for held in stage.plain()]

    assert min(float(str(one)) for one in sums) < 0.0


def test_an_older_checkpoints_sums_are_taken_up(readings: Readings) -> None:
    """They lack whether an allowance was given."""
    stage = Accumulation(readings)

    stage.restore([["alice", 3, 1.5, 2.0, 8.0]])

    assert stage.plain() == [["alice", 3, 1.5, 2.0, 8.0, False]]


def test_an_author_whose_weights_are_known_again_has_a_fair_game_again() -> None:
    held = _Sum(0, excess=-3.0, variance=4.0, completions=16.0, is_allowed=True)

    held.fade(1, half_life=8.0)

    assert held == _Sum(1)
