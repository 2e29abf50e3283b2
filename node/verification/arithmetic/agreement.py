"""Whether two sides are equal, or one is the other as people round and convert.

It knows two sides as they were read, and nothing of the words around them.
"""

from fractions import Fraction

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.lexemes import Lexeme
from node.verification.arithmetic.sides import Side

MONEY_DECIMALS = 2
"""A sum or product may be rounded to cents, and no coarser: 2.4 + 2.4 is not 5."""


def agree(left: Side, equal: Lexeme, right: Side) -> bool:
    """Tell whether two sides whose values are known are equal."""
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
