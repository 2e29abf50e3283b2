"""Which stops are none: those beside an equals sign, and perhaps a line end in a sum.

A line that begins with "- 7" may go on a sum or be an item of a list; nobody can tell by its
form, so that both are tried. It knows the order of the pieces and no values.
"""

from dataclasses import replace

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.lexemes import NOTHING, Kind, Lexeme
from node.verification.arithmetic.neighbours import OPERAND_ENDS, OPERAND_STARTS, glued

_NUMBER_ENDS = frozenset({Kind.NUMBER, Kind.CLOSE, Kind.PERCENT})


def read_on(found: list[Lexeme]) -> list[Lexeme]:
    """Leave out the stops beside equals signs: "12 + 7: = 19", or a result on the next line."""
    done: list[Lexeme] = []
    for piece in found:
        before, last = (NOTHING, NOTHING, *done[-2:])[-2:]
        if last.kind is Kind.EQUALS and piece.kind is Kind.STOP and piece.text in {"\n", ":"}:
            continue
        if piece.kind is Kind.EQUALS and _is_pause(last) and before.kind in _NUMBER_ENDS:
            done.pop()
        done.append(piece)
    return done


def with_sums_joined(found: list[Lexeme]) -> list[Lexeme] | None:
    """Leave out the line ends that a sum may go across; None if there are none."""
    done: list[Lexeme] = []
    joined = False
    for index, piece in enumerate(found):
        if _ends_line(piece) and _goes_on(done[-2:], found[index + 1 : index + 3]):
            joined = True
            continue
        # After such a line end, what looked like the mark of a list is a sign.
        begins = joined and _ends_line(found[index - 1]) and not _ends_line(done[-1])
        done.append(_as_sign(piece) if begins else piece)
    return done if joined else None


def _is_pause(piece: Lexeme) -> bool:
    return piece.kind is Kind.STOP and piece.text in {",", ":", ";"}


def _ends_line(piece: Lexeme) -> bool:
    return piece.kind is Kind.STOP and piece.text == "\n"


def _goes_on(behind: list[Lexeme], ahead: list[Lexeme]) -> bool:
    """Tell whether one line ends, or the next begins, with the sign of a sum."""
    before, last = (NOTHING, NOTHING, *behind)[-2:]
    following, operand = (*ahead, NOTHING, NOTHING)[:2]
    unknown = last.kind is Kind.WORD and glued(before, last)  # "3x"
    ends = before.kind in OPERAND_ENDS and _is_sign(last) and following.kind in OPERAND_STARTS
    begins = last.kind in OPERAND_ENDS and _is_sign(following) and operand.kind in OPERAND_STARTS
    return begins or (ends and not unknown)


def _is_sign(piece: Lexeme) -> bool:
    return _as_sign(piece).kind is Kind.SIGN


def _as_sign(piece: Lexeme) -> Lexeme:
    """Return a cross or the mark of a list as the sign that it may be."""
    if piece.kind is Kind.WORD and piece.text == "x":
        return replace(piece, kind=Kind.SIGN, text="*")
    if piece.kind is Kind.STOP and piece.text in words.SIGNS:
        return replace(piece, kind=Kind.SIGN, text=words.SIGNS[piece.text])
    return piece
