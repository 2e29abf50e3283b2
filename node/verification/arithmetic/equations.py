"""Every written equation of a text, and whether it holds.

Wrong is said only where both sides were read whole and no honest reading makes them equal;
whatever else is odd leaves the equation unread. Prose ("two and two make five") has no sign
to start from and is not seen at all. It knows texts, and nothing of who wrote them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction

from node.verification.arithmetic.lexemes import Kind, Lexeme, lexemes
from node.verification.arithmetic.neighbours import settled
from node.verification.arithmetic.expressions import Reading
from node.verification.arithmetic.sides import Side, left_of, right_of


class Truth(Enum):
    """What became of one equals sign."""

    RIGHT = auto()
    WRONG = auto()
    UNREAD = auto()
    """Both sides hold numbers, but not all of it could be understood."""
    NAMING = auto()
    """Nothing to compute: a name, an unknown or a fact ("total = 12", "1 hour = 60 minutes")."""


@dataclass(frozen=True, slots=True)
class Equation:
    """One equals sign with its two sides.

    Args:
        start: First character of the left side.
        end: Character after the last of the right side.
        truth: Whether it holds.
        written: What the right side is worth; None unless both were read.
        expected: What the left side is worth; None unless both were read.
    """

    start: int
    end: int
    truth: Truth
    written: Fraction | None = None
    expected: Fraction | None = None


_AS_WRITTEN = Reading()


def equations(text: str) -> list[Equation]:
    """Return the equations of a text, in order; time is linear in its length."""
    return list(_equations(settled(lexemes(text))))


def _equations(pieces: Sequence[Lexeme]) -> Iterator[Equation]:
    before: Sequence[Lexeme] = ()
    equal: Lexeme | None = None
    start = 0
    for index in range(len(pieces) + 1):
        end = index == len(pieces)
        if not end and pieces[index].kind not in {Kind.STOP, Kind.EQUALS}:
            continue
        stretch = pieces[start:index]
        if equal is not None:
            yield _equation(before, equal, stretch)
        equal = pieces[index] if not end and pieces[index].kind is Kind.EQUALS else None
        before, start = stretch, index + 1


def _equation(before: Sequence[Lexeme], equal: Lexeme, after: Sequence[Lexeme]) -> Equation:
    left, right = left_of(before, _AS_WRITTEN), right_of(after, _AS_WRITTEN)
    start = left.start if left else equal.start
    end = right.end if right else equal.end
    truth = _truth(left, equal, right)
    if truth in {Truth.WRONG, Truth.UNREAD} and _holds_otherwise(before, after):
        truth = Truth.RIGHT
    if truth is Truth.UNREAD and _has_unknown(before, after):
        truth = Truth.NAMING
    if left is None or right is None or left.value is None or right.value is None:
        return Equation(start, end, truth)
    return Equation(start, end, truth, written=right.value, expected=left.value)


def _truth(left: Side | None, equal: Lexeme, right: Side | None) -> Truth:
    if left is None or right is None:
        return Truth.NAMING
    if left.value is None or right.value is None:
        return Truth.UNREAD
    if _agree(left, right):
        return Truth.RIGHT
    if _states_a_fact(left, equal, right):
        return Truth.NAMING
    return Truth.UNREAD if left.doubtful or right.doubtful else Truth.WRONG


def _agree(left: Side, right: Side) -> bool:
    """Tell whether two sides are equal, or one is the other as people round."""
    assert left.value is not None
    assert right.value is not None
    if left.value in {right.value, right.expression.leading}:
        return True  # the latter in a running total: "7 * 60 = 420 + 23 = 443"
    if left.counts_cents != right.counts_cents and (left.has_money or right.has_money):
        scale = Fraction(100) if right.counts_cents else Fraction(1, 100)
        if left.value * scale == right.value:
            return True
    return _rounded(left, right) or _rounded(right, left)


def _rounded(exact: Side, written: Side) -> bool:
    """Tell whether a bare number is the other side's value at its own number of decimals.

    Only what a division left over is cut off or rounded to a whole number ("50 / 3 = 16");
    sums and products of written numbers end, and may lose no more than fractions of a cent.
    """
    decimals = written.expression.decimals
    assert exact.value is not None
    assert written.value is not None
    divides = "/" in exact.expression.signs
    if decimals is None or not (divides or decimals >= CENTS):
        return False
    unit = 10**decimals * (
        100 if written.percent and written.value != written.expression.leading else 1
    )
    distance = (exact.value - written.value) * unit
    return abs(distance) <= Fraction(1, 2) or (
        divides and 0 <= distance * (1 if exact.value >= 0 else -1) < 1
    )


CENTS = 2


def _states_a_fact(left: Side, equal: Lexeme, right: Side) -> bool:
    """Tell whether a number is only said to be something: "1 hour = 60 minutes"."""
    if left.expression.decimals is not None:
        return left.apart or left.unit != right.unit
    if left.is_fraction:
        return left.apart and (
            left.unit != right.unit or right.expression.decimals is None or len(equal.text) > 1
        )
    return False


def _has_unknown(before: Sequence[Lexeme], after: Sequence[Lexeme]) -> bool:
    return any(one.kind is Kind.LETTER for one in (*before, *after))


def _holds_otherwise(before: Sequence[Lexeme], after: Sequence[Lexeme]) -> bool:
    """Tell whether another reading of the same signs makes the sides equal."""
    pieces = [*before, *after]
    percent = (
        after
        and any(p.kind is Kind.PERCENT for p in after)
        or any(a.kind is Kind.PERCENT and b.value == 100 for a, b in zip(before[1:], before))
    )
    divisions = sum(one.kind is Kind.SIGN and one.text == "/" for one in pieces)
    readings = [Reading(plain_percent=True)] if percent else []
    readings += [Reading(nested_division=True)] if divisions > 1 else []
    for reading in readings:
        left, right = left_of(before, reading), right_of(after, reading)
        assert left is not None and right is not None
        if left.value is not None and right.value is not None and _agree(left, right):
            return True
    return False
