"""Where an expression begins and ends in running text, and what casts doubt on it."""

import pytest

from node.verification.arithmetic.lexemes import lexemes
from node.verification.arithmetic.neighbours import settled
from node.verification.arithmetic.sides import Side, left_of, right_of
from node.verification.arithmetic.stretches import Stretch


def left(text: str) -> Side:
    side = left_of(Stretch.read(settled(lexemes(text))))
    assert side is not None
    return side


def right(text: str) -> Side:
    side = right_of(Stretch.read(settled(lexemes(text))))
    assert side is not None
    return side


def test_the_left_side_is_the_last_expression_and_the_right_side_the_first() -> None:
    text = "5 apples so he has 4 + 2"

    assert left(text).value == 6
    assert right(text).value == 5


@pytest.mark.parametrize("text", ["", "total", "the cost", "x", "* /"])
def test_without_a_number_there_is_no_side(text: str) -> None:
    stretch = Stretch.read(settled(lexemes(text)))

    assert left_of(stretch) is None
    assert right_of(stretch) is None


@pytest.mark.parametrize(
    "text",
    [
        "2 + 2",
        "Tom has 2 + 2",
        "he saw 7 birds and then 2 + 2",
        "7 of them ate 2 + 2",
        "for a total of 2 + 2",
        "20% of 60 is (10 + 2)",
        "he has 10 - so 2 + 2",
        "there are 3 + 2 apples on the tree",
        "( 2 + 2",
        "the 2 + 2",
    ],
)
def test_ordinary_words_before_an_expression_cast_no_doubt(text: str) -> None:
    assert not left(text).doubtful


@pytest.mark.parametrize(
    "text",
    [
        "half of 2 + 2",
        "half of the 2 + 2",
        "twice 2 + 2",
        "a quarter of 2 + 2",
        "minus 2 + 2",
        "5 more than 2 + 2",
        "5 times the 2 + 2",
        "7 of the 2 + 2",
        "add 5 apples to 2 + 2",
        "Step 1 - 2 + 2",
        "S * 2 + 2",
        "cost - 2 + 2",
        "3 boxes (2 + 2)",
        "7 2 + 2",
        "100 + ( 2 + 2",
        "x 2 + 2",
        "2 + 2 n",
        "2 + 2 of",
        "2 + 2 *",
        "2 + 2 one two three four five six seven eight nine",
    ],
)
def test_what_may_belong_to_the_left_side_casts_doubt(text: str) -> None:
    assert left(text).doubtful


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "5 apples",
        "exactly 5",
        "5 apples and 3 pears",
        "5 - as we know",
        "5 (as we know)",
        "5)",
    ],
)
def test_ordinary_words_after_a_result_cast_no_doubt(text: str) -> None:
    assert not right(text).doubtful


@pytest.mark.parametrize(
    "text",
    ["5 + S", "5 * what it was", "5 6", "5x", "5 hours 30 minutes", "half of 5", "5:30"],
)
def test_what_may_belong_to_the_right_side_casts_doubt(text: str) -> None:
    assert right(text).doubtful


def test_a_dash_and_words_after_a_result_are_told_apart_from_a_sum() -> None:
    assert right("5 - as we know").dashed
    assert not right("5 + as we know").dashed
    assert not right("5").dashed


@pytest.mark.parametrize(
    ("text", "unit"), [("5", ""), ("5 apples", "apples"), ("$5", "$"), ("5%", "%"), ("5 €", "€")]
)
def test_the_unit_is_what_stands_beside_the_number(text: str, unit: str) -> None:
    assert right(text).unit == unit


def test_known_units_are_sized_on_their_scale() -> None:
    ((scale, size),) = left("2 hours").measures
    ((other_scale, other_size),) = right("120 minutes").measures

    assert scale == other_scale
    assert size == 60 * other_size
    assert left("4 pounds - 6 ounces").measures != left("4 pounds").measures
    assert left("4 apples").measures == frozenset()


def test_bare_numbers_and_tight_fractions_are_known_as_such() -> None:
    assert left("so 5 apples").bare
    assert left("so 5 apples").apart
    assert left("so 1/2").is_fraction
    assert not left("1 / 2").is_fraction
    assert not left("1 + 2").bare
    assert not left("1 + 2").apart
