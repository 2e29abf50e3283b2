"""Every maximal expression in a stretch of text, and which brackets are only remarks.

It knows where an expression may begin and end, and nothing of what it is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.verification.arithmetic.expressions import Expression, Parser, Reading, Unreadable, starts
from node.verification.arithmetic.lexemes import NOTHING, Kind, Lexeme
from node.verification.arithmetic.neighbours import glued

_NUMERALS = frozenset({Kind.NUMBER, Kind.OPAQUE, Kind.FRACTION})
_AS_WRITTEN = Reading()


@dataclass(frozen=True, slots=True)
class Stretch:
    """What stands between two stops or equals signs.

    Args:
        pieces: In order; remarks in brackets have become words.
        found: The expressions in it, in order.
    """

    pieces: Sequence[Lexeme]
    found: Sequence[Expression]

    @classmethod
    def read(cls, pieces: Sequence[Lexeme], reading: Reading = _AS_WRITTEN) -> "Stretch":
        """Find all expressions among pieces without stops and equals signs."""
        pieces, pairs = _bracketed(pieces)
        return cls(pieces, _expressions(pieces, pairs, reading))


def _expressions(
    pieces: Sequence[Lexeme], pairs: dict[int, int], reading: Reading
) -> list[Expression]:
    found = []
    at = 0
    while at < len(pieces):
        if not starts(pieces, at, pairs):
            at += 1
            continue
        parser = Parser(pieces, pairs, at, reading)
        try:
            expression = parser.expression()
        except Unreadable:
            # Never to be read again, or long texts would cost the square of their length.
            expression = Expression(at, max(at, pairs.get(at, at), parser.reached), value=None)
        found.append(expression)
        at = expression.last + 1
    return found


def _bracketed(pieces: Sequence[Lexeme]) -> tuple[list[Lexeme], dict[int, int]]:
    """Pair the brackets; make words of those pairs that hold no numeral."""
    pairs: dict[int, int] = {}
    remarks: dict[int, int] = {}
    opened: list[tuple[int, int]] = []
    numerals = 0
    for index, piece in enumerate(pieces):
        numerals += piece.kind in _NUMERALS
        if piece.kind is Kind.OPEN:
            opened.append((index, numerals))
        elif piece.kind is Kind.CLOSE and opened:
            start, before = opened.pop()
            (pairs if numerals > before else remarks)[start] = index
    return _with_words(pieces, remarks), pairs


def _with_words(pieces: Sequence[Lexeme], remarks: dict[int, int]) -> list[Lexeme]:
    """Make words of the remarks; one glued to a number, as `2(Number of boxes)`, is an unknown."""
    done = list(pieces)
    inside_until, kind = -1, Kind.WORD
    for index, piece in enumerate(pieces):
        if index > inside_until and index in remarks:
            before = pieces[index - 1] if index else NOTHING
            unknown = before.kind is Kind.NUMBER and glued(before, piece)
            inside_until, kind = remarks[index], Kind.LETTER if unknown else Kind.WORD
        if index <= inside_until:
            done[index] = replace(piece, kind=kind)
    return done
