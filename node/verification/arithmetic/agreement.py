"""Whether two sides are equal, or one is the other as people round and convert.

It knows two sides as they were read, and nothing of the words around them.
"""

from fractions import Fraction

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.lexemes import Kind, Lexeme
from node.verification.arithmetic.sides import Side

MONEY_DECIMALS = 2
"""A sum or product may be rounded to cents, and no coarser: 2.4 + 2.4 is not 5."""


def agree(left: Side, equal: Lexeme, right: Side) -> bool:
    """Tell whether two sides whose values are known are equal."""
    assert left.value is not None
    assert right.value is not None
    if right.measures and mixes_units(left, right):
        return converts(left, right)
    running = right.expression.leading if right.goes_on else None
    if left.value in {right.value, running}:
        return True  # the latter in a running total: "7 * 60 = 420 + 23 = 443"
    if converts(left, right) and not _converts_itself(left, right):
        return True
    if _rounded(left, right) or _rounded(right, left):
        return True
    return is_about(left, equal, right) and 4 * abs(left.value - right.value) <= abs(right.value)


def is_about(left: Side, equal: Lexeme, right: Side) -> bool:
    """Tell whether the right side is said to be about the left one, and is it when rounded."""
    assert left.value is not None
    assert right.value is not None
    loosely = equal.text == "~" or any(one.text in words.APPROXIMATE for one in right.gap)
    return loosely and 2 * abs(left.value - right.value) <= _last_digit_worth(right)


def mixes_units(left: Side, right: Side) -> bool:
    """Tell whether pounds are added to ounces: the numbers alone then say nothing."""
    signs = set(left.expression.signs + right.expression.signs)
    scales = [scale for scale, _ in left.measures | right.measures]
    return signs <= {"+", "-"} and len(scales) != len(set(scales))


def converts(left: Side, right: Side) -> bool:
    """Tell whether one side is the other in another unit: "2 hours = 120 minutes"."""
    assert left.value is not None
    assert right.value is not None
    if not len(left.measures) == len(right.measures) == 1:
        return False
    (scale, size), (other_scale, other_size) = *left.measures, *right.measures
    return scale == other_scale and left.value * size == right.value * other_size


def _converts_itself(left: Side, right: Side) -> bool:
    """Tell whether the left side may have converted already: "5 hours * 60 = 300 minutes"."""
    ((_, size),), ((_, other_size),) = left.measures, right.measures
    factors = {Fraction(size, other_size), Fraction(other_size, size)}
    return any(one.value in factors for one in left.own if one.kind is Kind.NUMBER)


def _rounded(exact: Side, written: Side) -> bool:
    """Tell whether a bare number is the other side's value at its own number of decimals.

    Only what a division leaves over is cut off or rounded to a whole number ("50 / 3 = 16"),
    and only beyond 1: neither of "3/4 = 0" and "3/4 = 1" is what people write.
    """
    decimals = written.expression.decimals
    assert exact.value is not None
    assert written.value is not None
    if decimals is None:
        return False
    divides = "/" in exact.expression.signs
    if decimals == 0:
        divides = exact.expression.divides and abs(exact.value) > 1
    shown = decimals - 2 * written.expression.is_percent
    if not (divides or shown >= MONEY_DECIMALS):
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
