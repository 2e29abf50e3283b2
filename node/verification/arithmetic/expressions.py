"""Pieces to values: one expression, worth an exact fraction.

Precedence climbing over the pieces of `lexemes`, with unit words skipped between operands
("3 apples + 2 apples"). Nothing is evaluated by Python, and every size is capped, so that
`9^9^9` and ten thousand brackets cost what reading them costs. It knows nothing of equations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.lexemes import NOTHING, Kind, Lexeme
from node.verification.arithmetic.neighbours import OPERAND_STARTS, glued

DEPTH_MAX = 24
"""Brackets and signs within one another. Each costs a Python frame or three."""
OPERANDS_MAX = 64
"""Numbers in one expression; the longest of GSM8K has 14."""
BITS_MAX = 512
"""Size of a numerator or denominator, which bounds what one operation costs."""
EXPONENT_MAX = 16
UNIT_WORDS_MAX = 8
"""Words between a number and the sign after it: "140 quarters to repay her sister = "."""
_FILLERS_MAX = 3
"""Words between a sign and its number: "+ another 3"."""
_SKIPPED = frozenset({Kind.WORD, Kind.MONEY})
_UNKNOWN = frozenset({Kind.OPAQUE, Kind.LETTER})


class Unreadable(Exception):  # noqa: N818 - not an error: the text is outside the grammar
    """The pieces are no expression, or one that is too large."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One of the ways in which people mean the same signs.

    Args:
        plain_percent: A percent sign names what the number is, and does not divide it by 100.
        nested_division: In `a / b / c` the second bar is that of a fraction.
        scaling_words: "million" after a number multiplies it, and is no unit.
        relative_percent: In `100 + 8%` the percentage is one of what is before it.
        endless_thirds: 0.33 and 0.67 stand for a third and two thirds.
        converted: Every number has a known unit, and counts in the smallest one of its scale.
    """

    plain_percent: bool = False
    nested_division: bool = False
    scaling_words: bool = False
    relative_percent: bool = False
    endless_thirds: bool = False
    converted: bool = False


@dataclass(frozen=True, slots=True)
class Expression:
    """A stretch that could be read, or that looked like an expression and could not.

    Args:
        first: Index of its first piece in the stretch.
        last: Index of its last piece.
        value: What it is worth; None if it could not be read.
        leading: What its first number or bracket is worth.
        decimals: With how many decimals it is written if it is one bare number, else None.
        is_percent: Whether it is such a number with a percent sign, which adds two decimals.
        signs: The signs in it, in order.
        divides: Whether it is a division as a whole: `(9 + 1) / 3` and `2 * 5 / 3`.
        doubtful: Whether a word in it may have changed its value unbeknown.
    """

    first: int
    last: int
    value: Fraction | None
    leading: Fraction | None = None
    decimals: int | None = None
    is_percent: bool = False
    signs: str = ""
    divides: bool = False
    doubtful: bool = False


def starts(pieces: Sequence[Lexeme], at: int, pairs: dict[int, int]) -> bool:
    """Tell whether an operand starts here; a sign counts if it is glued to a number."""
    piece = pieces[at]
    if _is_prefix(piece):
        after = pieces[at + 1] if at + 1 < len(pieces) else NOTHING
        return (
            after.kind in OPERAND_STARTS and glued(piece, after) and starts(pieces, at + 1, pairs)
        )
    if piece.kind is Kind.MONEY:
        return at + 1 < len(pieces) and pieces[at + 1].kind in {Kind.NUMBER, Kind.SIGN}
    if piece.kind is Kind.OPEN:
        return at in pairs
    return piece.kind in {Kind.NUMBER, Kind.FRACTION}


def _is_prefix(piece: Lexeme) -> bool:
    return piece.kind is Kind.SIGN and piece.text in {"+", "-"}


class Parser:
    """One expression from one place; `at` is the next piece."""

    def __init__(
        self, pieces: Sequence[Lexeme], pairs: dict[int, int], at: int, reading: Reading
    ) -> None:
        self._pieces = pieces
        self._pairs = pairs
        self._reading = reading
        self._first = self._at = at
        self._operands = 0
        self._signs = ""
        self._leading: Fraction | None = None
        self._decimals = 0
        self._is_percent = False
        self._doubtful = False
        self._divides = False
        self._has_all_units = True

    def expression(self) -> Expression:
        """Read as far as one expression goes; raise `Unreadable` if there is none."""
        self._leading = self._fraction(tight=True)
        self._at, self._operands = self._first, 0
        sign = self._peek(self._peek().kind is Kind.MONEY)
        value = self._sum(0)
        return Expression(
            first=self._first,
            last=self._at - 1,
            value=value if self._has_all_units else None,
            decimals=self._decimals if self._operands == 1 and not self._signs else None,
            is_percent=self._is_percent,
            leading=None if sign.text == "-" else self._leading,
            signs=self._signs,
            divides=self._divides,
            doubtful=self._doubtful,
        )

    @property
    def reached(self) -> int:
        """The last piece that was read."""
        return self._at - 1

    def _peek(self, ahead: int = 0) -> Lexeme:
        index = self._at + ahead
        return self._pieces[index] if index < len(self._pieces) else NOTHING

    def _sum(self, depth: int) -> Fraction:
        total = self._product(depth)
        while sign := self._sign_ahead("+-"):
            start = self._at
            operand = self._product(depth)
            if self._reading.relative_percent and self._is_percentage(start):
                operand *= total
            self._divides = False
            total = _capped(total + operand if sign.text == "+" else total - operand)
        return total

    def _is_percentage(self, start: int) -> bool:
        kinds = [one.kind for one in self._pieces[start : self._at]]
        return kinds == [Kind.NUMBER, Kind.PERCENT]

    def _product(self, depth: int) -> Fraction:
        product = self._factor(depth)
        divides = False
        while sign := self._sign_ahead("*/"):
            operand = self._nested_fraction(sign) or self._factor(depth)
            if sign.text == "/" and not operand:
                raise Unreadable
            product = _capped(product * operand if sign.text == "*" else product / operand)
            divides |= sign.text == "/"
            self._divides = divides
        return product

    def _nested_fraction(self, sign: Lexeme) -> Fraction | None:
        """Read the fraction after a division sign: `10/1/2` and `60 / 5/2`."""
        if sign.text != "/" or not self._reading.nested_division:
            return None
        above, bar, below = (self._peek(ahead) for ahead in range(3))
        stands_apart = not glued(sign, above) and glued(above, bar)  # unlike that of `100/10/2`
        if above.value >= below.value and not stands_apart:
            return None
        return self._fraction(tight=glued(sign, above))

    def _sign_ahead(self, signs: str) -> Lexeme | None:
        """Step over unit words and one of the signs, if an operand follows it."""
        index = self._at
        if self._implied_product(index):
            if "*" not in signs:
                return None
            self._signs += "*"
            return replace(self._pieces[index], kind=Kind.SIGN, text="*")
        stop = min(index + UNIT_WORDS_MAX, len(self._pieces))
        while index < stop and self._pieces[index].kind in _SKIPPED:
            index += 1
        if index >= len(self._pieces) or self._pieces[index].kind is not Kind.SIGN:
            return None
        sign = self._pieces[index]
        operand = self._operand_after(index)
        if sign.text not in signs or operand is None:
            return None
        spoken = {one.text for one in self._pieces[self._at : index]}
        fillers = {one.text for one in self._pieces[index + 1 : operand]}
        self._doubtful |= not (fillers <= words.FILLERS and words.CONNECTIVES.isdisjoint(spoken))
        self._signs += sign.text
        self._at = operand
        return sign

    def _implied_product(self, index: int) -> bool:
        """Tell whether a bracket is glued to the operand before it, as in 2(3 + 4)."""
        return index in self._pairs and glued(self._pieces[index - 1], self._pieces[index])

    def _operand_after(self, sign_index: int) -> int | None:
        """Return where the operand of a sign starts, or None if the sign is only a dash."""
        sign = self._pieces[sign_index]
        index = sign_index + 1
        stop = min(index + _FILLERS_MAX, len(self._pieces))
        while index < stop and self._pieces[index].kind is Kind.WORD:
            # "5 apples - he then bought 3": a dash before a word is punctuation.
            if sign.text == "-" and self._pieces[index].text not in words.DETERMINERS:
                return None
            index += 1
        signed = self._peek(index - self._at).text == "+"  # "5 * +3" is odd, "5 * -3" is not
        if index < len(self._pieces) and not signed and starts(self._pieces, index, self._pairs):
            return index
        return None

    def _fraction(self, *, tight: bool = False) -> Fraction | None:
        above, bar, below = (self._peek(ahead) for ahead in range(3))
        kinds = (above.kind, bar.kind, below.kind)
        whole = kinds == (Kind.NUMBER, Kind.SIGN, Kind.NUMBER) and bar.text == "/"
        close = glued(above, bar) and glued(bar, below)
        if not (whole and below.value and (close or not tight)):
            return None
        self._at += 3
        self._operands += 2
        return above.value / below.value

    def _factor(self, depth: int) -> Fraction:
        if depth > DEPTH_MAX:
            raise Unreadable
        sign = self._peek()
        if _is_prefix(sign) and glued(sign, self._peek(1)):
            self._at += 1
            operand = self._factor(depth + 1)
            return operand if sign.text == "+" else -operand
        base = self._primary(depth)
        if self._peek().kind is Kind.PERCENT:
            self._at += 1
            if not self._reading.plain_percent:
                base /= 100
                self._decimals += 2
                self._is_percent = True
        if self._peek().kind is Kind.MONEY:
            self._at += 1
        if self._leading is None:
            self._leading = base
        if self._peek().kind in _UNKNOWN or self._peek().text in words.COUNTING:
            self._doubtful = True
        if self._peek().kind is Kind.SIGN and self._peek().text == "^":
            self._at += 1
            self._signs += "^"
            exponent = self._factor(depth + 1)
            self._divides = False
            return _power(base, exponent)
        return base

    def _primary(self, depth: int) -> Fraction:
        if self._peek().kind is Kind.MONEY:
            self._at += 1
        piece = self._peek()
        if piece.kind is Kind.NUMBER:
            return self._number(piece)
        if piece.text == "-" and glued(piece, self._peek(1)):  # "$-5"
            return self._factor(depth + 1)
        if piece.kind is Kind.FRACTION:
            self._at += 1
            self._signs += "/"
            above, below = self._group(depth), self._group(depth)
            if not below:
                raise Unreadable
            self._divides = True
            return above / below
        return self._group(depth)

    def _group(self, depth: int) -> Fraction:
        close = self._pairs.get(self._at)
        if close is None:
            raise Unreadable
        self._at += 1
        self._skip_words(close)
        value = self._sum(depth + 1)
        self._skip_words(close)
        if self._at != close:
            raise Unreadable
        self._at += 1
        return value

    def _skip_words(self, stop: int) -> None:
        while self._at < stop and self._pieces[self._at].kind is Kind.WORD:
            self._at += 1

    def _number(self, piece: Lexeme) -> Fraction:
        self._at += 1
        self._operands += 1
        if self._operands > OPERANDS_MAX:
            raise Unreadable
        self._decimals = piece.decimals
        value = piece.value + (self._rest_of_mixed(piece) or 0)
        if self._reading.endless_thirds:
            in_all = 100 if self._peek().kind is Kind.PERCENT else 1
            value = in_all * _with_thirds(value / in_all, piece.decimals + 2 * (in_all > 1))
        if self._reading.converted:
            value *= self._size_of_unit()
        if self._reading.scaling_words:
            value *= words.SCALING.get(self._peek().text, 1)
        return value

    def _size_of_unit(self) -> int:
        """Return the size of the unit beside the number that was just read."""
        start = self._at - 2
        before = self._pieces[start] if start >= self._first else NOTHING
        for unit in (self._peek(), before):
            if unit.text in words.MEASURES:
                return words.MEASURES[unit.text][1]
        self._has_all_units = False
        return 1

    def _rest_of_mixed(self, whole: Lexeme) -> Fraction | None:
        """Read on from a whole number to the fraction of `2 1/2` or `2 and 1/2`."""
        start = self._at
        if self._peek().text == "and":
            self._at += 1
        above, below = self._peek(), self._peek(2)
        proper = above.kind is Kind.NUMBER and above.value < below.value
        part = None
        if proper and not whole.decimals and not glued(whole, above):
            part = self._fraction(tight=True)
        if part is None:
            self._at = start
        else:
            self._signs += "+/"
        return part


def _capped(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > BITS_MAX:
        raise Unreadable
    return value


def _with_thirds(value: Fraction, decimals: int) -> Fraction:
    """Return the third or two thirds that a number is cut off or rounded from, else itself."""
    near = round(value * 3) / Fraction(3)
    excess = (value - near) * 10**decimals
    is_cut = decimals > 1 and near.denominator > 1 and -1 < excess <= Fraction(1, 2)
    return near if is_cut else value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or not 0 <= exponent <= EXPONENT_MAX:
        raise Unreadable
    return _capped(base**exponent.numerator)
