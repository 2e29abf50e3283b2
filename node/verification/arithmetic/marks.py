"""Calculator marks such as `<<48/2=24>>`: equations beside the text, and no part of it."""

from node.verification.arithmetic.lexemes import Kind, Lexeme

OPENING, CLOSING = "<<", ">>"


def set_apart(found: list[Lexeme]) -> list[list[Lexeme]]:
    """Return the pieces of the text without its marks, then those of each mark."""
    text: list[Lexeme] = []
    marks: list[list[Lexeme]] = []
    opened: int | None = None
    for piece in found:
        text.append(piece)
        if piece.kind is not Kind.STOP:
            continue
        if piece.text == OPENING:
            opened = len(text) - 1
        elif piece.text == CLOSING and opened is not None:
            marks.append(text[opened + 1 : -1])
            del text[opened:]
            opened = None
    return [text, *marks]
