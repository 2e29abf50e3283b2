"""Results that are computed on at once: "7 * 60 = 420 + 23 = 443", as many people write."""

import pytest

from node.verification.arithmetic import Truth, equations

RIGHT, WRONG, UNREAD = Truth.RIGHT, Truth.WRONG, Truth.UNREAD


def truths(text: str) -> list[Truth]:
    return [equation.truth for equation in equations(text)]


@pytest.mark.parametrize(
    "text",
    [
        "7 * 60 = 420 + 23 = 443",
        "10 + 5 = 15 - 3 = 12",
        "20 * 5 = 100 - 10 = 90",
        "50 / 2 = 25 - 5 = 20",
        "$10 + $5 = $15 - $3 = $12",
        "12 + 7 = 19 * 2 = 38",
        "12 + 7 = -1 * -19 = 19",
    ],
)
def test_the_first_number_holds_where_it_is_computed_on(text: str) -> None:
    assert truths(text) == [RIGHT, RIGHT]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 * 60 = 420 + 23 = 444", [RIGHT, WRONG]),
        ("7 * 60 = 421 + 23 = 444", [WRONG, RIGHT]),
        ("10 + 5 = 16 - 3 = 13", [WRONG, RIGHT]),
        ("3 + 2 = -5 + 1 = -4", [WRONG, RIGHT]),
        ("$3 + $2 = $-5 + $1 = $-4", [WRONG, RIGHT]),
    ],
)
def test_what_does_not_hold_is_wrong_in_its_place(text: str, expected: list[Truth]) -> None:
    assert truths(text) == expected


@pytest.mark.parametrize("text", ["7 * 60 = 421 + 23", "3 + 2 = -5 + 1", "12 + 7 = 20 21"])
def test_where_the_first_number_is_off_nothing_is_confirmed(text: str) -> None:
    assert RIGHT not in truths(text)


@pytest.mark.parametrize(
    "text",
    ["12 + 7 = 19 * 2", "12 + 7 = 19^2", "2 + 2 = 4 + 1", "12 + 7 = 19 20",
     "100 / 5 = 20 times 2 people", "3/3 - 2/3 = 1/3 of $150"],
)  # fmt: skip
def test_a_sum_that_nothing_is_made_of_is_neither_right_nor_wrong(text: str) -> None:
    assert set(truths(text)) <= {UNREAD}


def test_a_number_that_tells_the_kind_is_no_second_result() -> None:
    assert truths("$20 / $10 = 2 $10 bills") == [RIGHT]
    assert truths("120 / 6 = 20 6-packs") == [RIGHT]
    assert truths("120 / 6 = 21 6-packs") != [RIGHT]
