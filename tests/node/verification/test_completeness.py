"""A selection is refused whole; a whole contribution is not."""

from collections.abc import Callable

import pytest

from node.verdict import Reason
from node.verification import Completeness, Submission

Make = Callable[..., Submission]


def test_every_place_once_is_complete(submission: Make) -> None:
    items = [submission(index=index) for index in (1, 0)]

    verdicts = Completeness(2, 64).judge(items, own=[])

    assert [verdict.reason for verdict in verdicts] == [Reason.CLEAN] * 2


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([0, 1], "missing: [2]"),
        ([0, 0, 1, 2], "repeated: [0]"),
        ([0, 1, 2, 3], "not owed: [3]"),
        ([1, 1], "missing: [0, 2]; repeated: [1]"),
    ],
)
def test_a_gap_or_a_repetition_refuses_all_of_it(
    submission: Make, places: list[int], said: str
) -> None:
    items = [submission(index=place) for place in places]

    verdicts = Completeness(3, 64).judge(items, own=[])

    assert {verdict.reason for verdict in verdicts} == {Reason.INCOMPLETE}
    assert {verdict.detail for verdict in verdicts} == {said}
    assert (verdicts[0].value, verdicts[0].threshold) == (len(places), 3)


def test_one_author_s_gap_is_not_another_s(submission: Make) -> None:
    """Nor is that of the same author at another prompt."""
    whole = [submission(index=index, author="bob") for index in range(2)]
    other_prompt = [submission(index=index, prompt_index=1) for index in range(2)]

    verdicts = Completeness(2, 64).judge([submission(index=0), *whole, *other_prompt], own=[])

    assert [verdict.reason is Reason.INCOMPLETE for verdict in verdicts] == [True, *[False] * 4]


@pytest.mark.parametrize("length", [0, 65])
def test_a_place_is_not_filled_by_what_cannot_be_a_sample(submission: Make, length: int) -> None:
    """Or one of many would be chosen, and the others made unusable."""
    items = [submission(index=0), submission(index=1, tokens=(1,) * length)]
    longest = [submission(index=0), submission(index=1, tokens=(1,) * 64)]

    assert {one.detail for one in Completeness(2, 64).judge(items, own=[])} == {"missing: [1]"}
    assert {one.reason for one in Completeness(2, 64).judge(longest, own=[])} == {Reason.CLEAN}
