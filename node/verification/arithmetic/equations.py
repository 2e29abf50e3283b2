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
from node.verification.arithmetic.agreement import agree
from node.verification.arithmetic.expressions import Stretch
from node.verification.arithmetic.lexemes import Kind, Lexeme, lexemes
from node.verification.arithmetic.lines import read_on, with_sums_joined
from node.verification.arithmetic.neighbours import settled
from node.verification.arithmetic.readings import holds, loose, usual
from node.verification.arithmetic.sides import Side, left_of, right_of

_CENTS = 100


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
    if truth in {Truth.WRONG, Truth.UNREAD}:
        if holds(before, equal, after, usual(before, after), goes_on=goes_on):
            truth = Truth.RIGHT
        elif holds(before, equal, after, loose(before, after), goes_on=goes_on):
            truth = Truth.UNREAD
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
    if agree(left, equal, right):
        return Truth.UNREAD if right.cut else Truth.RIGHT
    if left.doubtful or right.doubtful or _may_be_meant(left, right):
        return Truth.UNREAD
    return _where_they_differ(left, equal, right)


def _where_they_differ(left: Side, equal: Lexeme, right: Side) -> Truth:
    assert left.value is not None
    if _mixes_units(left, right):  # "2 hours = 120 minutes" can be checked, a sum of both not
        return Truth.WRONG if left.bare and right.bare else Truth.UNREAD
    if _states_a_fact(left, equal, right):
        return Truth.NAMING
    is_share = left.is_fraction and left.value < 1  # "Remaining 2/3 = 40"
    return Truth.UNREAD if left.named and (left.bare or is_share) else Truth.WRONG


def _states_a_fact(left: Side, equal: Lexeme, right: Side) -> bool:
    """Tell whether a number is only said to be something, as in "1 hour = 60 minutes"."""
    if left.bare:
        is_name = left.named and right.bare  # "Book 1 = 20"
        other_unit = left.unit != right.unit and (left.unit != "" or right.apart)
        return is_name or left.apart or left.crowded or right.dashed or other_unit
    if not (left.is_fraction and left.apart):
        return False
    other_unit = right.unit not in {"", left.unit}
    return other_unit or not right.bare or equal.text == "equals"


def _mixes_units(left: Side, right: Side) -> bool:
    """Tell whether pounds are added to ounces: the numbers alone then say nothing."""
    signs = set(left.expression.signs + right.expression.signs)
    scales = [scale for scale, _ in left.measures | right.measures]
    return signs <= {"+", "-"} and len(scales) != len(set(scales))


def _may_be_meant(left: Side, right: Side) -> bool:
    """Tell whether two sides that differ may be equal by what they leave unsaid."""
    assert left.value is not None
    assert right.value is not None
    computed_on = left.value == right.expression.leading  # "100 / 5 = 20 times 2"
    is_cents = "$" not in left.units and "$" in right.units and left.value == right.value * _CENTS
    whole = right.expression.decimals == 0 and bool(left.expression.decimals)
    is_rounded_up = whole and abs(left.value - right.value) < 1  # "3.2 = 4 buses"
    is_unknown = left.has_odd_letter and not right.has_letter  # "2 m + 4 = 10"
    return computed_on or is_cents or is_rounded_up or is_unknown


def _has_unknown(before: Stretch, after: Stretch) -> bool:
    return any(one.kind is Kind.LETTER for one in (*before.pieces, *after.pieces))
