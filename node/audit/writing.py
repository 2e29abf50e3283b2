"""Strangers' texts made fit to be shown, and numbers to be written."""

import math
import unicodedata
from collections.abc import Sequence

from rich.text import Text

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of what shows nothing, reorders what is shown, or commands a terminal."""

OPENING, CLOSING = "[[", "]]"
"""Around what is at fault, where there is no colour."""


def visible(text: str) -> str:
    r"""Return a text in which nothing can hide, reorder or command a terminal.

    Example:
        >>> visible("a\x1b[31mb\n")
        'a\\x1b[31mb\\n'
    """
    return "".join(
        one.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(one) in _HIDDEN
        else one
        for one in text
    )


def marked(text: str, at_fault: Sequence[tuple[int, int]], *, coloured: bool) -> Text:
    """Return a text, made visible, in which stretches of characters stand out.

    Args:
        text: A stranger's.
        at_fault: Start and end of each stretch; they may overlap.
        coloured: In colour, or between brackets.
    """
    guilty = [False] * len(text)
    for start, end in at_fault:
        guilty[start:end] = [True] * len(guilty[start:end])
    shown = Text()
    start = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and guilty[end] == guilty[start]:
            continue
        piece = visible(text[start:end])
        if not guilty[start]:
            shown.append(piece)
        elif coloured:
            shown.append(piece, style="bold red reverse")
        else:
            shown.append(f"{OPENING}{piece}{CLOSING}")
        start = end
    return shown


def of_all(shown: int, there: int, what: str) -> str:
    """Return a table's title: how many it shows, and of how many where those are more."""
    if shown >= there:
        return f"{shown} {what}"
    return f"{shown} of {there} {what}; --count shows more"


def number(value: float | None) -> str:
    """Return a number for people; nothing where there is none."""
    return "" if value is None else f"{value:.4g}"


def finite(value: float | None) -> float | None:
    """Return a number as JSON has it: what is infinite is null there."""
    return value if value is not None and math.isfinite(value) else None
