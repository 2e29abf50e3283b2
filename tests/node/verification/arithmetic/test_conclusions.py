"""Answers that follow from their working, answers that do not, and what nobody can say."""

from fractions import Fraction

import pytest

from node.verification.arithmetic import equations, from_nowhere


def concluded(working: str, answer: str) -> Fraction | None:
    return from_nowhere(working, equations(working), answer)


@pytest.mark.parametrize(
    ("working", "answer"),
    [
        ("Ben has 14 + 17 = 31 balls.", "21"),
        ("Ben has 14 + 17 = 31 balls.", "-21"),
        ("Ben has 14 + 17 = 31 balls. Then 31 - 9 = 22.", "23 balls"),
        ("It costs 3 * $5 = $15.", "$16"),
        ("It costs 3 * $5 = $15.", "15.25"),
        ("The share is 3 / 4 = 75%.", "76%"),
    ],
)
def test_a_number_that_the_working_never_names_comes_from_nowhere(
    working: str, answer: str
) -> None:
    assert concluded(working, answer) is not None


def test_the_number_is_told_without_its_sign() -> None:
    assert concluded("So 2 + 2 = 4.", "-7.5") == Fraction(15, 2)


@pytest.mark.parametrize(
    ("working", "answer"),
    [
        ("Ben has 14 + 17 = 31 balls.", "31"),
        ("Ben has 14 + 17 = 31 balls.", "31 balls"),
        ("Ben has 14 + 17 = 31 balls, 17 of them red.", "17"),
        ("Ben owes 14 - 17 = -3 balls.", "3"),
        ("The rest is 1,000 + 250 = 1250.", "1,250"),
        ("A can costs 6 / 12 = $0.50.", "50"),
        ("The share is 3 / 4 = 0.75.", "75%"),
        ("Each gets 50 / 3 = 16.67.", "16"),
        ("Each gets 50 / 3 = 16.67.", "17"),
        ("It takes 7 / 2 = 3.5 weeks.", "4"),
        ("She runs 2 * 3 = 3 + 3 miles.", "6"),
        ("That makes 30 + 30 = 60 minutes.", "1"),
        ("That makes 3 + 4 = 7 days.", "1 week"),
        ("They are 2 * 12 = 24 inches long.", "2 feet"),
        (r"It is \frac{3}{4} + 1 = 1.75.", "1.75"),
    ],
)
def test_what_the_working_comes_to_follows(working: str, answer: str) -> None:
    assert concluded(working, answer) is None


@pytest.mark.parametrize(
    ("working", "answer"),
    [
        ("Easy.", "21"),
        ("There are 7 and 8.", "15"),
        ("The total = 12.", "13"),
        ("So 2 + 2 = 4, and half of it is left.", "2"),
        ("So 2 + 2 = 4, times a dozen.", "48"),
        ("So 2 + 2 = 4. At 3:30 + 1 = 4.", "5"),
        ("So 2 + 2 = 4 at 12:15.", "5"),
        ("So 2 * 3 = 6, and there are none left.", "0"),
        ("So 2 + 2 = 4, and a pair remains.", "2"),
        ("It ends 2 + 3 = 5 hours after 1 pm.", "6"),
        ("So 2 + 2 = 4.", "x"),
        ("So 2 + 2 = 4.", ""),
        ("So 2 + 2 = 4.", "7 or 8"),
        ("So 2 + 2 = 4.", "3/4"),
        ("So 2 + 2 = 4.", "a dozen"),
        ("So 2 + 2 = 4.", "7 dozen"),
        ("So 2 + 2 = 4.", "3:30"),
    ],
)
def test_where_nobody_can_say_nothing_is_denied(working: str, answer: str) -> None:
    assert concluded(working, answer) is None
