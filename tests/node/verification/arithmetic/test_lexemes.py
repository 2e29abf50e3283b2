# ruff: noqa: RUF001 - signs that look alike are what is tested
"""How numbers, signs and words are cut out of text."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.verification.arithmetic.lexemes import DIGITS_MAX, Kind, lexemes
from node.verification.arithmetic.neighbours import settled


def kinds(text: str) -> list[Kind]:
    return [one.kind for one in settled(lexemes(text))]


@pytest.mark.parametrize(
    ("text", "value", "decimals"),
    [
        ("12", 12, 0),
        ("1,234,567", 1234567, 0),
        ("1,234.50", Fraction(2469, 2), 2),
        (".5", Fraction(1, 2), 1),
        ("3.", 3, 0),
        ("1 000 000", 1000000, 0),
        ("12\N{NO-BREAK SPACE}345", 12345, 0),
        ("¾", Fraction(3, 4), 0),
        ("８", 8, 0),
        ("9" * DIGITS_MAX, int("9" * DIGITS_MAX), 0),
    ],
)
def test_a_number_is_read_exactly(text: str, value: Fraction, decimals: int) -> None:
    number = lexemes(text)[0]

    assert (number.kind, number.value, number.decimals) == (Kind.NUMBER, value, decimals)


@pytest.mark.parametrize(
    "text",
    ["1,23", "1.2.3", "1,2345", "0730", "A1b", "B12", "9" * (DIGITS_MAX + 1), "①", "√"],
)
def test_what_only_looks_like_a_number_is_opaque(text: str) -> None:
    assert kinds(text) == [Kind.OPAQUE]


def test_digits_beyond_the_bound_are_never_made_a_number() -> None:
    """`int` of ten million digits would take minutes; nobody asks for it."""
    (piece,) = lexemes("7" * 10_000_000)

    assert piece.kind is Kind.OPAQUE


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("3 x 4", Kind.SIGN),
        ("3x4", Kind.SIGN),
        ("2x", Kind.LETTER),
        ("2x + 3", Kind.LETTER),
        ("5 n", Kind.LETTER),
        ("5A", Kind.LETTER),
        ("5 a", Kind.WORD),
        ("5 g", Kind.WORD),
        ("5g", Kind.LETTER),
        ("20-pound", Kind.WORD),
        ("20 - 5", Kind.SIGN),
        ("5apples-3", Kind.WORD),
        ("$5/hour", Kind.NUMBER),
        ("5 of 6", Kind.WORD),
        ("20% of 50", Kind.PERCENT),
    ],
)
def test_the_second_piece_is_what_its_neighbours_make_of_it(text: str, kind: Kind) -> None:
    assert kinds(text)[1] is kind


def test_of_multiplies_after_a_share_only() -> None:
    assert kinds("20% of 50")[2] is Kind.SIGN
    assert kinds("3/4 of 50")[3] is Kind.SIGN
    assert kinds("a total of 50")[2] is Kind.WORD


def test_a_bar_before_a_word_is_per() -> None:
    assert kinds("$5/hour * 3") == [
        Kind.MONEY,
        Kind.NUMBER,
        Kind.WORD,
        Kind.WORD,
        Kind.SIGN,
        Kind.NUMBER,
    ]


def test_an_exponent_of_a_unit_is_part_of_it() -> None:
    assert Kind.SIGN not in kinds("5 cm^2")
    assert Kind.SIGN in kinds("5^2")


def test_sentences_lines_and_list_marks_stop() -> None:
    assert kinds("5. 3") == [Kind.NUMBER, Kind.STOP, Kind.NUMBER]
    assert kinds("5\n3") == [Kind.NUMBER, Kind.STOP, Kind.NUMBER]
    assert kinds("- 5") == [Kind.STOP, Kind.NUMBER]
    assert kinds("5 lbs. + 3") == [Kind.NUMBER, Kind.WORD, Kind.SIGN, Kind.NUMBER]


def test_emphasis_is_blank_and_a_double_star_between_numbers_is_a_power() -> None:
    assert kinds("**24**") == [Kind.NUMBER]
    assert kinds("2**4") == [Kind.NUMBER, Kind.SIGN, Kind.NUMBER]


@given(st.text(max_size=80))
def test_pieces_are_in_order_and_inside_the_text(text: str) -> None:
    at = 0
    for piece in lexemes(text):
        assert at <= piece.start < piece.end <= len(text)
        at = piece.end
