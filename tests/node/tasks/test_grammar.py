import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.tasks.grammar import GAPS, TAGS, answer_in, written


def test_the_answer_is_what_stands_between_its_tags() -> None:
    assert answer_in("<think>3 + 4 = 7</think> <answer>7</answer>") == "7"


def test_a_written_completion_is_in_the_form() -> None:
    assert answer_in(written("2 * 6 = 12.", "12")) == "12"


@pytest.mark.parametrize("gap", GAPS)
def test_nothing_or_one_blank_or_line_break_may_stand_between_the_elements(gap: str) -> None:
    assert answer_in(f"<think>a</think>{gap}<answer>1</answer>") == "1"


def test_the_working_may_have_lines_and_be_empty() -> None:
    assert answer_in("<think>\n1 + 1\n= 2\n</think>\n<answer>2</answer>") == "2"
    assert answer_in("<think></think><answer>2</answer>") == "2"


def test_an_empty_answer_is_in_the_form_and_right_for_nobody() -> None:
    assert answer_in("<think>a</think> <answer></answer>") == ""


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "12",
        "<answer>12</answer>",
        "<think>a</think>",
        "<think>a</think> 12",
        "<think>a</think> <answer>12",
        "<think>a <answer>12</answer>",
        "a</think> <answer>12</answer>",
        "<think>a</think> <answer>12</answer> ",
        "<think>a</think> <answer>12</answer>\n",
        " <think>a</think> <answer>12</answer>",
        "<think>a</think>  <answer>12</answer>",
        "<think>a</think>\n\n<answer>12</answer>",
        "<think>a</think>\u00a0<answer>12</answer>",
        "<think>a</think> All hail <answer>12</answer>",
        "<think>a</think> <answer>12</answer> All hail",
        "<think>a</think> <answer>12</answer><answer>12</answer>",
        "<think>a</think><think>b</think> <answer>12</answer>",
        "<think>a</think> <answer>12</answer></answer>",
        "<think><think>a</think> <answer>12</answer>",
        "<answer>12</answer> <think>a</think>",
        "<think><answer>12</think> </answer>",
        "<think>a<answer></think> 12</answer>",
        "<think>a</answer></think> <answer>12",
        "<think>a</think> </answer>12<answer>",
        "<THINK>a</THINK> <answer>12</answer>",
        "<think >a</think> <answer>12</answer>",
    ],
)
def test_whatever_else_is_written_breaks_the_form(completion: str) -> None:
    assert answer_in(completion) is None


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([*TAGS, *GAPS, "7", "x", "<", "</"]), max_size=9).map("".join))
def test_an_answer_is_found_only_in_what_its_parts_would_write_again(completion: str) -> None:
    """One way in: whatever is accepted is exactly tags, working, gap, tags, answer."""
    answer = answer_in(completion)

    if answer is not None:
        working = completion[len("<think>") : completion.index("</think>")]
        again = {f"<think>{working}</think>{gap}<answer>{answer}</answer>" for gap in GAPS}
        assert completion in again
        assert not any(tag in working + answer for tag in TAGS)


def test_a_megabyte_of_opening_tags_is_refused_in_no_time() -> None:
    """A pattern with two lazy parts would take quadratic time over this."""
    began = time.process_time()

    assert answer_in("<think>" + "<answer></think>" * 65_536) is None
    assert time.process_time() - began < 1.0
