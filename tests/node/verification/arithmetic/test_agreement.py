"""Rounding, converting and the other readings: what they confirm, and what they must not."""

import pytest

from node.verification.arithmetic import Truth, equations

RIGHT, WRONG, UNREAD = Truth.RIGHT, Truth.WRONG, Truth.UNREAD


def truths(text: str) -> list[Truth]:
    return [equation.truth for equation in equations(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Feet and inches: the numbers alone say nothing.
        ("3 feet + 2 inches = 38 inches", RIGHT),
        ("3 feet + 2 inches = 5 inches", UNREAD),
        ("1 hour + 30 minutes = 90 minutes", RIGHT),
        ("1 hour + 30 minutes = 31 minutes", UNREAD),
        ("$1 + 50 cents = $1.50", RIGHT),
        ("$1 + 50 cents = $51", UNREAD),
        ("3 quarters + 2 dimes = $0.95", RIGHT),
        ("3 quarters + 2 dimes = $0.96", UNREAD),
        ("3 quarters + 2 dimes = 5 coins", RIGHT),
        ("10% of $400 + $1580 = $1980", WRONG),
        ("2 hours = 120 minutes", RIGHT),
        ("2 hours = 2 minutes", WRONG),
        ("$5 = 5 cents", WRONG),
        ("5 hours * 60 = 300 minutes", RIGHT),
        ("5 hours * 60 = 18000 minutes", UNREAD),
        ("5 hours * 3 = 900 minutes", RIGHT),
    ],
)
def test_units_of_one_scale_are_converted_and_never_just_added(text: str, expected: Truth) -> None:
    assert truths(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 / 3 = 16", RIGHT),
        ("9/5 = 1", RIGHT),
        ("2 * 50 / 3 = 33", RIGHT),
        ("(40 + 10) / 3 = 17", RIGHT),
        ("50 / (1 + 2) = 16", RIGHT),
        (r"\frac{50}{3} = 16", RIGHT),
        ("1/2 + 1/4 = 0.8", RIGHT),
        ("1/2 + 1/4 = 1", WRONG),
        ("3/4 + 3/4 = 1", WRONG),
        ("1/2 + 1/3 = 0", WRONG),
        ("3/4 = 1", WRONG),
        ("3/4 = 0", WRONG),
        ("99 / 100 = 0", WRONG),
        ("2 1/2 = 3", WRONG),
        ("20 - 1/3 = 19", WRONG),
        (r"\frac{1}{2} + \frac{1}{4} = 1", WRONG),
    ],
)
def test_only_a_division_as_a_whole_is_rounded_to_a_whole_number(
    text: str, expected: Truth
) -> None:
    assert truths(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1999 ≈ 2000", RIGHT),
        ("4 * 12 = about 50", RIGHT),
        ("10/3 ≈ 3.3", RIGHT),
        ("140 + 6 ≈ 100", UNREAD),
        ("55 + 1 = almost 100", UNREAD),
        ("101 ≈ 200", WRONG),
        ("105 + 1 ≈ 200", WRONG),
        ("12 + 7 = about 10", WRONG),
    ],
)
def test_about_is_within_half_of_the_last_digit_and_not_far_off(text: str, expected: Truth) -> None:
    assert truths(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10/50 * 100 = 20%", RIGHT),
        ("100 - 40 = 60 percent", RIGHT),
        ("1/3 = 33%", RIGHT),
        ("12.25% + 1.123% = 13.37%", RIGHT),
        ("10/50 = 0.2%", UNREAD),
        ("2 + 2 = 4%", UNREAD),
        ("30 / 50% = 0.6", UNREAD),
        ("$184/92% = $2", UNREAD),
        ("10/50 * 100% = 20", UNREAD),
        ("2.4% + 2.4% = 5%", WRONG),
        ("10/50 * 100 = 21%", WRONG),
        ("20% of 50 = 1000", WRONG),
        ("100% of 50 = 5000", WRONG),
    ],
)
def test_a_percent_sign_is_a_mere_unit_only_beside_a_hundred(text: str, expected: Truth) -> None:
    assert truths(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 dozen + 3 = 27", RIGHT),
        ("2 dozen + 3 = 5", UNREAD),
        ("5 thousand + 300 = 5,300", RIGHT),
        ("5 thousand + 300 = 305", UNREAD),
        ("2 million + 3 million = 5 million", RIGHT),
        ("2 + 3 = 5 dozen", RIGHT),
        ("2 dozen * 12 = 24", RIGHT),
        ("10/1/2 = 20", RIGHT),
        ("60 / 5/2 = 24", RIGHT),
        ("100/10/2 = 20", WRONG),
        ("100 / 10 / 2 = 20", WRONG),
    ],
)
def test_another_reading_needs_a_reason(text: str, expected: Truth) -> None:
    assert truths(text) == [expected]
