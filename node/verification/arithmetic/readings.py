"""The other ways in which people mean the same signs, and what comes of them.

A percent sign may be a mere unit, a second bar that of a fraction, "million" a factor. It
knows two stretches of pieces, and asks of each reading only whether it makes them equal.
"""

from collections.abc import Iterable, Iterator, Sequence

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.agreement import agree
from node.verification.arithmetic.expressions import Reading, Stretch
from node.verification.arithmetic.lexemes import Kind, Lexeme
from node.verification.arithmetic.sides import left_of, right_of

_HUNDRED = 100


def holds(
    before: Stretch, equal: Lexeme, after: Stretch, readings: Iterable[Reading], *, goes_on: bool
) -> bool:
    """Tell whether one of some readings makes the sides equal."""
    for reading in readings:
        left = left_of(Stretch.read(before.pieces, reading))
        right = right_of(Stretch.read(after.pieces, reading), goes_on=goes_on)
        assert left is not None
        assert right is not None
        read = left.value is not None and right.value is not None
        if read and agree(left, equal, right):
            return True
    return False


def usual(before: Stretch, after: Stretch) -> Iterator[Reading]:
    """Yield the readings that confirm an equation."""
    pieces = (*before.pieces, *after.pieces)
    percent = any(one.kind is Kind.PERCENT for one in after.pieces)
    if percent or _is_plain_percent(before.pieces):
        yield Reading(plain_percent=True)
    if len([one for one in pieces if one.kind is Kind.SIGN and one.text == "/"]) > 1:
        yield Reading(nested_division=True)
    if any(one.text in words.SCALING for one in pieces):
        yield Reading(scaling_words=True)
    if _adds_percent(before.pieces):
        yield Reading(relative_percent=True)


def loose(before: Stretch, after: Stretch) -> Iterator[Reading]:
    """Yield the readings that confirm nothing, and yet leave an equation open."""
    pieces = (*before.pieces, *after.pieces)
    if any(one.decimals > 1 or one.kind is Kind.PERCENT for one in pieces):
        yield Reading(endless_thirds=True)


def _adds_percent(pieces: Sequence[Lexeme]) -> bool:
    """Tell whether a percentage is added or taken away: "$100 + 8%"."""
    return any(
        sign.kind is Kind.SIGN and sign.text in "+-" and percent.kind is Kind.PERCENT
        for sign, percent in zip(pieces, pieces[2:], strict=False)
    )


def _is_plain_percent(pieces: Sequence[Lexeme]) -> bool:
    """Tell whether a percent sign may be a mere unit: in `* 100%`, and in `/ 75%`."""
    for index, piece in enumerate(pieces):
        if piece.kind is Kind.PERCENT and index:
            if pieces[index - 1].value == _HUNDRED:
                return True
            if index > 1 and pieces[index - 2].text == "/":
                return True
    return False
