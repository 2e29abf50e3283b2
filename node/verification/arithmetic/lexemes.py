"""Text to the pieces that arithmetic is made of, each with its place in the text.

One pass, linear in the length of the text. It knows how numbers and signs are written, and
nothing of what they come to. What looks like a number and is none of the known forms (3:30,
1.2.3, x2, a hundred digits) becomes an `OPAQUE` piece: whatever it is in cannot be read.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction

from node.verification.arithmetic import vocabulary as words

DIGITS_MAX = 24
"""Longer numbers are not read. Grade-school ones have 12 digits at most."""


class Kind(Enum):
    """What a piece of text is to arithmetic."""

    NUMBER = auto()
    SIGN = auto()
    OPEN = auto()
    CLOSE = auto()
    EQUALS = auto()
    PERCENT = auto()
    MONEY = auto()
    WORD = auto()
    LETTER = auto()
    FRACTION = auto()
    STOP = auto()
    OPAQUE = auto()


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One piece.

    Args:
        kind: What it is.
        start: Its first character.
        end: The character after its last.
        text: A sign in ASCII, a word in lower case, else as written.
        value: What a number is worth.
        decimals: How many decimals a number was written with.
    """

    kind: Kind
    start: int
    end: int
    text: str
    value: Fraction = Fraction(0)
    decimals: int = 0


_PIECE = re.compile(
    r"(?P<newline>\n)"
    # Characters that show nothing take no part, so that none can break a number in two.
    r"|(?P<blank>(?:[^\S\n]|[\x00-\x09\x0b-\x1f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff])+)"
    r"|(?P<number>\.?\d[\d.,]*)"
    r"|(?P<word>[^\W\d_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}][^\W\d_]+)*)"
    r"|(?P<latex>\\[A-Za-z]+)"
    r"|(?P<escape>\\.)"
    r"|(?P<power>\*\*)"
    r"|(?P<arrow>[-=]>|[<>!:]=|==+)"
    r"|(?P<sign>.)",
    re.DOTALL,
)
_NUMBER = re.compile(r"(?P<whole>\d*|\d{1,3}(?:,\d{3})+)(?:\.(?P<decimals>\d+))?")
_SPACED_THOUSANDS = re.compile(
    # An ordinary blank may also part two numbers; before three noughts it never does.
    "\\d{1,3}(?:[\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]\\d{3}|(?: \\d{3})* 000)+(?![\\d.,]\\d)"
)
_LOOSE_THOUSANDS = re.compile(r", \d{3}(?!\d)")
_ELLIPSIS = re.compile(r"\.{2,}")
_SENTENCE_GOES_ON = re.compile(r"\s*[=+*/^)\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}-]")
_LINE_GOES_ON = re.compile(r"\s*&?=")
_LISTED = re.compile(r"[-*+\N{EN DASH}\N{BULLET}]\s")


def lexemes(text: str) -> list[Lexeme]:
    """Cut a text into pieces, in order; blanks and ornaments are left out."""
    found: list[Lexeme] = []
    at = 0
    while at < len(text):
        piece = _piece(text, at)
        if piece is None:
            matched = _PIECE.match(text, at)
            assert matched is not None
            at = matched.end()
        else:
            found.append(piece)
            at = piece.end
    return found


def _piece(text: str, at: int) -> Lexeme | None:
    """Return the piece that starts here, or None for what counts as blank."""
    if _LISTED.match(text, at) and not text[text.rfind("\n", 0, at) + 1 : at].strip():
        return Lexeme(Kind.STOP, at, at + 1, "\n")
    matched = _PIECE.match(text, at)
    assert matched is not None
    form, start, end, raw = matched.lastgroup, at, matched.end(), matched.group()
    if form == "number":
        return _number(text, start, raw)
    if form == "word":
        return _word(text, start, end)
    if form == "latex":
        return _latex(start, end, raw[1:])
    if form == "escape":
        return _sign(text, start, end, raw[1]) if raw[1] in "$%{}" else _stop(start, end, raw)
    if form == "newline":
        return None if _LINE_GOES_ON.match(text, end) else _stop(start, end, raw)
    if form == "power":
        return _power(text, start, end)
    if form == "arrow":
        return Lexeme(Kind.EQUALS, start, end, "=") if raw[:2] == "==" else _stop(start, end, raw)
    return _sign(text, start, end, raw) if form == "sign" else None


def _number(text: str, start: int, raw: str) -> Lexeme:
    spaced = _SPACED_THOUSANDS.match(text, start)
    if spaced is not None:
        digits = "".join(filter(str.isdecimal, spaced.group()))
        return Lexeme(Kind.NUMBER, start, spaced.end(), digits, Fraction(int(digits)))
    raw = raw.rstrip(".,")
    end = start + len(raw)
    form = _NUMBER.fullmatch(raw)
    endless = _ELLIPSIS.match(text, end)  # "8.333...%"
    end = endless.end() if endless else end
    if form is None or len(raw) > DIGITS_MAX:
        return Lexeme(Kind.OPAQUE, start, end, raw[:DIGITS_MAX])
    decimals = form["decimals"] or ""
    whole = form["whole"].replace(",", "") or "0"
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    return Lexeme(Kind.NUMBER, start, end, raw, value, len(decimals))


def _word(text: str, start: int, end: int) -> Lexeme:
    word = text[start:end].lower()
    if end < len(text) and text[end].isdecimal() and word != "x":
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        return Lexeme(Kind.OPAQUE, start, end, text[start:end])
    if word in words.EQUAL_WORDS:
        return Lexeme(Kind.EQUALS, start, end, "=")
    if word in words.PERCENT_WORDS:
        return Lexeme(Kind.PERCENT, start, end, "%")
    return Lexeme(Kind.WORD, start, end, word)


def _latex(start: int, end: int, command: str) -> Lexeme | None:
    if command in words.FRACTIONS:
        return Lexeme(Kind.FRACTION, start, end, command)
    meant = words.LATEX.get(command)
    if meant is None:
        return Lexeme(Kind.OPAQUE, start, end, command)
    if meant in words.ABOUT:
        return Lexeme(Kind.EQUALS, start, end, "~")
    return None if meant == " " else Lexeme(Kind.SIGN, start, end, meant)


def _power(text: str, start: int, end: int) -> Lexeme | None:
    """Tell `2**3` and `2 ** 3` from the emphasis of `**24**`, which is blank."""
    before, after = text[start - 1 : start], text[end : end + 1]
    power = before == after == " " or (before[:1].isalnum() and after[:1].isalnum())
    return Lexeme(Kind.SIGN, start, end, "^") if power else None


def _sign(text: str, start: int, end: int, sign: str) -> Lexeme | None:  # noqa: PLR0911 - a table of kinds
    if sign in words.ORNAMENTS:
        return None
    if sign in words.EQUAL or sign in words.ABOUT:
        return Lexeme(Kind.EQUALS, start, end, "=" if sign in words.EQUAL else "~")
    if sign in words.SIGNS:
        return Lexeme(Kind.SIGN, start, end, words.SIGNS[sign])
    if sign in words.VULGAR:
        return Lexeme(Kind.NUMBER, start, end, sign, words.VULGAR[sign])
    if sign in words.SUPERSCRIPTS:
        return Lexeme(Kind.SIGN, start, end, "^", Fraction(words.SUPERSCRIPTS[sign]))
    if sign in words.OPENING or sign in words.CLOSING:
        return Lexeme(Kind.OPEN if sign in words.OPENING else Kind.CLOSE, start, end, sign)
    if sign in words.PERCENT:
        return Lexeme(Kind.PERCENT, start, end, "%")
    if sign in words.STOPS:
        return _stop_sign(text, start, end, sign)
    return _other(start, end, sign)


def _stop_sign(text: str, start: int, end: int, sign: str) -> Lexeme | None:
    if sign == ":" and text[start - 1 : start].isdecimal() and text[end : end + 1].isdecimal():
        return Lexeme(Kind.OPAQUE, start, end, sign)  # a time or a ratio
    if sign == "," and text[start - 1 : start].isdecimal() and _LOOSE_THOUSANDS.match(text, start):
        return Lexeme(Kind.OPAQUE, start, end, sign)  # "14, 400" may be one number
    if sign == "." and _SENTENCE_GOES_ON.match(text, end):
        return None  # an abbreviated unit: "5 lbs. + 3 lbs."
    return _stop(start, end, sign)


def _other(start: int, end: int, sign: str) -> Lexeme:
    category = unicodedata.category(sign)
    if category == "Sc":
        return Lexeme(Kind.MONEY, start, end, sign)
    # Letters and pictures are words; a mathematical sign that is not known may mean anything.
    opaque = category in {"Sm", "No", "Nl"}
    return Lexeme(Kind.OPAQUE if opaque else Kind.WORD, start, end, sign)


def _stop(start: int, end: int, raw: str) -> Lexeme:
    return Lexeme(Kind.STOP, start, end, raw)
