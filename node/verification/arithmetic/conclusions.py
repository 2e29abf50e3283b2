"""Whether an answer is a number that its working ever comes to.

Denied only where the working computes something and was read whole; words that may stand for
a number ("half", "a dozen") leave it open. It knows texts, and nothing of what is right.
"""

from collections.abc import Sequence
from fractions import Fraction

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.equations import Equation, Truth
from node.verification.arithmetic.lexemes import Kind, Lexeme, lexemes
from node.verification.arithmetic.neighbours import settled

_SCALES = frozenset({Fraction(1), Fraction(100), Fraction(1, 100)})
"""A quarter of a dollar is 25 cents, and a half is 50 percent."""
_NUMERALS = words.COUNTING | words.SHARES | words.FEW | words.HALF_DAYS
_BARE = frozenset({Kind.NUMBER, Kind.MONEY, Kind.PERCENT, Kind.WORD})


def from_nowhere(working: str, found: Sequence[Equation], answer: str) -> Fraction | None:
    """Return the number of an answer that its working never names, else None.

    None is also the answer where nobody can say: the working computes nothing, holds what
    could not be read, or the answer is no plain number. Signs are left out of account, and so
    are cents, percent, units of one scale and what is rounded to a whole number. Time is
    linear in the length.

    Args:
        working: All that leads up to the answer.
        found: Its equations.
        answer: What is said to follow.
    """
    number = _plain(answer)
    pieces = settled(lexemes(working))
    if number is None or not _is_read_whole(pieces, found):
        return None
    named = {abs(piece.value) for piece in pieces if piece.kind is Kind.NUMBER}
    for equation in found:
        named |= {abs(side) for side in (equation.written, equation.expected) if side is not None}
    if any(number * scale in named for scale in _SCALES | _ratios(pieces)):
        return None
    rounded = (value for value in named if value.denominator != 1)
    return None if any(abs(value - number) < 1 for value in rounded) else number


def _ratios(pieces: Sequence[Lexeme]) -> set[Fraction]:
    """Return by what the units that are named differ from the others of their scales."""
    scales = {words.MEASURES[one.text][0] for one in pieces if one.text in words.MEASURES}
    sizes = [
        {size for scale, size in words.MEASURES.values() if scale == which} for which in scales
    ]
    return {Fraction(one, other) for each in sizes for one in each for other in each}


def _plain(answer: str) -> Fraction | None:
    """Return the size of the one number that an answer is, with its unit if it has one."""
    pieces = [piece for piece in lexemes(answer) if (piece.kind, piece.text) != (Kind.SIGN, "-")]
    numbers = [abs(piece.value) for piece in pieces if piece.kind is Kind.NUMBER]
    is_plain = all(piece.kind in _BARE and piece.text not in _NUMERALS for piece in pieces)
    return numbers[0] if len(numbers) == 1 and is_plain else None


def _is_read_whole(pieces: Sequence[Lexeme], found: Sequence[Equation]) -> bool:
    """Tell whether something was computed, and nothing is left that may be a number."""
    computes = any(one.truth is Truth.RIGHT and one.written is not None for one in found)
    unread = any(one.truth is Truth.UNREAD for one in found)
    doubtful = any(one.kind is Kind.OPAQUE or one.text in _NUMERALS for one in pieces)
    return computes and not unread and not doubtful
