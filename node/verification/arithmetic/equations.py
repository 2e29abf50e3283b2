"""Every written equation of a text, and whether it holds.

Wrong is said only where both sides were read whole and no honest reading makes them equal;
whatever else is odd leaves the equation unread. Prose ("two and two make five") has no sign
to start from and is not seen at all. It knows texts, and nothing of who wrote them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from fractions import Fraction

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.expressions import Reading, Stretch
from node.verification.arithmetic.lexemes import Kind, Lexeme, lexemes
from node.verification.arithmetic.lines import read_on, with_sums_joined
from node.verification.arithmetic.neighbours import settled
from node.verification.arithmetic.sides import Side, left_of, right_of

MONEY_DECIMALS = 2
"""A sum or product may be rounded to cents, and no coarser: 2.4 + 2.4 is not 5."""
_HUNDRED = 100


class Truth(Enum):
    """What became of one equals sign."""

    RIGHT = auto()
    WRONG = auto()
    UNREAD = auto()
    """Both sides hold numbers, but not all of it was understood."""
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


def equations(text: str) -> list[Equation]:
    """Return the equations of a text, in order; time is linear in its length."""
    if _EQUALITIES.isdisjoint(text) and "equal" not in text.lower():
        return []
    pieces = read_on(lexemes(text))
    found = dict(_equations(settled(pieces)))
    joined = with_sums_joined(pieces)
    if joined is not None:
        for at, equation in _equations(settled(joined)):
            found[at] = _either(found[at], equation)
    return list(found.values())


_EQUALITIES = words.EQUAL | words.ABOUT | {"\\"}


def _either(apart: Equation, joined: Equation) -> Equation:
    """Return what can be said where a sum may go across lines, and may end with them."""
    if apart.truth in {Truth.RIGHT, joined.truth}:
        return apart
    return joined if joined.truth is Truth.RIGHT else replace(joined, truth=Truth.UNREAD)


def _equations(pieces: Sequence[Lexeme]) -> Iterator[tuple[int, Equation]]:
    """Yield where the sign of each equation stands, and the equation."""
    ends = [at for at, one in enumerate(pieces) if one.kind in {Kind.STOP, Kind.EQUALS}]
    after: tuple[int, Stretch] | None = None
    for which, at in enumerate(ends):
        if pieces[at].kind is Kind.STOP:
            continue
        start = ends[which - 1] + 1 if which else 0
        stop = ends[which + 1] if which + 1 < len(ends) else len(pieces)
        # In a chain the right side of one equation is the left side of the next.
        chained = after is not None and after[0] == start
        before = after[1] if after and chained else Stretch.read(pieces[start:at])
        after = at + 1, Stretch.read(pieces[at + 1 : stop])
        goes_on = stop < len(pieces) and pieces[stop].kind is Kind.EQUALS
        yield pieces[at].start, _equation(before, pieces[at], after[1], goes_on=goes_on)


def _equation(before: Stretch, equal: Lexeme, after: Stretch, *, goes_on: bool) -> Equation:
    left, right = left_of(before), right_of(after, goes_on=goes_on)
    truth = _truth(left, equal, right)
    if truth in {Truth.WRONG, Truth.UNREAD} and _holds_otherwise(
        before, equal, after, goes_on=goes_on
    ):
        truth = Truth.RIGHT
    if truth is Truth.UNREAD and _has_unknown(before, after):
        truth = Truth.NAMING
    start = left.own[0].start if left else equal.start
    end = right.own[-1].end if right else equal.end
    if left is None or right is None or left.value is None or right.value is None:
        return Equation(start, end, truth)
    return Equation(start, end, truth, written=right.value, expected=left.value)


def _truth(left: Side | None, equal: Lexeme, right: Side | None) -> Truth:
    if left is None or right is None:
        return Truth.NAMING
    if left.value is None or right.value is None:
        return Truth.UNREAD
    if _agree(left, equal, right):
        return Truth.UNREAD if right.cut else Truth.RIGHT
    if left.doubtful or right.doubtful or left.value == right.expression.leading:
        return Truth.UNREAD  # the last in "100 / 5 = 20 times 2", where no "=" follows
    if _mixes_units(left, right):  # "2 hours = 120 minutes" can be checked, a sum of both not
        return Truth.WRONG if left.bare and right.bare else Truth.UNREAD
    return Truth.NAMING if _states_a_fact(left, equal, right) else Truth.WRONG


def _agree(left: Side, equal: Lexeme, right: Side) -> bool:
    """Tell whether two sides are equal, or one is the other as people round and convert."""
    assert left.value is not None
    assert right.value is not None
    running = right.expression.leading if right.goes_on else None
    if left.value in {right.value, running}:
        return True  # the latter in a running total: "7 * 60 = 420 + 23 = 443"
    for (scale, size), (other_scale, other_size) in zip(
        left.measures, right.measures, strict=False
    ):
        alone = len(left.measures) == len(right.measures) == 1
        if alone and scale == other_scale and left.value * size == right.value * other_size:
            return True
    if _rounded(left, right) or _rounded(right, left):
        return True
    loosely = equal.text == "~" or any(one.text in words.APPROXIMATE for one in right.gap)
    return loosely and abs(left.value - right.value) < _last_digit_worth(right)


def _rounded(exact: Side, written: Side) -> bool:
    """Tell whether a bare number is the other side's value at its own number of decimals.

    Only what a division leaves over is cut off or rounded to a whole number ("50 / 3 = 16").
    """
    decimals = written.expression.decimals
    assert exact.value is not None
    assert written.value is not None
    divides = "/" in exact.expression.signs
    if decimals is None or not (divides or decimals >= MONEY_DECIMALS):
        return False
    excess = (abs(exact.value) - abs(written.value)) * 10**decimals
    same_sign = exact.value * written.value >= 0
    return same_sign and (abs(excess) <= Fraction(1, 2) or (divides and 0 <= excess < 1))


def _last_digit_worth(side: Side) -> Fraction:
    """Return what the last digit that is not nought of a bare number stands for."""
    if side.expression.decimals is None or not side.value:
        return Fraction(0)
    worth = Fraction(1, 10**side.expression.decimals)
    while (side.value / worth) % 10 == 0:
        worth *= 10
    return worth


def _states_a_fact(left: Side, equal: Lexeme, right: Side) -> bool:
    """Tell whether a number is only said to be something, as in "1 hour = 60 minutes"."""
    if left.bare:
        return left.apart or left.crowded or right.dashed or left.unit != right.unit
    if not (left.is_fraction and left.apart):
        return False
    other_unit = right.unit not in {"", left.unit}
    return other_unit or not right.bare or equal.text == "equals"


def _mixes_units(left: Side, right: Side) -> bool:
    """Tell whether pounds are added to ounces: the numbers alone then say nothing."""
    signs = set(left.expression.signs + right.expression.signs)
    scales = [scale for scale, _ in left.measures | right.measures]
    return signs <= {"+", "-"} and len(scales) != len(set(scales))


def _has_unknown(before: Stretch, after: Stretch) -> bool:
    return any(one.kind is Kind.LETTER for one in (*before.pieces, *after.pieces))


def _holds_otherwise(before: Stretch, equal: Lexeme, after: Stretch, *, goes_on: bool) -> bool:
    """Tell whether another reading of the same signs makes the sides equal."""
    for reading in _other_readings(before.pieces, after.pieces):
        left = left_of(Stretch.read(before.pieces, reading))
        right = right_of(Stretch.read(after.pieces, reading), goes_on=goes_on)
        assert left is not None
        assert right is not None
        read = left.value is not None and right.value is not None
        if read and _agree(left, equal, right):
            return True
    return False


def _other_readings(before: Sequence[Lexeme], after: Sequence[Lexeme]) -> Iterator[Reading]:
    if any(one.kind is Kind.PERCENT for one in after) or _is_plain_percent(before):
        yield Reading(plain_percent=True)
    divisions = [one for one in (*before, *after) if one.kind is Kind.SIGN and one.text == "/"]
    if len(divisions) > 1:
        yield Reading(nested_division=True)
    if any(one.text in words.SCALING for one in (*before, *after)):
        yield Reading(scaling_words=True)


def _is_plain_percent(pieces: Sequence[Lexeme]) -> bool:
    """Tell whether a percent sign may be a mere unit: in `* 100%`, and in `/ 75%`."""
    for index, piece in enumerate(pieces):
        if piece.kind is Kind.PERCENT and index:
            if pieces[index - 1].value == _HUNDRED:
                return True
            if index > 1 and pieces[index - 2].text == "/":
                return True
    return False
