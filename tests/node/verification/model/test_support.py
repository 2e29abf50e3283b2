import math
from collections.abc import Callable
from typing import Any

import pytest

from node.verdict import Reason, Span, Unit, Verdict
from node.verification import Submission
from node.verification.readings import Readings
from node.verification.support import MinP, TopK, TopP

Make = Callable[..., Submission]


@pytest.fixture
def odds(policy: Any) -> Any:
    """After token 4 the odds are 50 : 30 : 15 : 4 : 1 for tokens 5 to 9; then EOS is certain."""
    policy.table.fill_(-math.inf)
    policy.table[:, 0] = 0.0
    policy.table[4, :] = -math.inf
    for token, probability in enumerate((0.5, 0.3, 0.15, 0.04, 0.01), start=5):
        policy.table[4, token] = math.log(probability)
    return policy


def one(stage: Any, item: Submission) -> Verdict:
    (verdict,) = stage.judge([item], own=())
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize(("k", "slack", "token", "refused"), [
    (3, 0, 3, False),
    (3, 0, 4, True),
    (3, 1, 4, False),
    (3, 1, 5, True),
    (1, 0, 1, False),
    (1, 0, 2, True),
])  # fmt: skip
def test_top_k_admits_the_k_likeliest_and_the_slack(
    odds: Any, readings: Readings, handed_in: Make, k: int, slack: int, token: int, *, refused: bool
) -> None:
    del odds

    verdict = one(TopK(readings, k=k, slack=slack), handed_in(tokens=(4 + token, 0)))

    assert verdict.refuses is refused
    assert verdict.value == token - 1


@pytest.mark.parametrize(("p", "slack", "token", "refused"), [
    (0.95, 0.0, 3, False),
    (0.94, 0.0, 3, False),
    (0.94, 0.0, 4, True),
    (0.94, 1.0, 4, False),
    (0.5, 0.0, 2, False),
    (0.4, 0.0, 2, True),
])  # fmt: skip
def test_top_p_admits_what_is_ranked_before_the_mass_is_reached(
    odds: Any, readings: Readings, handed_in: Make, p: float, slack: float, token: int,
    *, refused: bool,
) -> None:  # fmt: skip
    """0.5 lies before token 2, within rounding, and sums that differ accuse nobody."""
    del odds

    assert (
        one(TopP(readings, p=p, slack=slack), handed_in(tokens=(4 + token, 0))).refuses is refused
    )


@pytest.mark.parametrize(("p", "token", "refused"), [(0.05, 4, False), (0.05, 5, True)])
def test_min_p_admits_what_is_not_too_many_times_less_likely(
    odds: Any, readings: Readings, handed_in: Make, p: float, token: int, *, refused: bool
) -> None:
    del odds

    assert one(MinP(readings, p=p), handed_in(tokens=(4 + token, 0))).refuses is refused


def test_a_refusal_names_the_token(odds: Any, readings: Readings, handed_in: Make) -> None:
    del odds

    verdict = one(TopK(readings, k=3), handed_in(tokens=(9, 0)))

    assert verdict.reason is Reason.OUTSIDE_SUPPORT
    assert verdict.spans == (Span(0, 1, Unit.TOKENS),)
    assert (verdict.value, verdict.threshold) == (4, 2)


def test_a_completion_that_fills_the_limit_is_judged_to_its_end(
    policy: Any, readings: Readings, handed_in: Make
) -> None:
    """Who looks for padding to find a completion's end finds none here, and sees one token."""
    policy.table.fill_(0.0)
    policy.table[:, 1] = 9.0

    verdict = one(TopK(readings, k=1), handed_in(tokens=(1,) * 15 + (2,)))

    assert verdict.spans == (Span(15, 16, Unit.TOKENS),)


def test_all_that_a_policy_samples_passes_its_own_filter(
    readings: Readings, handed_in: Make
) -> None:
    items = [handed_in(index=index) for index in range(100)]

    verdicts = TopP(readings, p=0.95).judge(items, own=())

    assert {verdict.reason for verdict in verdicts} == {Reason.CLEAN}


def test_an_own_sample_chosen_for_its_length_passes(
    policy: Any, readings: Readings, handed_in: Make
) -> None:
    """What the replay is for: membership alone does not see a choice."""
    longest = max((policy.write(key) for key in range(80)), key=len)

    assert not one(TopP(readings, p=0.95), handed_in(tokens=longest)).refuses


@pytest.mark.parametrize("make", [TopK, MinP, lambda readings: TopP(readings, p=0.9)])
@pytest.mark.parametrize("tokens", [(), (12,), (1,) * 17])
def test_what_cannot_be_read_is_undecided(
    readings: Readings, handed_in: Make, make: Any, tokens: tuple[int, ...]
) -> None:
    assert one(make(readings), handed_in(tokens=tokens)).reason is Reason.UNREAD_TOKENS


def test_numbers_must_make_sense(readings: Readings) -> None:
    for make in (
        lambda: TopK(readings, k=0),
        lambda: TopK(readings, slack=-1),
        lambda: TopP(readings, p=1.0),
        lambda: TopP(readings, p=0.5, slack=-1),
        lambda: MinP(readings, p=0.0),
    ):
        with pytest.raises(ValueError, match="must be"):
            make()
