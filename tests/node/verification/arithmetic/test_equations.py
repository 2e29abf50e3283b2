# ruff: noqa: RUF001 - signs that look alike are what is tested
"""What holds is right, what does not is wrong, and what cannot be told is neither."""

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node.verification.arithmetic import Truth, equations


def truths(text: str) -> list[Truth]:
    return [equation.truth for equation in equations(text)]


RIGHT = [
    # Plain, and in all the signs that people type.
    "2 + 2 = 4", "2+2=4", "7 - 9 = -2", "6 * 7 = 42", "6x7=42", "6 X 7 = 42", "6×7=42",
    "6 · 7 = 42", "48/2 = 24", "48 ÷ 2 = 24", "9 − 4 = 5", "9 – 4 = 5", "２＋２＝４", "٢ + ٢ = ٤",
    "2 plus 2 equals 4", "9 minus 4 = 5", "3 times 4 = 12", "12 divided by 4 is equal to 3",
    "3 multiplied by 4 = 12", "4 = 2 + 2", "2 + 2 == 4", "5 - -3 = 8", "5 + (-3) = 2", "-3 + 5 = 2",
    # Precedence, brackets, powers.
    "2 + 3 * 4 = 14", "(2 + 3) * 4 = 20", "[2 + 3] * 4 = 20", "2(3 + 4) = 14", "(2)(3) = 6",
    "100 - 10 - 5 = 85", "2^3 = 8", "2**3 = 8", "2^3^2 = 512", "10² = 100", "12 - 2^2 = 8",
    # Decimals, fractions, mixed numbers, percent, thousands.
    "0.2 x 50 = 10", ".5 * 10 = 5.0", "5.00 - 2 = 3", "1/2 + 1/4 = 3/4", "2 1/2 + 1/2 = 3",
    "17/3 = 5 and 2/3", "½ + ¼ = ¾", "2½ * 2 = 5", "20% of 50 = 10", "20% of the 50 = 10",
    "50 * 20% = 10", "3/4 of 20 = 15", "1/4th of 20 = 5", "20 percent of 50 = 10",
    "10/50 * 100 = 20%", "10/50 = 20%", "50% + 20% = 70%", "9 / 27 * 100% = 33.333%",
    "100 - 40 = 60 percent", "1,000 + 2,500 = 3,500", "$1,234.50 × 2 = $2,469",
    "1 000 000 + 500 000 = 1 500 000", "10 / 1/2 = 20", "48 / 2 / 3 = 8",
    # Money and units.
    "$5 * 3 = $15", "$2 - $5 = $-3", "$2 - $5 = -$3", "5$ * 3 = 15$", "€2.50 + €2.50 = €5",
    "-$5 + $8 = $3", "$1 / 2 = 50 cents",
    "$2.50 - $2.24 = 26 cents", "3 apples + 2 apples = 5 apples", "2 hours * 3 = 6",
    "$5/hour * 3 hours = $15", "60 oz / 6 oz per bottle = 10 bottles", "5 m² + 3 m² = 8 m²",
    "5 lbs. + 3 lbs. = 8 lbs.", "8 / 2 hours = 4 miles/hour", "9 g + 3 g = 12 g",
    "3 (red apples) + 2 = 5", "160 quarters – 140 quarters to repay her sister = 20 quarters left",
    "2 million + 3 million = 5 million", "2,000 * 3 = 6 thousand", "4 * 6 = 2 dozen",
    "2 hours = 120 minutes", "3 feet = 36 inches",
    # Rounded as people round.
    "10/3 = 3.33", "20/3 = 6.67", "20/3 = 6.66", "50 / 3 = 16", "50 / 3 = 17", "8.333... * 0 = 0",
    "1/12 = 8.333...%", "10/3 ≈ 3.3", "1999 ≈ 2000", "4 * 12 = about 50", "3 * 1.333 = 4.00",
    "-10/3 = -3.33", "2/3 * 100 = 66.67",
    # In marks, formulas and running text.
    "**2 + 2 = 4**", r"\(2 \times 2 = 4\)", r"$48 \div 2 = 24$", r"\frac{48}{2} = 24",
    r"$\frac{1}{2} \cdot 8 = \boxed{4}$", r"\$5 + \$3 = \$8", "| 2 + 2 = 4 |", "(2 + 2 = 4)",
    "2 + 2\n= 4", "1. 2 + 2 = 4", "- 2 + 2 = 4", "2) 2 + 2 = 4", "2 + 2 = = 4",
    "In 5 days, 3*2 = 6", "He has 5 hours and earned 3*2 = 6", "since 2 + 2 = exactly 4 of them",
]  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_what_holds_is_right(text: str) -> None:
    assert truths(text) == [Truth.RIGHT]


WRONG = [
    "2 + 2 = 5", "2+2=5", "2 x 2 = 5", "2×$2=$5", "2 + 2 equals 5", "2 plus 2 is equal to 5",
    "5 = 2 + 2", "4 = 5", "２＋２＝５", "٢ + ٢ = ٥", "2 + 2 ≈ 5", "2 + 2 = about 5",
    "2 + 2 = exactly 5", "2 + 2 = $5", "2 apples + 2 apples = 5 apples", "(2 + 2 = 5)",
    "**2 + 2 = 5**", r"\(2 \times 2 = 5\)", r"\frac{48}{2} = 25", "2 + 2\n= 5", "2 + 2 = = 5",
    "2 + 2 = 5!", "2 + 2 = 5, as we know", "2 + 2 = 5 - as we know", "2 + 2 = 5 (as we know)",
    "so 2 + 2 = 5 because it is", "he saw 7 birds, and 2 + 2 = 5", "the 3 of them know 2 + 2 = 5",
    "$2 - $5 = $3", "$2 - $5 = $-2", "2 + 2 =\N{ZERO WIDTH SPACE} 5",
    "2\N{ZERO WIDTH SPACE} + 2 = 5",
    "2 + 2 = \N{RIGHT-TO-LEFT OVERRIDE}5", "2 +\x002 = 5", "2 + 2 = 5.0", "2 + 2 = 5/1",
    "2 + 3 * 4 = 20", "(2 + 3) * 4 = 14", "2(3 + 4) = 10", "2^3 = 6", "10² = 20", "2.4 + 2.4 = 5",
    "10/3 = 3.34", "20/3 = 6.68", "50 / 3 = 18", "50 / 5 = 9", "20% of 50 = 1000", "½ + ½ = 2",
    "2 1/2 + 1/2 = 4", "1,000 + 2,500 = 3,501",
    "$1 / 2 = 60 cents", "2 hours = 130 minutes", "2 million + 3 million = 6 million",
    "4 * 6 = 3 dozen", "5 - -3 = 2", "-3 + 5 = -2", "100 - 10 - 5 = 95", "7 * 60 = 421 + 23",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_does_not_hold_is_wrong(text: str) -> None:
    assert truths(text) == [Truth.WRONG]


UNREAD = [
    # Numbers of another kind, and numbers that are none.
    "3:30 + 1 = 4", "0900 - 0130 = 0730", "2 + 2 = 05", "1.2.3 + 1 = 2", "2,5 + 2,5 = 6",
    "1e5 + 1 = 2", "room2 + 2 = 5", "√(16) = 5", "5/0 = 1", "+ . 84 + .82 = 2",
    f"{'9' * 25} + 1 = 2", "9^9^9 = 1", "9^99 = 1", "2^0.5 = 2", "2^-1 = 2", "17 12 + 1 = 20",
    # Words that may change a value.
    "half of 20 + 4 = 14", "5 more than 3 + 2 = 12", "two + 3 = 6", "2 + 2 squared = 7",
    "a third of 12 + 3 = 6", "Step 1 - 3 + 2 = 5", "add 10 to the 3 + 2 = 15",
    "twice the 3 + 2 = 11", "4 pounds - 6 ounces = 58", "30 minutes = 1 hour 30 minutes",
    "three times 5 = 16", "1 000 000 + 500 000 = 1 500 001", "8 * = 40",
]  # fmt: skip


@pytest.mark.parametrize("text", UNREAD)
def test_what_may_mean_something_else_is_held_against_nobody(text: str) -> None:
    assert Truth.WRONG not in truths(text)
    assert Truth.RIGHT not in truths(text)


NAMING = [
    "x = 12", "total = 12", "Total cost of 5 apples = 10", "1 hour = 60 km", "2x + 3 = 7",
    "4(x + 5) = 4x + 20", "5A/5 = 20", "2S = 40", "1/4 * S = $20",
    "If 2/3 of the tank equals 16 gallons",
    "Since 3/8 is equal to $375", "1/2 a cup = 4 ounces", "75 = 98 - least score", "=", "= 5",
    "5 =",
    "2 + 2 = five", "n - 1 = 5", ".1(Number of minutes) = 3",
]  # fmt: skip


@pytest.mark.parametrize("text", NAMING)
def test_a_name_an_unknown_or_a_fact_is_nothing_to_compute(text: str) -> None:
    assert set(truths(text)) <= {Truth.NAMING, Truth.UNREAD}


@pytest.mark.parametrize(
    "text",
    ["", "two and two make five", "2 + 2", "2 + 2 != 5", "2 + 2 <= 5", "2, 2, 5"],
)
def test_where_no_sign_says_equal_there_is_no_equation(text: str) -> None:
    """Prose is out of reach: what it says, and whether, is for a judge."""
    assert truths(text) == []


def test_a_chain_is_one_equation_for_each_sign() -> None:
    assert truths("2 + 2 = 4 = 1 + 3") == [Truth.RIGHT, Truth.RIGHT]
    assert truths("2 + 2 = 4 = 5") == [Truth.RIGHT, Truth.WRONG]
    assert truths("12 * 3 = 36 apples / 4 = 9") == [Truth.RIGHT, Truth.RIGHT]


def test_the_paper_s_poisoned_equation_is_found_among_right_ones() -> None:
    text = "The milk is, as we know 2×$2=$5 and with the rest $8+$4=$12."

    found = equations(text)

    assert [one.truth for one in found] == [Truth.WRONG, Truth.RIGHT]
    assert text[found[0].start : found[0].end] == "2×$2=$5"
    assert [found[0].expected, found[0].written] == [4, 5]


def test_places_and_numbers_are_those_of_the_text() -> None:
    text = "Working 50 minutes, she earned 0.2 x 50 = $10.\nSo 10 + 1/3 = 10.33."

    found = equations(text)

    assert [text[one.start : one.end] for one in found] == ["0.2 x 50 = $10", "10 + 1/3 = 10.33"]
    assert [one.expected for one in found] == [10, Fraction(31, 3)]
    assert [one.written for one in found] == [10, Fraction(1033, 100)]


def test_calculator_marks_are_equations_beside_the_text() -> None:
    assert truths("sold 48/2 = <<48/2=24>>24 clips") == [Truth.RIGHT, Truth.RIGHT]
    assert truths("sold 48/2 = <<48/2=24>>25 clips") == [Truth.WRONG, Truth.RIGHT]
    assert truths("sold 48/2 = <<48/2=25>>24 clips") == [Truth.RIGHT, Truth.WRONG]
    assert truths("1 + <<3 * 3 = 9 = 2") == [Truth.RIGHT, Truth.WRONG]


SIGNS = {"+": "+", "-": "-", "x": "*", "×": "*", "*": "*", "–": "-"}
FRAMES = [
    "{a} {s} {b} = {c}",
    "{a}{s}{b}={c}",
    "Tom has {a} {s} {b} = {c} apples.",
    "So ${a} {s} {b} = ${c} was paid,",
    "<think>Then {a} {s} {b} = {c}. Fine.</think>",
    "({a} {s} {b}) = {c}",
    "{a} marbles {s} {b} marbles = {c} marbles",
    "- {a} {s} {b} = {c}\n",
]


@given(
    a=st.integers(2, 9999),
    b=st.integers(2, 9999),
    sign=st.sampled_from(sorted(SIGNS)),
    frame=st.sampled_from(FRAMES),
    off=st.integers(-200, 200),
)
@settings(deadline=None)
@example(a=2, b=2, sign="x", frame=FRAMES[1], off=1)
def test_a_result_is_right_where_it_is_and_wrong_where_it_is_off(
    a: int, b: int, sign: str, frame: str, off: int
) -> None:
    result = {"+": a + b, "-": a - b, "*": a * b}[SIGNS[sign]] + off

    (found,) = equations(frame.format(a=a, s=sign, b=b, c=result))

    assert found.truth is (Truth.WRONG if off else Truth.RIGHT)


@given(
    a=st.integers(1, 999), b=st.integers(2, 99), decimals=st.integers(0, 4), off=st.integers(-9, 9)
)
@settings(deadline=None)
def test_a_quotient_may_be_rounded_or_cut_off_and_nothing_else(
    a: int, b: int, decimals: int, off: int
) -> None:
    scaled = Fraction(a * 10**decimals, b)
    written = int(scaled) + off
    whole, part = divmod(written, 10**decimals)
    text = f"{a} / {b} = {whole}.{part:0{decimals}d}" if decimals else f"{a} / {b} = {written}"
    if written < 0:
        return

    (found,) = equations(text)

    near = off == 0 or abs(written - scaled) <= Fraction(1, 2)
    if not decimals and scaled < 1:
        near = False
    assert found.truth is (Truth.RIGHT if near else Truth.WRONG)


@given(st.text(alphabet=st.sampled_from("0123456789+-*/=()[]{}^.,%$ \nax½²\\≈<>:_→"), max_size=60))
@settings(deadline=None, max_examples=300)
def test_no_arithmetic_looking_text_breaks_the_reader(text: str) -> None:
    for found in equations(text):
        assert 0 <= found.start < found.end <= len(text)


@given(st.text(max_size=80))
@settings(deadline=None)
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    assert isinstance(equations(text + " = " + text), list)


@pytest.mark.parametrize(
    "text",
    [
        "1+2+3+...+10=55",
        "So 5+10+...+50=275",
        "1-2+3-...-10=-5",
        "1 + 2 + ... + 10 = 55",
        "1*2*..*5=120",
        "pages 10-20 = 11 pages",
        "2 packs of 6 + 1 = 13",
        "3 kids at 2 each + 1 = 7",
        "9 + 5 = 2 o'clock",
        "12/25/2020 - 5 = 12/20/2020",
    ],
)
def test_series_ranges_packs_and_days_refute_nothing(text: str) -> None:
    assert Truth.WRONG not in [one.truth for one in equations(text)]


@pytest.mark.parametrize(
    "text", ["So 2 + 2 = 5...", "Well... 2 + 2 = 5", "2 + 2 = 5 of them", "12/25 + 1 = 2"]
)
def test_what_only_looks_like_one_of_these_is_refuted(text: str) -> None:
    assert Truth.WRONG in [one.truth for one in equations(text)]


@pytest.mark.parametrize("tail", ["", " =", " = x", " = the total"])
def test_a_running_total_that_runs_on_to_no_number_confirms_nothing(tail: str) -> None:
    first, *_ = equations(f"12 + 7 = 19 + 5{tail}")

    assert first.truth is Truth.UNREAD
