"""The audit as a stage: spans, numbers and words for people."""

import time
from collections.abc import Callable

import pytest

from node.verdict import Reason, Span, Unit, Verdict
from node.verification import EquationAudit, Submission
from node.verification.audit import TEXT_CHARACTERS_MAX

Make = Callable[..., Submission]


def judged(item: Submission) -> Verdict:
    (verdict,) = EquationAudit().judge([item], own=[])
    return verdict


def test_a_wrong_equation_is_refused_with_its_place_and_numbers(submission: Make) -> None:
    text = "<think>Ben has 2 + 2 = 5 eggs.</think> <answer>5</answer>"

    verdict = judged(submission(text))

    assert verdict.reason is Reason.WRONG_EQUATION
    assert verdict.spans == (Span(15, 24, Unit.CHARACTERS),)
    assert text[15:24] == "2 + 2 = 5"
    assert (verdict.value, verdict.threshold) == (5.0, 4.0)
    assert verdict.detail == "2 + 2 = 5, but the left side is 4"


def test_an_answer_that_its_working_never_comes_to_is_refused(submission: Make) -> None:
    text = "<think>Ben has 2 + 2 = 4 eggs.</think> <answer>5</answer>"

    verdict = judged(submission(text))

    assert verdict.reason is Reason.ANSWER_FROM_NOWHERE
    assert [text[span.start : span.end] for span in verdict.spans] == ["5"]
    assert (verdict.value, verdict.threshold) == (5.0, None)
    assert verdict.detail == "5 stands nowhere in the working"


@pytest.mark.parametrize(
    "text",
    [
        "<think>Ben has 2 + 2 = 4 eggs.</think> <answer>4</answer>",
        "<think>Easy.</think> <answer>5</answer>",
        "Ben has 2 + 2 = 4 eggs. The answer is 5",
        "<think>2 + 2 = 4</think> <answer>5",
    ],
)
def test_an_answer_that_follows_or_has_no_working_or_form_is_not(
    submission: Make, text: str
) -> None:
    assert judged(submission(text)).reason is Reason.CLEAN


def test_an_equation_in_the_answer_supports_nothing(submission: Make) -> None:
    text = "<think>Ben has 2 + 2 = 4 eggs.</think> <answer>5 = 5</answer>"

    assert judged(submission(text)).reason is Reason.CLEAN  # no number, so nothing is denied


def test_a_wrong_equation_is_the_first_that_is_told(submission: Make) -> None:
    text = "<think>Ben has 2 + 2 = 4, 3 + 3 = 7 eggs.</think> <answer>5</answer>"

    assert judged(submission(text)).reason is Reason.WRONG_EQUATION


@pytest.mark.parametrize("text", ["", "no numbers", "2 + 2 = 4", "\x00", "=" * 50])
def test_nothing_wrong_is_clean(submission: Make, text: str) -> None:
    assert judged(submission(text)).reason is Reason.CLEAN


def test_what_could_not_be_read_is_undecided(submission: Make) -> None:
    verdict = judged(submission("at 3:30 + 1 = 4"))

    assert verdict.reason is Reason.UNREAD_EQUATION
    assert len(verdict.spans) == 1


def test_a_wrong_one_outweighs_an_unread_one(submission: Make) -> None:
    assert judged(submission("3:30 + 1 = 4. 2 + 2 = 5")).reason is Reason.WRONG_EQUATION


def test_all_places_are_named_the_last_of_many_as_one(submission: Make) -> None:
    assert len(judged(submission("1 + 1 = 3. 2 + 2 = 5.")).spans) == 2
    many = judged(submission("1 + 1 = 3. " * 40)).spans
    assert len(many) == 16
    assert many[-1] == Span(15 * 11, 39 * 11 + 9, Unit.CHARACTERS)


def test_equal_texts_get_equal_verdicts_in_their_order(submission: Make) -> None:
    items = [submission(text, index=at) for at, text in enumerate(["1=2", "1=1", "1=2"])]

    verdicts = EquationAudit().judge(items, own=[])

    assert [verdict.refuses for verdict in verdicts] == [True, False, True]


def test_a_text_beyond_the_bound_is_not_read(submission: Make) -> None:
    at_bound = "1+1=3 ".ljust(TEXT_CHARACTERS_MAX)

    assert judged(submission(at_bound)).reason is Reason.WRONG_EQUATION
    assert judged(submission(at_bound + " ")).reason is Reason.UNREAD_TEXT


def test_a_number_that_no_float_holds_is_left_out_of_the_report(submission: Make) -> None:
    huge = "*".join(["9" * 24] * 6)

    verdict = judged(submission(f"{huge} = 1"))

    assert verdict.reason is Reason.WRONG_EQUATION
    assert verdict.threshold == pytest.approx(1e144)


def test_what_is_quoted_shows_what_is_hidden(submission: Make) -> None:
    assert "\\u202e" in judged(submission("2 + 2 = \u202e5")).detail


@pytest.mark.parametrize(
    "unit",
    ["(", "(1+", ")", "1+", "9^", "9*", "1/", "1 1/2 ", "1 a ", "a ", "=", "1=", "-", "$", "%",
     "\\frac{", "**", "2**", "\n", "\n= ", " .", "1,", "1.", "1 000 ", " 000", "\u200b", "20% of ",
     "1/3+", "(a", "1 and ", "1x", "1(1)", "1/(1+", "1=(-", "9", "\\", "a-", "a'", "- \n",
     "1\n+ ", "1 +\n", "1=\n", "1, = ", "1+1->1", "<<", "<<1=1>>", "\\(1", "a_1 ", "1 : 1",
     "9^1/1/1=1=\n", "1 1/2 +1 1+1%=", "1.33*1=", "1 dozen + 1=1 ", "1 foot + 1 inch=1 inch "],
    ids=ascii,
)  # fmt: skip
def test_no_text_of_legal_size_costs_more_than_moments(submission: Make, unit: str) -> None:
    """A square of the length would be minutes; ten times the usual is allowed for slow machines."""
    text = (unit * TEXT_CHARACTERS_MAX)[: TEXT_CHARACTERS_MAX - 4] + "1=1"

    started = time.process_time()
    judged(submission(text))

    assert time.process_time() - started < 4.0
