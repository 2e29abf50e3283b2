"""Over-long among others is refused; long where nobody knows better is not."""

from collections.abc import Callable

import pytest

from node.verdict import Reason, Span, Unit
from node.verification import Length, LengthSettings, Submission

Make = Callable[..., Submission]
SETTINGS = LengthSettings(factor=1.5, slack_tokens=4, quantile=0.75, references_min=4)


@pytest.fixture
def written(submission: Make) -> Callable[..., list[Submission]]:
    """Make one author's completions of given lengths."""

    def make(author: str, *lengths: int, prompt_index: int = 0) -> list[Submission]:
        return [
            submission(author=author, index=index, tokens=(1,) * length, prompt_index=prompt_index)
            for index, length in enumerate(lengths)
        ]

    return make


Written = Callable[..., list[Submission]]


def test_the_limit_is_the_factor_times_the_others_quantile(written: Written) -> None:
    """Of 10, 20, 20, 30 the third is the quantile: 20, so 30 tokens pass and 31 do not."""
    others = written("bob", 10, 20, 20, 30)
    items = written("alice", 30, 31)

    verdicts = Length(SETTINGS).judge([*items, *others], own=[])

    assert [verdict.reason for verdict in verdicts[:2]] == [Reason.CLEAN, Reason.OVERLONG]
    assert (verdicts[1].value, verdicts[1].threshold) == (31, 30.0)
    assert verdicts[1].spans == (Span(30, 31, Unit.TOKENS),)


def test_short_answers_may_vary_by_more_than_the_factor(written: Written) -> None:
    """1.5 times 2 is 3, but 6 tokens are no ramble."""
    verdicts = Length(SETTINGS).judge(
        [*written("alice", 6, 7), *written("bob", 2, 2, 2, 2)], own=[]
    )

    assert [verdict.reason for verdict in verdicts[:2]] == [Reason.CLEAN, Reason.OVERLONG]


def test_where_all_others_agree_a_ramble_within_the_factor_is_too_long(written: Written) -> None:
    """Half as long again as 28 are 42; but nobody else needed more than 28."""
    others = written("bob", 27, 27, 28, 28, 28)

    verdicts = Length().judge([*written("alice", 32, 33), *others], own=[])

    assert [verdict.reason for verdict in verdicts[:2]] == [Reason.CLEAN, Reason.OVERLONG]


def test_where_others_differ_the_fence_gives_way_to_the_factor(written: Written) -> None:
    """From 12 to 28 are 16 tokens: the fence would stand at 52, the factor at 42."""
    others = written("bob", 12, 12, 28, 28, 28, 28)

    verdicts = Length().judge([*written("alice", 42, 43), *others], own=[])

    assert [verdict.reason for verdict in verdicts[:2]] == [Reason.CLEAN, Reason.OVERLONG]


def test_long_answers_may_vary_by_a_tenth(written: Written) -> None:
    verdicts = Length().judge([*written("alice", 220, 221), *written("bob", *[200] * 6)], own=[])

    assert [verdict.reason for verdict in verdicts[:2]] == [Reason.CLEAN, Reason.OVERLONG]


def test_half_a_group_that_skips_the_working_does_not_make_the_rest_too_long(
    written: Written,
) -> None:
    """The median would be 12 and refuse each honest working of 36 tokens."""
    others = written("bob", 12, 12, 12, 12, 12, 36, 36)

    (verdict, *_) = Length(SETTINGS).judge([*written("alice", 36), *others], own=[])

    assert verdict.reason is Reason.CLEAN


def test_an_author_s_own_lengths_do_not_excuse_it(written: Written) -> None:
    many = written("alice", *[90] * 50)

    verdicts = Length(SETTINGS).judge([*many, *written("bob", 20, 20, 20, 20)], own=[])

    assert {verdict.reason for verdict in verdicts[:50]} == {Reason.OVERLONG}


def test_this_node_s_own_completions_are_references(written: Written) -> None:
    own = written("me", 20, 20, 20, 20)

    (verdict,) = Length(SETTINGS).judge(written("alice", 90), own=own)

    assert verdict.reason is Reason.OVERLONG


def test_a_group_that_one_author_fills_is_compared_with_own_samples(written: Written) -> None:
    items = written("alice", 20, 90, prompt_index=7)
    lengths = {7: [18, 20, 20, 22]}

    verdicts = Length(SETTINGS, own_lengths=lengths.__getitem__).judge(items, own=[])

    assert [verdict.reason for verdict in verdicts] == [Reason.CLEAN, Reason.OVERLONG]


@pytest.mark.parametrize("known", [[], [20, 20, 20]])
def test_without_enough_lengths_nobody_is_blamed(written: Written, known: list[int]) -> None:
    items = [*written("alice", 900), *written("bob", 20, 20)]

    verdicts = Length(SETTINGS, own_lengths=lambda _: known).judge(items, own=[])

    assert {verdict.reason for verdict in verdicts} == {Reason.NO_LENGTHS}
    assert verdicts[0].value == 900


def test_prompts_are_not_mixed_up(written: Written) -> None:
    elsewhere = written("bob", 20, 20, 20, 20, prompt_index=1)

    (verdict, *_) = Length(SETTINGS).judge([*written("alice", 90), *elsewhere], own=[])

    assert verdict.reason is Reason.NO_LENGTHS


def test_a_hostile_quarter_of_the_others_does_not_move_the_limit(written: Written) -> None:
    others = [
        *written("bob", 20, 20, 20),
        *written("carol", 20, 20, 20),
        *written("mallory", 90, 90),
    ]

    (verdict, *_) = Length(SETTINGS).judge([*written("alice", 90), *others], own=[])

    assert verdict.reason is Reason.OVERLONG


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("factor", 0.9),
        ("quantile", 0.0),
        ("quantile", 1.5),
        ("slack_tokens", -1),
        ("fence", -0.5),
        ("fence_tokens", -1),
        ("references_min", 0),
    ],
)
def test_settings_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        LengthSettings(**{name: value})  # type: ignore[arg-type]  # one of several types


def test_newcomers_are_no_measure_of_others(written: Written) -> None:
    """Two names made for it would switch the stage off for a third that has a record."""
    honest = [one for name in ("bob", "carol", "dave") for one in written(name, 40, 40)]
    made = [one for name in ("eve", "frank") for one in written(name, *[120] * 4)]
    counts = {"alice", "bob", "carol", "dave"}

    open_to_all = Length(SETTINGS).judge([*written("alice", 120), *honest, *made], own=[])
    verdicts = Length(SETTINGS, counts=lambda item: item.author in counts).judge(
        [*written("alice", 120), *honest, *made], own=[]
    )

    assert open_to_all[0].reason is Reason.CLEAN
    assert verdicts[0].reason is Reason.OVERLONG
    assert {one.reason for one in verdicts[1:7]} == {Reason.CLEAN}
    assert {one.reason for one in verdicts[7:]} == {Reason.OVERLONG}, "they are measured as well"


def test_where_nobody_counts_own_samples_are_the_measure(written: Written) -> None:
    items = [*written("alice", 20, 90), *written("bob", 90, 90, 90, 90)]

    verdicts = Length(SETTINGS, own_lengths=lambda _: [20] * 4, counts=lambda _: False).judge(
        items, own=[]
    )

    assert [one.reason for one in verdicts] == [Reason.CLEAN, *[Reason.OVERLONG] * 5]
