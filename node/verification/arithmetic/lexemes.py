"""Text to the pieces that arithmetic is made of, each with its place in the text.

One pass, linear in the length of the text. It knows how numbers and signs are written, and
nothing of what they come to. What looks like a number and is none of the known forms (3:30,
1.2.3, x2, a hundred digits) becomes an `OPAQUE` piece: whatever it is in cannot be read.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, auto
from fractions import Fraction

from node.verification.arithmetic import vocabulary as words

DIGITS_MAX = 24
"""Longer numbers are not read; the longest of GSM8K has 10."""


class Kind(IntEnum):  # whose hash, asked for at each piece, is that of a number
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
    """The name of an unknown."""
    FRACTION = auto()
    """A command of LaTeX, before two groups in braces."""
    STOP = auto()
    """The end of a sentence, clause or line: no expression goes across it."""
    OPAQUE = auto()


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One piece.

    Args:
        kind: What it is.
        start: Its first character.
        end: The character after its last.
        text: A sign in ASCII, a word in lower case, else as written.
        value: What a number is worth, or the exponent that a superscript is.
        decimals: How many decimals a number was written with.
    """

    kind: Kind
    start: int
    end: int
    text: str
    value: Fraction = Fraction(0)
    decimals: int = 0


NOTHING = Lexeme(Kind.STOP, -1, -1, "")
"""Beside the first piece and the last."""

# `\w` takes in fractions and raised digits of one character, which are no letters.
_NO_LETTERS = "".join(words.VULGAR) + "\xb2\xb3\xb9\u2070-\u208e"
_LETTERS = rf"[^\W\d_{_NO_LETTERS}]+"
_APOSTROPHE = "'\N{RIGHT SINGLE QUOTATION MARK}"
# What shows nothing takes no part, so that it cannot break a number or a word in two.
_UNSEEN = r"\x00-\x09\x0b-\x1f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_PIECE = re.compile(
    r"(?P<newline>\n)"
    rf"|(?P<blank>(?:[^\S\n]|[{_UNSEEN}])+)"
    r"|(?P<number>\.?\d[\d.,]*)"
    rf"|(?P<word>{_LETTERS}(?:[{_APOSTROPHE}-]{_LETTERS})*)"
    r"|(?P<latex>\\[A-Za-z]+)"
    r"|(?P<escape>\\.)"
    r"|(?P<power>\*\*)"
    r"|(?P<tag></?(?:b|i|u|em|strong|code|span)>)"
    r"|(?P<arrow>[-=]>|[<>!:]=|==+|<<|>>)"
    r"|(?P<sign>.)",
    re.DOTALL,
)
_NUMBER = re.compile(r"(?P<whole>\d*|\d{1,3}(?:,\d{3})+)(?:\.(?P<decimals>\d+))?")
_CODE = re.compile(r"0\d")
"""0730 is a time of day and 007 a name."""
_NARROW = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
_SPACED_THOUSANDS = re.compile(
    # An ordinary blank may also part two numbers, but never one from three noughts.
    rf"\d{{1,3}}(?:(?:[{_NARROW}]\d{{3}})+|(?: \d{{3}})* 000(?: \d{{3}})*)(?![.,]?\d)"
)
_LOOSE_THOUSANDS = re.compile(r", \d{3}(?!\d)")
_RATIO = re.compile(r"\d(?::| : )\d")
_SUBSCRIPT = re.compile(r"_[\w{]")
_ELLIPSIS = re.compile(r"\.{2,}")
_SENTENCE_GOES_ON = re.compile(r"\s{0,8}[=+*/^)\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}-]")
_LINE_GOES_ON = re.compile(r"\s{0,8}&?=")
_BULLET = re.compile(r"[-*+\N{EN DASH}\N{BULLET}]\s")


def lexemes(text: str) -> list[Lexeme]:
    """Cut a text into pieces, in order; blanks and ornaments are left out."""
    found: list[Lexeme] = []
    at = 0
    line_starts = True
    while at < len(text):
        matched = _PIECE.match(text, at)
        assert matched is not None
        assert matched.lastgroup is not None
        if line_starts and _BULLET.match(text, at):
            piece: Lexeme | None = Lexeme(Kind.STOP, at, at + 1, text[at])
        else:
            piece = _READ[matched.lastgroup](text, at, matched.end())
        line_starts = matched.lastgroup == "newline" or (
            line_starts and matched.lastgroup == "blank"
        )
        at = piece.end if piece else matched.end()
        if piece:
            found.append(piece)
    return found


def _blank(_text: str, _start: int, _end: int) -> None:
    return None


def _newline(text: str, start: int, end: int) -> Lexeme | None:
    return None if _LINE_GOES_ON.match(text, end) else Lexeme(Kind.STOP, start, end, "\n")


def _number(text: str, start: int, end: int) -> Lexeme:
    spaced = _SPACED_THOUSANDS.match(text, start, start + 2 * DIGITS_MAX)
    if spaced is not None and len(spaced.group()) <= DIGITS_MAX:
        digits = "".join(filter(str.isdecimal, spaced.group()))
        return Lexeme(Kind.NUMBER, start, spaced.end(), digits, Fraction(int(digits)))
    written = text[start:end].rstrip(".,")
    end = start + len(written)
    endless = _ELLIPSIS.match(text, end)  # "8.333..."
    form = _NUMBER.fullmatch(written) if len(written) <= DIGITS_MAX else None
    if form is None or _CODE.match(written):
        return Lexeme(Kind.OPAQUE, start, end, "")
    decimals = form["decimals"] or ""
    whole = form["whole"].replace(",", "") or "0"
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    end = endless.end() if endless else end
    return Lexeme(Kind.NUMBER, start, end, written, value, len(decimals))


def _word(text: str, start: int, end: int) -> Lexeme:
    word = text[start:end].lower()
    if text[end : end + 1].isdecimal() and word not in words.CROSSES:
        while end < len(text) and text[end].isalnum():
            end += 1
        return Lexeme(Kind.OPAQUE, start, end, "")
    if not word.isalpha() and any(letter.isnumeric() for letter in word):
        return Lexeme(Kind.OPAQUE, start, end, "")  # numerals of one character
    if word in words.CROSSES:
        return Lexeme(Kind.WORD, start, end, "x")
    if word in words.EQUAL_WORDS:
        return Lexeme(Kind.EQUALS, start, end, "equals")
    if word in words.PERCENT_WORDS:
        return Lexeme(Kind.PERCENT, start, end, "%")
    # "a-b" and "a_1" are names of unknowns.
    unknowns = "-" in word and all(len(part) == 1 for part in word.split("-"))
    unknowns |= _SUBSCRIPT.match(text, end) is not None
    return Lexeme(Kind.LETTER if unknowns else Kind.WORD, start, end, word)


def _latex(text: str, start: int, end: int) -> Lexeme | None:
    command = text[start + 1 : end]
    if command in words.FRACTIONS:
        return Lexeme(Kind.FRACTION, start, end, command)
    meant = words.LATEX.get(command)
    if meant is None:
        return Lexeme(Kind.OPAQUE, start, end, command)
    if meant in words.ABOUT:
        return Lexeme(Kind.EQUALS, start, end, "~")
    if meant in words.EQUAL:
        return Lexeme(Kind.EQUALS, start, end, "=")
    if meant in words.ARROWS:
        return Lexeme(Kind.STOP, start, end, "=>")
    return Lexeme(Kind.SIGN, start, end, meant) if meant else None


def _escape(text: str, start: int, end: int) -> Lexeme | None:
    if text[end - 1] in "$%{}":
        return _sign(text, end - 1, end)
    if text[end - 1] in "(),;:! ":
        return None  # the borders of a formula within a line, and blanks in it
    return Lexeme(Kind.STOP, start, end, "")  # the borders of a formula of its own, and its lines


def _power(text: str, start: int, end: int) -> Lexeme | None:
    """Tell `2**3` and `2 ** 3` from the emphasis of `**24**`, which is blank."""
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    power = before == after == " " or (before.isalnum() and after.isalnum())
    return Lexeme(Kind.SIGN, start, end, "^") if power else None


def _arrow(text: str, start: int, end: int) -> Lexeme:
    written = text[start:end]
    if written == ":=" or written.startswith("=="):
        return Lexeme(Kind.EQUALS, start, end, "=")
    return Lexeme(Kind.STOP, start, end, "=>" if written in words.ARROWS else written)


def _sign(text: str, start: int, end: int) -> Lexeme | None:
    sign = text[start]
    if sign in words.ORNAMENTS:
        return None
    if sign in words.STOPS:
        return _stop(text, start, end)
    known = _KNOWN_SIGNS.get(sign)
    if known is not None:
        kind, meant, value = known
        return Lexeme(kind, start, end, meant, value)
    return _other(text, start, end)


def _stop(text: str, start: int, end: int) -> Lexeme | None:
    sign = text[start]
    dots = _ELLIPSIS.match(text, start)
    if dots and {text[start - 1 : start], text[dots.end() : dots.end() + 1]} & words.SIGNS.keys():
        return Lexeme(Kind.OPAQUE, start, dots.end(), "...")  # what a series leaves out
    after_digit = start > 0 and text[start - 1].isdecimal()
    if sign == ":" and _RATIO.match(
        text, start - 2 if text[start - 1 : start] == " " else start - 1
    ):
        return Lexeme(Kind.OPAQUE, start, end, sign)  # a time of day or a ratio
    if sign == "," and after_digit and _LOOSE_THOUSANDS.match(text, start):
        return Lexeme(Kind.OPAQUE, start, end, sign)  # "14, 400" may be one number
    if sign == "." and _SENTENCE_GOES_ON.match(text, end):
        return None  # an abbreviated unit: "5 lbs. + 3 lbs."
    broken = (
        sign == "." and text[max(0, start - 2) : start].rstrip(" ")[-1:] in words.SIGNS
    )  # "+ . 84"
    return Lexeme(Kind.OPAQUE if broken else Kind.STOP, start, end, sign)


def _other(text: str, start: int, end: int) -> Lexeme:
    category = unicodedata.category(text[start])
    if category == "Sc":
        return Lexeme(Kind.MONEY, start, end, text[start])
    # Pictures are words; a mathematical sign that is not known may mean anything.
    opaque = category in {"Sm", "No", "Nl"}
    return Lexeme(Kind.OPAQUE if opaque else Kind.WORD, start, end, text[start])


_KNOWN_SIGNS = {
    **{sign: (Kind.SIGN, meant, Fraction(0)) for sign, meant in words.SIGNS.items()},
    **{sign: (Kind.SIGN, "^", Fraction(power)) for sign, power in words.SUPERSCRIPTS.items()},
    **{sign: (Kind.NUMBER, sign, value) for sign, value in words.VULGAR.items()},
    **dict.fromkeys(words.EQUAL, (Kind.EQUALS, "=", Fraction(0))),
    **dict.fromkeys(words.ARROWS, (Kind.STOP, "=>", Fraction(0))),
    **dict.fromkeys(words.ABOUT, (Kind.EQUALS, "~", Fraction(0))),
    **dict.fromkeys(words.OPENING, (Kind.OPEN, "(", Fraction(0))),
    **dict.fromkeys(words.CLOSING, (Kind.CLOSE, ")", Fraction(0))),
    **dict.fromkeys(words.PERCENT, (Kind.PERCENT, "%", Fraction(0))),
}
_READ: dict[str, Callable[[str, int, int], Lexeme | None]] = {
    "newline": _newline,
    "blank": _blank,
    "tag": _blank,
    "number": _number,
    "word": _word,
    "latex": _latex,
    "escape": _escape,
    "power": _power,
    "arrow": _arrow,
    "sign": _sign,
}
"""How each form of a piece is read."""
