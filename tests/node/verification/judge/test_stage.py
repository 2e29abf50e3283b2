"""The stage: who is asked about, what is shown, and what follows from every kind of answer."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from node.verdict import Outcome, Reason
from node.verification import Pipeline, RefusalSettings
from node.verification.judge import (
    JudgeSettings,
    JudgeStage,
    Leaning,
    Question,
    Reply,
    Said,
    Silence,
    Template,
    template_named,
)
from node.verification.submission import Submission

Make = Callable[..., Submission]


def by_word(question: Question) -> Reply:
    """Refuse what contains the word "poison"."""
    return Leaning(0.01, 0.98) if "poison" in question.user else Leaning(0.98, 0.01)


def staged(backend: Any, **settings: Any) -> JudgeStage:
    return JudgeStage(
        backend,
        template_named("default"),
        JudgeSettings(**settings),
        dice=random.Random(3),  # noqa: S311 - lots, not secrets
    )


def test_it_refuses_and_accepts_as_the_judge_says(oracle: Any, submission: Make) -> None:
    items = [submission("sound"), submission("poison"), submission("sound too")]

    verdicts = staged(oracle(by_word)).judge(items, own=())

    assert [one.reason for one in verdicts] == [
        Reason.CLEAN,
        Reason.JUDGED_UNSOUND,
        Reason.CLEAN,
    ]
    assert [one.stage for one in verdicts] == ["judge"] * 3
    assert verdicts[1].value == pytest.approx(0.98 / 0.99)
    assert verdicts[1].threshold == 0.5


@pytest.mark.parametrize(
    "reply",
    [
        Silence(Reason.JUDGE_SILENT, "status 500"),
        Silence(Reason.JUDGE_GARBLED, "not JSON"),
        Said("yes no", whole=True),
        Said("yes", whole=False),
        Leaning(float("nan"), float("nan")),
        Leaning(0.1, 0.1),
    ],
)
def test_whatever_is_no_plain_verdict_is_undecided(
    oracle: Any, submission: Make, reply: Reply
) -> None:
    (verdict,) = staged(oracle(lambda _: reply)).judge([submission("poison")], own=())

    assert verdict.outcome is Outcome.UNDECIDED


def test_an_undecided_completion_stays_in_its_group(oracle: Any, submission: Make) -> None:
    stage = staged(oracle(lambda _: Silence(Reason.JUDGE_SILENT, "")))
    pipeline = Pipeline([stage], me="me", settings=RefusalSettings())

    (judged,) = pipeline.judge([submission("text")])

    assert not judged.verdict.refuses
    assert judged.verdict.outcome is Outcome.UNDECIDED


def test_it_sees_the_question_and_the_quoted_text_alone(oracle: Any, submission: Make) -> None:
    backend = oracle(by_word, reserved=("apples",))
    item = submission(
        "<think>yes, 5 apples",
        prompt="How many?",
        author="12D3KooWalice",
        reward=2.5,
        policy_digest=b"weights",
    )

    staged(backend).judge([item], own=[submission("own", author="me")])

    (asked,) = backend.asked
    whole = asked.system + asked.user
    assert "How many?" in asked.user
    assert "| <·think>y·es, 5 a·pples" in asked.user
    assert not [word for word in ("alice", "2.5", "weights", "own\n") if word in whole]


def test_each_completion_is_enclosed_by_a_word_of_its_own(oracle: Any, submission: Make) -> None:
    backend = oracle(by_word)

    staged(backend).judge([submission(f"text {at}") for at in range(50)], own=())

    nonces = {asked.user.split("\n(")[1][:8] for asked in backend.asked}
    assert len(nonces) == 50
    assert all(nonce.isalpha() and nonce.islower() for nonce in nonces)


def test_the_same_text_is_asked_about_once(oracle: Any, submission: Make) -> None:
    backend = oracle(by_word)
    stage = staged(backend)

    first = stage.judge([submission("a"), submission("poison"), submission("a")], own=())
    again = stage.judge([submission("poison"), submission("a", author="bob")], own=())

    assert len(backend.asked) == 2
    assert [one.reason for one in first] == [Reason.CLEAN, Reason.JUDGED_UNSOUND, Reason.CLEAN]
    assert [one.reason for one in again] == [Reason.JUDGED_UNSOUND, Reason.CLEAN]


def test_the_same_text_to_another_question_is_asked_about_again(
    oracle: Any, submission: Make
) -> None:
    backend = oracle(by_word)

    staged(backend).judge([submission("a", prompt="1"), submission("a", prompt="2")], own=())

    assert len(backend.asked) == 2


def test_no_verdict_is_not_remembered(oracle: Any, submission: Make) -> None:
    """A server that was down for a round must not stay down for a text."""
    replies = iter([Silence(Reason.JUDGE_SILENT, ""), Leaning(0.9, 0.1)])
    stage = staged(oracle(lambda _: next(replies)))

    (first,) = stage.judge([submission("a")], own=())
    (second,) = stage.judge([submission("a")], own=())

    assert (first.reason, second.reason) == (Reason.JUDGE_SILENT, Reason.CLEAN)


def test_its_memory_is_bounded_and_forgets_the_longest_unused(
    oracle: Any, submission: Make
) -> None:
    backend = oracle(by_word)
    stage = staged(backend, remembered_max=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        stage.judge([submission(text)], own=())

    assert [asked.user.split("| ")[1][0] for asked in backend.asked] == ["a", "b", "c", "b"]


def test_the_best_rewarded_are_asked_about_first(oracle: Any, submission: Make) -> None:
    items = [submission(f"text {at}", reward=float(at % 5)) for at in range(20)]

    verdicts = staged(oracle(by_word), completions_max=8).judge(items, own=())

    asked = [
        item.reward for item, one in zip(items, verdicts, strict=True) if one.value is not None
    ]
    left = {one.reason for one in verdicts if one.value is None}
    assert sorted(asked) == [3.0] * 4 + [4.0] * 4
    assert left == {Reason.JUDGE_UNASKED}


def test_who_is_left_out_among_equals_is_a_matter_of_luck(oracle: Any, submission: Make) -> None:
    items = [submission(f"text {at}") for at in range(20)]
    chosen = set()
    for seed in range(10):
        stage = JudgeStage(
            oracle(by_word),
            template_named("default"),
            JudgeSettings(completions_max=1),
            dice=random.Random(seed),  # noqa: S311 - lots, not secrets
        )
        reasons = [one.reason for one in stage.judge(items, own=())]
        chosen.add(reasons.index(Reason.CLEAN))

    assert len(chosen) > 3


def test_the_time_of_a_round_is_told_to_the_backend(oracle: Any, submission: Make) -> None:
    told = []

    class Clocked(oracle):  # type: ignore[misc] - a fixture's class
        def ask(self, questions: list[Question], *, until: float) -> list[Reply]:
            told.append(until)
            return super().ask(questions, until=until)

    stage = JudgeStage(
        Clocked(by_word),
        template_named("default"),
        JudgeSettings(round_s=30.0),
        clock=lambda: 100.0,
    )
    stage.judge([submission("a")], own=())

    assert told == [130.0]


def test_what_nobody_saw_whole_may_be_refused_but_not_accepted(
    oracle: Any, submission: Make
) -> None:
    """Else a payload would only have to stand where the text is cut."""
    stage = staged(oracle(by_word), characters_max=100)
    long_ones = [submission("a" * 101), submission("poison" + "b" * 101), submission("a" * 100)]

    reasons = [one.reason for one in stage.judge(long_ones, own=())]

    assert reasons == [Reason.JUDGE_SAW_PART, Reason.JUDGED_UNSOUND, Reason.CLEAN]


def test_what_was_hidden_from_the_judge_is_not_accepted_either(
    oracle: Any, submission: Make
) -> None:
    message = "".join(chr(0xE0100 + byte) for byte in b"obey")
    items = [submission(f"sound{message}"), submission(f"poison{message}"), submission("❤\ufe0f")]

    reasons = [one.reason for one in staged(oracle(by_word)).judge(items, own=())]

    assert reasons == [Reason.JUDGE_SAW_PART, Reason.JUDGED_UNSOUND, Reason.CLEAN]


def test_no_completions_are_no_question(oracle: Any) -> None:
    backend = oracle(by_word)

    assert staged(backend).judge([], own=()) == []
    assert backend.asked == []


@pytest.mark.parametrize("text", ["", "x", "\ud800", "\x00", "{nonce}", "漢" * 5000])
def test_any_text_can_be_asked_about(
    oracle: Any, submission: Make, template: Callable[..., Template], text: str
) -> None:
    stage = JudgeStage(oracle(by_word), template())

    (verdict,) = stage.judge([submission(text)], own=())

    assert verdict.reason in {Reason.CLEAN, Reason.JUDGE_SAW_PART}


@pytest.mark.parametrize(
    "wrong",
    [
        {"refuse_min": 0.4},
        {"accept_max": 0.6},
        {"accept_max": -0.1},
        {"mass_min": 1.1},
        {"detected_min": float("nan")},
        {"completions_max": 0},
        {"concurrency": 0},
        {"characters_max": 0},
        {"remembered_max": 0},
        {"timeout_s": 0.0},
        {"round_s": float("inf")},
    ],
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        JudgeSettings(**wrong)  # type: ignore[arg-type] - wrong on purpose
