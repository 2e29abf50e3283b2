"""What an equals sign takes on its left and on its right, and what casts doubt on it.

Words decide where an expression begins in running text, and words may change what it means:
"half of 20", "5 more than 3 + 2", "Step 1 - 3". A side in doubt can confirm an equation and
never refute one. It knows one stretch of pieces, and nothing of the other side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.expressions import UNIT_WORDS_MAX, Expression
from node.verification.arithmetic.lexemes import Kind, Lexeme
from node.verification.arithmetic.neighbours import glued
from node.verification.arithmetic.stretches import Stretch

_SPOKEN = frozenset({Kind.WORD, Kind.MONEY})
_UNCLEAR = frozenset(
    {Kind.SIGN, Kind.OPEN, Kind.CLOSE, Kind.OPAQUE, Kind.LETTER, Kind.PERCENT, Kind.FRACTION}
)
_UNKNOWN = frozenset({Kind.OPAQUE, Kind.LETTER})
_CHANGING = words.COUNTING | words.SHARES | words.LABELS | words.FUNCTIONS | words.SIGN_WORDS.keys()
_MULTIPLYING = (["of"], ["at"])
_YEAR_MIN = 1000
_PASSED_OVER = words.DETERMINERS | {"of"}


@dataclass(frozen=True, slots=True)
class Side:
    """The expression next to an equals sign.

    Args:
        expression: What was read there.
        own: Its pieces.
        gap: The pieces between it and the equals sign.
        after: The two pieces that follow it, or as many as there are.
        crowded: Whether another expression stands in the same stretch on its far side.
        doubtful: Whether what stands in or around it may change its value.
        dashed: Whether a dash and a word follow it; mostly a remark, at times a subtraction.
        goes_on: Whether another equals sign follows, so that it may be a running total.
        named: Whether a word before it makes a name of it if it is a number: "Book 1", not "so 1".
    """

    expression: Expression
    own: Sequence[Lexeme]
    gap: Sequence[Lexeme]
    after: Sequence[Lexeme]
    crowded: bool
    doubtful: bool
    dashed: bool = False
    goes_on: bool = False
    named: bool = False

    @property
    def value(self) -> Fraction | None:
        """What it is worth; None if it could not be read."""
        return self.expression.value

    @property
    def bare(self) -> bool:
        """Whether it is one number and no more."""
        return self.expression.decimals is not None

    @property
    def computes(self) -> bool:
        """Whether numbers are joined by signs in it, and it is more than one fraction."""
        return self.expression.signs not in {"", "/"} or (
            self.expression.signs == "/" and not self.is_fraction
        )

    @property
    def cut(self) -> bool:
        """Whether another number follows it and nothing else does: "19 20", not "6 6-packs"."""
        return [one.kind for one in self.after] == [Kind.NUMBER]

    @property
    def is_fraction(self) -> bool:
        """Whether it is one fraction written without blanks."""
        return self.expression.signs == "/" and all(
            glued(one, other) for one, other in pairwise(self.own)
        )

    @property
    def apart(self) -> bool:
        """Whether words stand between it and the equals sign."""
        return any(one.kind is Kind.WORD for one in self.gap)

    @property
    def unit(self) -> str:
        """The sign before or the word after a number, whatever it means; "" without one."""
        return next((one.text for one in self._unit_pieces()), "")

    @property
    def measures(self) -> frozenset[tuple[int, int]]:
        """The known units in it, each as its scale and its size on that scale."""
        spoken = [one.text for one in (*self.own, *self.after[:1])]
        return frozenset(words.MEASURES[text] for text in spoken if text in words.MEASURES)

    @property
    def units(self) -> frozenset[str]:
        """All words and signs in and after it that may be units."""
        return frozenset(one.text for one in (*self.own, *self.after[:1]) if one.kind in _SPOKEN)

    @property
    def has_letter(self) -> bool:
        """Whether a letter that may be a unit or an unknown stands in or after it."""
        return not words.LETTER_UNITS.isdisjoint(self.units)

    @property
    def has_odd_letter(self) -> bool:
        """Whether such a letter stands by some numbers of a sum and not by others: "2 m + 4"."""
        numbers = sum(one.kind is Kind.NUMBER for one in self.own)
        pieces = (*self.own, *self.after[:1])
        letters = sum(one.text in words.LETTER_UNITS for one in pieces)
        return set(self.expression.signs) <= {"+", "-"} and 0 < letters < numbers

    def _unit_pieces(self) -> Iterator[Lexeme]:
        yield from (one for one in self.own if one.kind in {Kind.MONEY, Kind.PERCENT})
        yield from (one for one in self.after[:1] if one.kind in _SPOKEN)


def left_of(stretch: Stretch) -> Side | None:
    """Return what an equals sign after the stretch takes: its last expression, or None."""
    if not stretch.found:
        return None
    which = len(stretch.found) - 1
    return _side(stretch, which, stretch.pieces[stretch.found[which].last + 1 :], crowded=which > 0)


def right_of(stretch: Stretch, *, goes_on: bool = False) -> Side | None:
    """Return what an equals sign before the stretch takes: its first expression, or None."""
    if not stretch.found:
        return None
    gap = stretch.pieces[: stretch.found[0].first]
    side = _side(stretch, 0, gap, crowded=len(stretch.found) > 1)
    return replace(side, goes_on=goes_on)


def _side(stretch: Stretch, which: int, gap: Sequence[Lexeme], *, crowded: bool) -> Side:
    expression = stretch.found[which]
    own = stretch.pieces[expression.first : expression.last + 1]
    after = stretch.pieces[expression.last + 1 : expression.last + 3]
    before, reached = _word_before(stretch, which)
    dashed, unclear = _what_follows(stretch, expression)
    return Side(
        expression=expression,
        own=own,
        gap=gap,
        after=after,
        crowded=crowded,
        doubtful=expression.doubtful
        or unclear
        or before in _CHANGING
        or _doubt_before(stretch, which, reached)
        or _doubt_inside(own, gap, after),
        dashed=dashed,
        named=before not in words.CLAUSE_ENDS,
    )


def _doubt_inside(own: Sequence[Lexeme], gap: Sequence[Lexeme], after: Sequence[Lexeme]) -> bool:
    """Tell whether an expression, or what parts it from the sign, is none of plain numbers."""
    parted = len(gap) > UNIT_WORDS_MAX or any(one.kind in _UNCLEAR for one in gap)
    part_of_something = any(one.text == "of" for one in gap[:1])
    odd = _numbers_lines(own) or _is_date(own) or _counts_in_circles((*own, *after))
    return parted or part_of_something or odd


def _word_before(stretch: Stretch, which: int) -> tuple[str, int]:
    """Return the last word before an expression, or "", and the index before all its words."""
    pieces, first = stretch.pieces, stretch.found[which].first
    index = first - 1
    while index >= 0 and pieces[index].kind in _SPOKEN:
        index -= 1
    spoken = (one.text for one in reversed(pieces[index + 1 : first]))
    return next((word for word in spoken if word not in _PASSED_OVER), ""), index


def _doubt_before(stretch: Stretch, which: int, index: int) -> bool:
    """Tell whether what precedes an expression, from an index on, may belong to it."""
    pieces, first = stretch.pieces, stretch.found[which].first
    spoken = [one.text for one in pieces[index + 1 : first]]
    if _is_argument(pieces, first):
        return True
    if index < 0:
        return False
    met = pieces[index]
    if which and index == stretch.found[which - 1].last:
        return not spoken or _joins(pieces[:index], spoken, pieces[first])
    if met.kind is Kind.OPEN:  # one that is never closed in this stretch
        calls = not spoken and _is_argument(pieces, index)
        return calls or (index > 0 and pieces[index - 1].kind is Kind.SIGN)
    if met.kind is Kind.SIGN:
        return not (met.text == "-" and spoken)
    return met.kind in _UNKNOWN and not spoken


def _is_argument(pieces: Sequence[Lexeme], index: int) -> bool:
    """Tell whether a bracket is glued to a word, as in "sqrt(16)"."""
    if not index or pieces[index].kind is not Kind.OPEN:
        return False
    name = pieces[index - 1]
    return (
        name.kind in {Kind.WORD, Kind.LETTER}
        and name.text[-1:].isalpha()
        and glued(name, pieces[index])
    )


def _numbers_lines(own: Sequence[Lexeme]) -> bool:
    """Tell whether bracketed numbers are added, which may be those of equations: "(1) + (2)"."""
    numbered = [Kind.OPEN, Kind.NUMBER, Kind.CLOSE]
    begins = [one.kind for one in own[:7]] == [*numbered, Kind.SIGN, *numbered]
    return begins and own[len(numbered)].text in "+-"


def _is_date(own: Sequence[Lexeme]) -> bool:
    """Tell whether an expression begins with a day of a year: "12/25/2020 - 5"."""
    barred = [one.text for one in own[1:5:2]] == ["/", "/"] and own[4].value >= _YEAR_MIN
    return barred and all(glued(one, other) for one, other in pairwise(own[:5]))


def _counts_in_circles(pieces: Sequence[Lexeme]) -> bool:
    """Tell whether a number is an hour of the day, or a remainder: "11 am", "1 (mod 10)"."""
    hours = any(
        number.kind is Kind.NUMBER and word.text in words.HALF_DAYS
        for number, word in pairwise(pieces)
    )
    return hours or any(one.text in words.MODULAR for one in pieces)


def _joins(earlier: Sequence[Lexeme], spoken: Sequence[str], first: Lexeme) -> bool:
    """Tell whether the words between two expressions make one of them."""
    if not words.CONNECTIVES.isdisjoint(spoken):
        return False
    if spoken[0] == "of" and words.DETERMINERS.issuperset(spoken[1:]):
        return True
    if spoken[1:] in _MULTIPLYING:  # "2 packs of 6"
        return True
    if first.kind is Kind.OPEN or not words.COMPARING.isdisjoint(spoken):
        return True
    computes = any(one.text in words.COMPUTING for one in earlier)
    return computes and not words.JOINING.isdisjoint(spoken)


def _what_follows(stretch: Stretch, expression: Expression) -> tuple[bool, bool]:
    """Tell whether a dash and words follow an expression, and whether more of it may."""
    pieces, index = stretch.pieces, expression.last + 1
    start = index
    while index < len(pieces) and pieces[index].kind in _SPOKEN:
        index += 1
    if index == len(pieces):
        return False, False
    met = pieces[index]
    if met.kind is Kind.SIGN:
        dash = met.text == "-" and (index + 1 == len(pieces) or pieces[index + 1].kind is Kind.WORD)
        return dash, not dash
    if met.kind is Kind.NUMBER:  # "1 hour 30 minutes", "1 hour and 30 minutes"
        spoken = [one.text for one in pieces[start:index]]
        return False, all(text in words.MEASURES for text in spoken if text != "and") and (
            spoken[:1] != ["and"]
        )
    return False, index == start and met.kind in _UNKNOWN
