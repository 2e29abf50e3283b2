"""A copy is refused where chance does not explain it, and nowhere else."""

import json
from collections.abc import Callable

import pytest

from node.verdict import Reason
from node.verification import Copies, Submission, explained_by_likelihood

Make = Callable[..., Submission]
LONG = "one two three four five six seven eight nine ten"


def never(_item: Submission) -> bool:
    """Judge that chance explains no copy at all."""
    return False


def reasons(
    stage: Copies, items: list[Submission], own: list[Submission] | None = None
) -> list[Reason]:
    return [verdict.reason for verdict in stage.judge(items, own=own or [])]


def test_different_texts_are_clean_whoever_wrote_them(submission: Make) -> None:
    items = [submission("a"), submission("b", index=1), submission("c", author="bob")]

    assert reasons(Copies(explains=never), items) == [Reason.CLEAN] * 3


def test_an_author_s_repetition_is_refused_but_not_the_first(submission: Make) -> None:
    items = [submission("a", index=index) for index in (2, 0, 1)]

    verdicts = Copies(explains=never).judge(items, own=[])

    assert [verdict.reason for verdict in verdicts] == [
        Reason.COPY_OF_OWN,
        Reason.CLEAN,
        Reason.COPY_OF_OWN,
    ]
    assert verdicts[0].detail == "as number 0"


def test_two_authors_who_write_the_same_in_one_round_are_both_believed(submission: Make) -> None:
    """Who was first differs from node to node."""
    items = [submission("a"), submission("a", author="bob")]

    assert reasons(Copies(explains=never), items) == [Reason.CLEAN] * 2


def test_what_this_node_wrote_itself_is_remembered_for_later_rounds(submission: Make) -> None:
    stage = Copies(explains=never)
    own = [submission("a", author="me")]

    assert reasons(stage, [submission("a")], own) == [Reason.CLEAN]
    assert reasons(stage, [submission("a", round_index=1)]) == [Reason.COPY_OF_PAST]


def test_a_text_of_an_earlier_round_is_remembered(submission: Make) -> None:
    stage = Copies(explains=never)
    stage.judge([submission("a", round_index=3)], own=[])

    again = submission("a", round_index=5, author="bob")

    (verdict,) = stage.judge([again], own=[])
    assert verdict.reason is Reason.COPY_OF_PAST
    assert verdict.detail == "as in round 3"


def test_another_prompt_is_another_question(submission: Make) -> None:
    stage = Copies(explains=never)
    stage.judge([submission("4", round_index=3)], own=[])

    assert reasons(stage, [submission("4", round_index=5, prompt_index=1)]) == [Reason.CLEAN]
    assert (
        reasons(stage, [submission("4"), submission("4", prompt_index=2, index=1)])
        == [Reason.CLEAN] * 2
    )


def test_what_is_remembered_outlives_the_stage(submission: Make) -> None:
    before = Copies(explains=never)
    before.judge([submission("a", round_index=3), submission("b", round_index=4, index=1)], own=[])
    after = Copies(explains=never)

    after.restore(json.loads(json.dumps(before.plain())))

    again = [submission("b", round_index=5), submission("a", round_index=5, index=1)]
    assert after.judge(again, own=[]) == before.judge(again, own=[])
    assert reasons(after, [submission("c", round_index=6)]) == [Reason.CLEAN]


def test_to_judge_a_round_again_changes_nothing(submission: Make) -> None:
    stage = Copies(explains=never)
    items = [submission("a", round_index=3), submission("b", round_index=3, index=1)]

    first = reasons(stage, items)
    reasons(stage, [submission("a", round_index=4)])

    assert reasons(stage, items) == first == [Reason.CLEAN] * 2


def test_chance_excuses_what_it_explains(submission: Make) -> None:
    """A policy that is sure of its answer writes it again and again."""
    items = [submission("a"), submission("a", index=1)]

    verdicts = Copies(explains=lambda _: True).judge(items, own=[])

    assert [verdict.reason for verdict in verdicts] == [Reason.CLEAN] * 2
    assert verdicts[1].detail == "as number 0, by chance"


def test_where_nobody_can_tell_copies_are_undecided_and_the_rest_is_not(submission: Make) -> None:
    items = [submission("a"), submission("a", index=1), submission("b", index=2)]

    assert reasons(Copies(), items) == [Reason.CLEAN, Reason.COPY_UNJUDGED, Reason.CLEAN]


def test_likelihood_explains_down_to_the_alarm_s_bound(submission: Make) -> None:
    """One in a million is 13.8 nats."""
    nats: dict[str, float | None] = {"likely": -13.0, "rare": -14.0, "unknown": None}
    explains = explained_by_likelihood(lambda item: nats[item.text], false_alarm=1e-6)

    told = [explains(submission(text)) for text in nats]

    assert told == [True, False, None]


def test_near_copies_are_let_be_unless_asked_for(submission: Make) -> None:
    items = [submission(LONG), submission(LONG + " eleven", index=1)]

    assert reasons(Copies(explains=never), items) == [Reason.CLEAN] * 2


def test_a_near_copy_of_one_s_own_is_refused_where_asked_for(submission: Make) -> None:
    """Six runs of five words in the one, seven in the other, six shared: 6/7."""
    items = [
        submission(LONG),
        submission(LONG + " eleven", index=1),
        submission("quite another text, of words that are its own", index=2),
        submission(LONG + " eleven", author="bob"),
    ]

    verdicts = Copies(explains=never, near=0.8).judge(items, own=[])

    assert [verdict.reason for verdict in verdicts] == [
        Reason.CLEAN,
        Reason.NEAR_COPY,
        Reason.CLEAN,
        Reason.CLEAN,
    ]
    assert verdicts[1].value == pytest.approx(6 / 7)
    assert verdicts[1].threshold == 0.8
