"""Values and bounds of what is read between two stops."""

from fractions import Fraction

import pytest

from node.verification.arithmetic.expressions import (
    DEPTH_MAX,
    EXPONENT_MAX,
    OPERANDS_MAX,
    Expression,
    Reading,
)
from node.verification.arithmetic.lexemes import lexemes
from node.verification.arithmetic.neighbours import settled
from node.verification.arithmetic.stretches import Stretch


def read(text: str, reading: Reading | None = None) -> list[Expression]:
    return list(Stretch.read(settled(lexemes(text)), reading or Reading()).found)


def values(text: str, reading: Reading | None = None) -> list[Fraction | None]:
    return [expression.value for expression in read(text, reading)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("2 * (3 + 4) * 5", 70),
        ("-2^2", -4),
        ("2 1/2", Fraction(5, 2)),
        ("200%", 2),
        ("1/3 + 1/6", Fraction(1, 2)),
        (r"\frac{1 + 2}{4}", Fraction(3, 4)),
        ("2 (apples) + 3", 5),
    ],
)
def test_the_usual_rules_hold(text: str, expected: Fraction) -> None:
    assert values(text) == [expected]


def test_words_part_two_expressions_and_join_none() -> None:
    assert values("5 hours and earned 3*2") == [5, 6]
    assert values("5 apples - he then bought 3") == [5, 3]
    assert values("3 apples + 2 apples") == [5]


@pytest.mark.parametrize(
    ("text", "reading", "expected"),
    [
        ("10/50 * 100%", Reading(plain_percent=True), 20),
        ("10 / 1/2", Reading(nested_division=True), 20),
        ("14 / 1 / 4", Reading(nested_division=True), 56),
        ("7/12 / 1/12", Reading(nested_division=True), 7),
        ("2 dozen + 3 dozen", Reading(scaling_words=True), 60),
    ],
)
def test_another_reading_of_the_same_signs(text: str, reading: Reading, expected: int) -> None:
    assert values(text) != [expected]
    assert values(text, reading) == [expected]


def test_a_bare_number_is_known_by_its_decimals() -> None:
    assert [one.decimals for one in read("2.50")] == [2]
    assert [one.decimals for one in read("12.5%")] == [3]
    assert [one.decimals for one in read("2 + 1")] == [None]
    assert [one.decimals for one in read("2 1/2")] == [None]


@pytest.mark.parametrize(
    "text", ["2 squared + 3", "2 half + 3", "5 and then + 3", "5x", "5 + the 3"]
)
def test_words_that_may_matter_leave_doubt(text: str) -> None:
    assert any(one.doubtful for one in read(text))


def test_what_is_too_deep_is_not_read() -> None:
    deep, fine = DEPTH_MAX + 1, DEPTH_MAX

    assert values("(" * fine + "7" + ")" * fine) == [7]
    assert values("(" * deep + "7" + ")" * deep) == [None]


def test_what_has_too_many_numbers_is_not_read() -> None:
    assert values("+".join(["1"] * OPERANDS_MAX)) == [OPERANDS_MAX]
    assert None in values("+".join(["1"] * (OPERANDS_MAX + 1)))


def test_what_grows_too_large_is_not_read() -> None:
    assert values(f"2^{EXPONENT_MAX}") == [2**EXPONENT_MAX]
    assert None in values(f"2^{EXPONENT_MAX + 1}")
    assert None in values("9^9^9")
    assert None in values("*".join(["9" * 20] * 10))


@pytest.mark.parametrize(
    "text", ["1 / 0", "1 / (2 - 2)", r"\frac{1}{0}", "(3, 4)", "()", "(", ")("]
)
def test_what_has_no_value_gives_none(text: str) -> None:
    assert all(value is None or value in {3, 4, 1} for value in values(text))


def test_remarks_in_brackets_are_words_and_an_unknown_where_glued() -> None:
    assert values("2 (of the red ones) + 3") == [5]
    assert read(".1(number of minutes)")[0].doubtful
