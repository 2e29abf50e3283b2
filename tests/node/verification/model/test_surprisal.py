import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from node.verdict import Reason, Span, Unit, Verdict
from node.verification import Submission
from node.verification.readings import Readings
from node.verification.surprisal import Surprisal, SurprisalSettings, excess, surprise

Make = Callable[..., Submission]
STRANGER = bytes(32)


def judge(readings: Readings, items: Sequence[Submission], **settings: Any) -> list[Verdict]:
    return Surprisal(readings, SurprisalSettings(**settings)).judge(items, own=())


def test_honest_authors_whose_weights_are_not_far_are_admitted(
    readings: Readings, policy: Any, handed_in: Make, make_policy: Callable[..., Any]
) -> None:
    other = make_policy()
    other.nudge(0.3)

    verdicts = judge(readings, [handed_in(index=index, writer=other) for index in range(100)])

    assert sum(verdict.refuses for verdict in verdicts) <= 1
    assert policy.digest() != other.digest()


def test_a_token_that_no_near_policy_writes_is_refused_and_named(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    policy.table[4, 9] = -12.0

    (verdict,) = judge(readings, [handed_in(tokens=(9, 0), policy_digest=STRANGER)])

    assert verdict.reason is Reason.SURPRISING_TOKEN
    assert verdict.spans[0] == Span(0, 1, Unit.TOKENS)
    assert verdict.threshold == pytest.approx(-math.log(1e-3))


def test_many_unlikely_tokens_are_refused_though_each_is_possible(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    """Each is the second of two at 4 %: to see one is nothing, to see fifteen in a row is."""
    policy.table.fill_(-30.0)
    policy.table[:, 1] = math.log(0.96)
    policy.table[:, 2] = math.log(0.04)

    one, all_of_them = judge(
        readings,
        [
            handed_in(tokens=(1,) * 7 + (2,) + (1,) * 8, policy_digest=STRANGER),
            handed_in(tokens=(2,) * 16, policy_digest=STRANGER),
        ],
    )

    assert one.reason is Reason.CLEAN
    assert all_of_them.reason is Reason.SURPRISING_WHOLE
    assert all_of_them.value is not None
    assert all_of_them.value > 8.0
    assert all_of_them.spans


def test_fifteen_even_choices_are_no_surprise(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    """A plain sum of surprises would grow with every choice, however honest."""
    policy.table.fill_(0.0)
    worst = min(handed_in(index=index).tokens for index in range(20))

    (verdict,) = judge(readings, [handed_in(tokens=worst, policy_digest=STRANGER)])

    assert verdict.reason is Reason.CLEAN


def test_kin_are_left_to_the_replay_unless_asked_for(readings: Readings, handed_in: Make) -> None:
    item = handed_in()

    assert judge(readings, [item])[0].reason is Reason.NOT_ASKED
    assert judge(readings, [item], asks_kin=True)[0].reason is Reason.CLEAN


def test_surprise_is_minus_the_logarithm_of_the_tail(readings: Readings, handed_in: Make) -> None:
    (reading,) = readings.of([handed_in()])
    evidence = reading.evidence

    above, variance = excess(evidence)

    assert surprise(evidence) == pytest.approx(-np.log(evidence.tail_mass))
    assert above == pytest.approx(float(surprise(evidence).sum() - evidence.expected.sum()))
    assert variance == pytest.approx(float(evidence.variance.sum()))


def test_the_impossible_is_surprising_but_not_infinitely(
    readings: Readings, policy: Any, handed_in: Make
) -> None:
    policy.table[4, 9] = -math.inf

    (verdict,) = judge(readings, [handed_in(tokens=(9, 0), policy_digest=STRANGER)])

    assert verdict.reason is Reason.SURPRISING_TOKEN
    assert verdict.value == pytest.approx(-math.log(1e-12), rel=1e-3)


@pytest.mark.parametrize("tokens", [(), (12,), (1,) * 17])
def test_what_cannot_be_read_is_undecided(
    readings: Readings, handed_in: Make, tokens: tuple[int, ...]
) -> None:
    (verdict,) = judge(readings, [handed_in(tokens=tokens, policy_digest=STRANGER)])

    assert verdict.reason is Reason.UNREAD_TOKENS


@pytest.mark.parametrize(
    "numbers", [{"tail_mass_min": 0.0}, {"tail_mass_min": 1.0}, {"deviations_max": 0.0}], ids=str
)
def test_numbers_must_make_sense(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        SurprisalSettings(**numbers)
