# ruff: noqa: RUF001 - signs that look alike are what is tested
"""The forms in which one sum and its result are written: seen in all of them, and read in most."""

import pytest

from node.verification.arithmetic import Truth, equations

RIGHT, WRONG, UNREAD, NAMING = Truth.RIGHT, Truth.WRONG, Truth.UNREAD, Truth.NAMING


def truths(text: str) -> list[Truth]:
    return [equation.truth for equation in equations(text)]


@pytest.mark.parametrize(
    "form",
    ["12 + 7 = +{}", "12 + 7 =: {}", "12 + 7: = {}", "12 + 7, = {}", "12 + 7; = {}",
     "(12 + 7): = {}",
     "12 + another 7 = {}", r"\(12 + 7\) = {}", r"12 + 7 = \({}\)", r"\(12\) + \(7\) = \({}\)",
     r"12\,+\,7\,=\,{}", r"12 + 7 =\ {}", "<b>12 + 7</b> = {}", "12 + 7 = <b>{}</b>",
     "12 + 7 equal {}", "12 + 7 -> {}", "12 + 7 => {}", "12 + 7 → {}", "12 + 7 ⇒ {}", "12 + 7 ⟶ {}",
     "12 + 7 ⟹ {}", r"12 + 7 \to {}", r"12 + 7 \Rightarrow {}", "$12 + $7 -> ${}", "12 + 7 ≡ {}",
     r"12 + 7 \equiv {}", "12 + 7 := {}", "12 + 7 ≔ {}", "12 + 7 ≐ {}", "12 + 7 ≜ {}",
     "12 + 7 ﹦ {}", "38 х 0.5 = {}", "9.5 ⁎ 2 = {}"],
)  # fmt: skip
def test_a_form_that_is_read_is_right_or_wrong(form: str) -> None:
    assert truths(form.format("19")) == [RIGHT]
    assert truths(form.format("20")) == [WRONG]


@pytest.mark.parametrize(
    "form",
    ["12 + 7 = *{}*", "Step 12 + 7 = {}", "12 + 7 = {}x", "12 + 7 x = {}", "12 + 7 → {} eggs",
     "12 + 7 equal {} eggs", r"12 + 7 = \textcolor{{red}}{{{}}}"],
)  # fmt: skip
def test_what_is_odd_may_confirm_and_never_refutes(form: str) -> None:
    assert truths(form.format("19")) == [RIGHT]
    assert truths(form.format("20")) == [UNREAD]


@pytest.mark.parametrize(
    "text",
    ["12 + 7 = |20|", "12 + 7 = ?20", "12 + 7 = 020", "12 + 7 = twenty", "12 + 7 =", "12 / 4 =",
     "12 + 7 = in all."],
)  # fmt: skip
def test_a_sum_whose_result_cannot_be_read_is_unread(text: str) -> None:
    assert truths(text) == [UNREAD]


@pytest.mark.parametrize(
    "text",
    ["total = 12 + 7", "= 12 + 7", "12 + 7 = x", "3/4 = the share", "2x + 3 = 7", "x + 3 = 5 x",
     "12 = five", "4 equal 5 pound bags"],
)  # fmt: skip
def test_a_name_or_an_unknown_beside_a_sum_is_a_name(text: str) -> None:
    assert truths(text) == [NAMING]


@pytest.mark.parametrize(
    "text", ["x -> 5", "12 -> 20", "a 12 => b", "12 + 7 -> 20 + 1", "12 + 7 -> twenty"]
)
def test_an_arrow_that_leads_from_no_sum_to_a_number_says_nothing(text: str) -> None:
    assert truths(text) == []


def test_an_arrow_between_equations_is_so() -> None:
    assert truths("12 + 7 = 19 => 20 - 3 = 17") == [RIGHT, RIGHT]
    assert truths("x + 3 = 5 => x = 2") == [NAMING, NAMING]


def test_a_sign_after_a_word_may_take_away() -> None:
    assert truths("the price -5 + 3 = 10") == [UNREAD]
    assert truths("so -5 + 3 = 10") == [WRONG]
    assert truths("5 * +3 = 16") == [UNREAD]
