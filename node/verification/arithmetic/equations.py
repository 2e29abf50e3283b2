"""Every written equation of a text, and whether it holds.

Wrong is said only where both sides were read whole and no honest reading makes them equal;
whatever else is odd leaves the equation unread. Prose ("two and two make five") has no sign
to start from and is not seen at all. It knows texts, and nothing of who wrote them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from fractions import Fraction
from itertools import pairwise

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.agreement import agree, converts, is_about, mixes_units
from node.verification.arithmetic.lexemes import NOTHING, Kind, Lexeme, lexemes
from node.verification.arithmetic.lines import read_on, with_sums_joined
from node.verification.arithmetic.marks import set_apart
from node.verification.arithmetic.neighbours import glued, settled
from node.verification.arithmetic.readings import SCALED, adds_dozens, holds, loose, usual
from node.verification.arithmetic.sides import Side, left_of, right_of
from node.verification.arithmetic.stretches import Stretch

_CENTS = 100
_ARROW = "=>"
_LOOSE = frozenset({_ARROW, "equal"})
"""They join a sum and its result, and much else: "cut 12 into 4 equal 3 foot parts"."""


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
    found: dict[int, Equation] = {}
    for part in set_apart(lexemes(text)):
        pieces = read_on(part)
        found |= _equations(settled(pieces))
        for at, joined in _equations(settled(with_sums_joined(pieces) or [])):
            if at in found:
                found[at] = _either(found[at], joined)
    return [found[at] for at in sorted(found)]


_EQUALITIES = words.EQUAL | words.ABOUT | words.ARROWS | {"\\", ">"}


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
        if not _is_equality(pieces, ends, which):
            continue
        start = ends[which - 1] + 1 if which else 0
        stop = ends[which + 1] if which + 1 < len(ends) else len(pieces)
        # In a chain the right side of one equation is the left side of the next.
        chained = after is not None and after[0] == start
        before = after[1] if after and chained else Stretch.read(pieces[start:at])
        after = at + 1, Stretch.read(pieces[at + 1 : stop])
        further = ends[which + 2] if which + 2 < len(ends) else len(pieces)
        goes_on = stop < len(pieces) and _computes_on(pieces[stop:further])
        equation = _equation(before, pieces[at], after[1], goes_on=goes_on)
        if equation.truth is not Truth.NAMING or pieces[at].kind is Kind.EQUALS:
            yield pieces[at].start, equation


def _computes_on(pieces: Sequence[Lexeme]) -> bool:
    """Tell whether these are an equals sign and a number: what a running total runs on to."""
    return pieces[0].kind is Kind.EQUALS and any(one.kind is Kind.NUMBER for one in pieces)


def _is_equality(pieces: Sequence[Lexeme], ends: Sequence[int], which: int) -> bool:
    """Tell whether a stop says "equal"; an arrow between equations is rather "so"."""
    piece = pieces[ends[which]]
    near = (*ends[max(0, which - 1) : which], *ends[which + 1 : which + 2])
    is_arrow = piece.text == _ARROW and all(pieces[at].kind is not Kind.EQUALS for at in near)
    return piece.kind is Kind.EQUALS or is_arrow


def _equation(before: Stretch, equal: Lexeme, after: Stretch, *, goes_on: bool) -> Equation:
    left, right = left_of(before), right_of(after, goes_on=goes_on)
    truth = _truth(left, equal, right)
    if truth is Truth.RIGHT and left and adds_dozens(left):
        if not holds(before, equal, after, [SCALED], goes_on=goes_on):
            truth = Truth.UNREAD
    elif left and right and truth in {Truth.WRONG, Truth.UNREAD}:
        if holds(before, equal, after, usual(before, after), goes_on=goes_on):
            truth = Truth.RIGHT
        elif holds(before, equal, after, loose(before, after), goes_on=goes_on):
            truth = Truth.UNREAD
    sums = left is not None and left.computes and right is not None
    if truth is Truth.UNREAD and _has_unknown(before, after, beside_sums=sums):
        truth = Truth.NAMING
    start = left.own[0].start if left else equal.start
    end = right.own[-1].end if right else equal.end
    if left is None or right is None or left.value is None or right.value is None:
        return Equation(start, end, truth)
    return Equation(start, end, truth, written=right.value, expected=left.value)


def _truth(left: Side | None, equal: Lexeme, right: Side | None) -> Truth:
    if equal.text in _LOOSE and not (left and left.computes and right and right.bare):
        return Truth.NAMING
    if left is None or right is None:  # "total = 7 + 5", but not "7 + 5 = "
        return Truth.UNREAD if left and left.computes else Truth.NAMING
    if left.value is None or right.value is None:
        return Truth.UNREAD
    if agree(left, equal, right):
        return Truth.UNREAD if right.cut else Truth.RIGHT
    if left.doubtful or right.doubtful or _may_be_meant(left, equal, right):
        return Truth.UNREAD
    return _where_they_differ(left, equal, right)


def _where_they_differ(left: Side, equal: Lexeme, right: Side) -> Truth:
    assert left.value is not None
    if mixes_units(left, right):  # "2 hours = 120 minutes" can be checked, a sum of both not
        return Truth.WRONG if left.bare and right.bare else Truth.UNREAD
    if _states_a_fact(left, equal, right):
        return Truth.NAMING
    assert right.value is not None
    is_share = left.is_fraction and left.value < 1 <= right.value  # "Remaining 2/3 = 40"
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


def _may_be_meant(left: Side, equal: Lexeme, right: Side) -> bool:
    """Tell whether two sides that differ may be equal by what they leave unsaid."""
    assert left.value is not None
    assert right.value is not None
    computed_on = (
        right.computes and left.value == right.expression.leading
    )  # "100 / 5 = 20 times 2"
    is_cents = "$" not in left.units and "$" in right.units and left.value == right.value * _CENTS
    whole = right.expression.decimals == 0 and bool(left.expression.decimals)
    is_rounded_up = whole and abs(left.value - right.value) < 1  # "3.2 = 4 buses"
    is_unknown = left.has_odd_letter and not right.has_letter  # "2 m + 4 = 10"
    is_taken_away = left.named and left.own[0].kind is Kind.SIGN  # "the price -5 = 10"
    is_counted = equal.text in _LOOSE and any(one.kind is Kind.WORD for one in right.after[:1])
    known = (computed_on, is_cents, is_rounded_up, is_unknown, is_taken_away, is_counted)
    return any(known) or converts(left, right) or is_about(left, equal, right)


def _has_unknown(before: Stretch, after: Stretch, *, beside_sums: bool) -> bool:
    """Tell whether a letter stands for a number, and not for a unit: "12 + 7 x", "= 20x"."""
    unknown = any(
        one.kind is Kind.LETTER and not (beside_sums and _is_spaced_unit(last, one))
        for last, one in pairwise((NOTHING, *before.pieces))
    )
    return unknown or any(
        one.kind is Kind.LETTER and not (beside_sums and last.kind is Kind.NUMBER)
        for last, one in pairwise((NOTHING, *after.pieces))
    )


def _is_spaced_unit(number: Lexeme, letter: Lexeme) -> bool:
    return number.kind is Kind.NUMBER and not glued(number, letter)
