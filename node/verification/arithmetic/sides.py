"""What an equals sign takes on its left and on its right, and what casts doubt on it.

Words decide where an expression begins in running text, and words may change what it means:
"half of 20", "5 more than 3 + 2", "Step 1 - 3". A side in doubt can confirm an equation and
never refute one. It knows one stretch of pieces, and nothing of the other side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.expressions import (
    UNIT_WORDS_MAX,
    Expression,
    Reading,
    expressions,
)
from node.verification.arithmetic.lexemes import Kind, Lexeme

LEADING_WORDS_MAX = 4
"""Words between an equals sign and its number: "= a total of 5"."""
_SPOKEN = frozenset({Kind.WORD, Kind.MONEY})
_UNCLEAR = frozenset({Kind.SIGN, Kind.OPEN, Kind.OPAQUE, Kind.LETTER, Kind.PERCENT, Kind.FRACTION})


@dataclass(frozen=True, slots=True)
class Side:
    """The expression next to an equals sign.

    Args:
        expression: What was read there.
        doubtful: Whether what stands in or around it may change its value.
        apart: Whether words stand between it and the equals sign.
        unit: The word or sign of the unit of a bare number or fraction; else "".
        start: Its first character.
        end: The character after its last.
    """

    expression: Expression
    doubtful: bool
    apart: bool
    unit: str
    percent: bool
    has_money: bool
    counts_cents: bool
    is_fraction: bool
    start: int
    end: int

    @property
    def value(self) -> Fraction | None:
        """What it is worth; None if it could not be read."""
        return self.expression.value


def left_of(stretch: Sequence[Lexeme], reading: Reading) -> Side | None:
    """Return what an equals sign after the stretch takes: its last expression, or None."""
    found = expressions(stretch, reading)
    if not found:
        return None
    gap = stretch[found[-1].last + 1 :]
    return _side(stretch, found, len(found) - 1, gap)


def right_of(stretch: Sequence[Lexeme], reading: Reading) -> Side | None:
    """Return what an equals sign before the stretch takes: its first expression, or None."""
    found = expressions(stretch, reading)
    if not found:
        return None
    gap = stretch[: found[0].first]
    return _side(stretch, found, 0, gap)


def _side(
    pieces: Sequence[Lexeme], found: Sequence[Expression], which: int, gap: Sequence[Lexeme]
) -> Side:
    expression = found[which]
    own = pieces[expression.first : expression.last + 1]
    after = pieces[expression.last + 1 : expression.last + 2]
    unit = after[0].text if after and after[0].kind in _SPOKEN else ""
    money = [one for one in own if one.kind is Kind.MONEY]
    doubtful = (
        expression.doubtful
        or len(gap) > UNIT_WORDS_MAX
        or any(one.kind in _UNCLEAR for one in gap)
        or any(one.text in words.RELATING for one in gap[:1])
        or _doubt_before(pieces, found, which)
        or _doubt_after(pieces, found, which)
    )
    tight = all(a.end == b.start for a, b in zip(own, own[1:], strict=False))
    return Side(
        expression=expression,
        doubtful=doubtful,
        apart=any(one.kind is Kind.WORD for one in gap),
        unit=money[0].text if money else unit,
        percent=any(one.kind is Kind.PERCENT for one in own),
        has_money=bool(money),
        counts_cents=unit in {"cents", "cent", "¢"},
        is_fraction=expression.signs == "/" and tight,
        start=own[0].start,
        end=own[-1].end,
    )


def _doubt_before(pieces: Sequence[Lexeme], found: Sequence[Expression], which: int) -> bool:
    first = found[which].first
    index = first - 1
    while index >= 0 and pieces[index].kind in _SPOKEN:
        index -= 1
    spoken = [one.text for one in pieces[index + 1 : first]]
    if any(word in words.COUNTING for word in spoken[-2:]) or words.LABELS & set(spoken[-1:]):
        return True
    if index < 0:
        return False
    met = pieces[index]
    if met.kind is Kind.OPEN:  # never closed in this stretch
        return index > 0 and pieces[index - 1].kind is Kind.SIGN
    if met.kind is Kind.SIGN:
        return not (met.text == "-" and spoken)
    if met.kind in {Kind.OPAQUE, Kind.LETTER}:
        return not spoken
    if which and index == found[which - 1].last:
        return (
            not spoken or pieces[first].kind is Kind.OPEN or not words.RELATING.isdisjoint(spoken)
        )
    return False


def _doubt_after(pieces: Sequence[Lexeme], found: Sequence[Expression], which: int) -> bool:
    index = found[which].last + 1
    start = index
    while index < len(pieces) and pieces[index].kind in _SPOKEN:
        index += 1
    if index == len(pieces):
        return False
    met, spoken = pieces[index], index > start
    if met.kind is Kind.SIGN:
        dash = index + 1 == len(pieces) or pieces[index + 1].kind is Kind.WORD
        return not (met.text == "-" and dash)
    if met.kind in {Kind.OPAQUE, Kind.LETTER, Kind.NUMBER}:
        return not spoken
    return False
