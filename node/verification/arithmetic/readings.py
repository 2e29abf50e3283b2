"""The other ways in which people mean the same signs, and what comes of them.

A percent sign may be a mere unit, a second bar that of a fraction, "million" a factor. It
knows two stretches of pieces, and asks of each reading only whether it makes them equal.
"""

from collections.abc import Iterable, Iterator, Sequence

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.agreement import agree
from node.verification.arithmetic.expressions import Reading
from node.verification.arithmetic.lexemes import Kind, Lexeme
from node.verification.arithmetic.sides import Side, left_of, right_of
from node.verification.arithmetic.stretches import Stretch

SCALED = Reading(scaling_words=True)
_HUNDRED = 100
_THIRDS = ("33", "66", "67")


def holds(
    before: Stretch, equal: Lexeme, after: Stretch, readings: Iterable[Reading], *, goes_on: bool
) -> bool:
    """Tell whether one of some readings makes the sides equal."""
    for reading in readings:
        left = left_of(Stretch.read(before.pieces, reading))
        right = right_of(Stretch.read(after.pieces, reading), goes_on=goes_on)
        assert left is not None
        assert right is not None
        if left.value is None or right.value is None:
            continue
        if left.value == right.value or (not reading.converted and agree(left, equal, right)):
            return True
    return False


def adds_dozens(left: Side) -> bool:
    """Tell whether "dozen" or the like stands within a sum: "2 dozen + 3" is not 5."""
    signs = set(left.expression.signs)
    return (
        left.computes and signs <= {"+", "-"} and any(one.text in words.SCALING for one in left.own)
    )


def usual(before: Stretch, after: Stretch) -> Iterator[Reading]:
    """Yield the readings that confirm an equation."""
    pieces = (*before.pieces, *after.pieces)
    if _has_percent(after.pieces) and any(one.value == _HUNDRED for one in pieces):
        yield Reading(plain_percent=True)  # "10 / 50 * 100 = 20%", "9 / 27 * 100% = 33.333%"
    if len([one for one in pieces if one.kind is Kind.SIGN and one.text == "/"]) > 1:
        yield Reading(nested_division=True)
    if any(one.text in words.SCALING for one in pieces):
        yield SCALED
    if len([one for one in pieces if one.text in words.MEASURES]) > 1:
        yield Reading(converted=True)
    if _adds_percent(before.pieces):
        yield Reading(relative_percent=True)


def loose(before: Stretch, after: Stretch) -> Iterator[Reading]:
    """Yield the readings that confirm nothing, and yet leave an equation open."""
    pieces = (*before.pieces, *after.pieces)
    if _has_percent(after.pieces) or _is_unit_of_factor(before.pieces):
        yield Reading(plain_percent=True)  # "3 + 2 = 5%"
    if any(one.text.endswith(_THIRDS) for one in pieces if one.kind is Kind.NUMBER):
        yield Reading(endless_thirds=True)


def _has_percent(pieces: Sequence[Lexeme]) -> bool:
    return any(one.kind is Kind.PERCENT for one in pieces)


def _adds_percent(pieces: Sequence[Lexeme]) -> bool:
    """Tell whether a percentage is added or taken away: "$100 + 8%"."""
    return any(
        sign.kind is Kind.SIGN and sign.text in "+-" and percent.kind is Kind.PERCENT
        for sign, percent in zip(pieces, pieces[2:], strict=False)
    )


def _is_unit_of_factor(pieces: Sequence[Lexeme]) -> bool:
    """Tell whether a percent sign may be a mere unit: "1 / 5 * 100% = 20", "184 / 92% = 2"."""
    return any(
        sign.text == "/" or (sign.text == "*" and number.value == _HUNDRED)
        for sign, number, percent in zip(pieces, pieces[1:], pieces[2:], strict=False)
        if percent.kind is Kind.PERCENT
    )
