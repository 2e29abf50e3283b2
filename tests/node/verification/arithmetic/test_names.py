"""Functions, names and unsaid meanings: what is true in them is not refused as a wrong sum."""

import pytest

from node.verification.arithmetic import Truth, equations

RIGHT, WRONG, UNREAD, NAMING = Truth.RIGHT, Truth.WRONG, Truth.UNREAD, Truth.NAMING


def truths(text: str) -> list[Truth]:
    return [equation.truth for equation in equations(text)]


@pytest.mark.parametrize(
    "text",
    ["sqrt(16) = 4", "4 = sqrt(16)", "2 + sqrt(16) = 6", "sqrt (16) = 4", "log(100) = 2",
     "sin(30°) = 1/2", "cos 0 = 1", "abs(-3) = 3", "floor(3.7) = 3", "cost(5) = 20", "a(5) = 11",
     "f(2, 3) = 5", "gcd(12, 18) = 6", r"\gcd(12, 18) = 6", "lcm(4, 6) = 12", "6 = gcd(12, 18)",
     "C(5, 2) = 10", "sum([1, 2, 3]) = 6", "P(X = 2) = 1/4", "P(sum = 7) = 6/36", "Pr(X > 2) = 0.5",
     "The square of 5 = 25", "Square root of 16 = 4", "Factors of 12 = 1, 2, 3", "11 mod 3 = 2"],
)  # fmt: skip
def test_what_a_function_makes_of_a_number_is_not_known(text: str) -> None:
    assert set(truths(text)) <= {UNREAD, NAMING}


@pytest.mark.parametrize(
    "text",
    ["a_1 = 3", "a_{5} = 11", "i_1 = 3", "total_2 = 7", "x_1 + 3 = 5", "Book 1 = 20",
     "Train 2 = 60 * 3", "Profit in 2019 = 200", "angle 1 = 50", "Remaining 2/3 = 40",
     "Area of a square with side 5 = 25", "(1) + (2) = 5", "3 : 5 = 6 : 10"],
)  # fmt: skip
def test_a_number_that_is_a_name_is_worth_nothing(text: str) -> None:
    assert set(truths(text)) <= {UNREAD, NAMING}


@pytest.mark.parametrize(
    "text",
    ["11 am + 3 hours = 2 pm", "May 25 + 10 days = June 4", "11 = 1 (mod 10)",
     "25 x 4 = $1 (cents)",
     "90 minutes = 1 hour and 30 minutes", "0.33 x 60 = 20",
     "33% of 60 = 20", "0.67 * 60 = 40", "2 m + 4 = 10", "20 - 3 g = 5"],
)  # fmt: skip
def test_what_may_be_meant_otherwise_is_left_open(text: str) -> None:
    assert truths(text) == [UNREAD]


def test_a_quotient_may_be_rounded_up_to_what_can_be_counted() -> None:
    assert truths("16/5 = 3.2 = 4 (buses)") == [RIGHT, UNREAD]
    assert truths("16/5 = 3.2 = 5 (buses)") == [RIGHT, WRONG]


@pytest.mark.parametrize("text", ["$100 + 8% tax = ${}", "$120 - 10% = ${}"])
def test_a_percentage_that_is_added_is_one_of_what_was_there(text: str) -> None:
    assert truths(text.format(108)) == [RIGHT]
    assert truths(text.format(109)) == [WRONG]


@pytest.mark.parametrize(
    "text",
    ["the total (2 + 3) = 6", "(so 2 + 2) = 5", "(2 + 2 = 5)", "so 4 = 5", "thus 1/2 = 0.6",
     "each gets 6/3 = .5", "(2)(3) = 7", "5 + (-3) = 3", "9 g + 3 g = 13 g", "0.34 x 60 = 20",
     "10/3 = 3.34", "25 x 4 = $2", "3.2 = 5", "Step 3: 5 + 3 = 9", "2 + 2 = 5 apples and 3 pears",
     "I am sure 2 + 2 = 5"],
)  # fmt: skip
def test_what_only_resembles_them_is_read_as_ever(text: str) -> None:
    assert truths(text) == [WRONG]
