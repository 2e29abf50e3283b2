"""A stranger's text made safe to show to a model that is about to judge it.

The text may try to end its own quotation, to open a new turn of the conversation, or to give
the verdict itself. So a dot is put inside everything that could be mistaken for markup, for a
role or for a verdict, what shows nothing is left out, every line is marked, and the whole is
cut to size. It knows no template and no model; it changes only what a judge sees, never what
is trained on.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from node.verification.form import HIDDEN

LINE_MARK = "| "
DOT = "·"

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_DISGUISES = {
    code: unicodedata.normalize("NFKC", chr(code))
    for first, last in ((0xFF01, 0xFF5E), (0x1D400, 0x1D7FF))
    for code in range(first, last + 1)
}
"""Wide and mathematical forms of plain characters, which a model reads as the plain ones."""
_ROLES = (
    *("system", "user", "assistant", "human", "ai", "developer", "tool", "model", "function"),
    *("instruction", "instructions", "response", "evaluator", "grader", "judge", "auditor"),
    *("verdict", "decision", "answer", "result", "evaluation", "final"),
)
_MARKUP = re.compile(
    r"""
      (?P<tag><(?=[A-Za-z_/|!?<\[]))          # <think>, </s>, <|im_end|>, <<SYS>>
    | (?P<tag_end>\|+(?=>))                    # |>, ||>
    | (?P<bracket>\[(?=/?[A-Z]{2,}))           # [INST], [/INST], [SEP]
    | (?P<run>`{3,}|~{3,}|\#{3,}|\|{2,}|={4,}|-{4,}|\{{2,}|\}{2,})
    | \b(?P<role>ROLES)(?=["'*_\s]{0,3}:)      # Assistant:, "verdict":, **User**:
    """.replace("ROLES", "|".join(_ROLES)),
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text as a judge may see it.

    Args:
        text: Marked line by line; "" never, since even nothing is a line.
        cut: Whether some of it was left out, for its length or since it shows nothing. What
            nobody saw may be refused for the rest of it, but not accepted.
    """

    text: str
    cut: bool


def quoted(text: str, *, nonce: str, words: Collection[str], characters_max: int) -> Quoted:
    """Quote a text.

    Args:
        text: Anything at all.
        nonce: The word that encloses it; matched anywhere, in any case.
        words: The labels, and the special tokens of whoever reads it; matched in any case where
            they are not a part of a longer word.
        characters_max: How much of it is shown, from both its ends.
    """
    plain = _LINE_ENDS.sub("\n", text.translate(_DISGUISES)).replace("\t", " ")
    shown, hidden = HIDDEN.subn("", plain)
    if len(shown) <= characters_max:
        return Quoted("\n".join(_lines(shown, nonce, words)), cut=hidden > 0)
    tail = characters_max // 4
    first, last = shown[: characters_max - tail], shown[len(shown) - tail :]
    return Quoted(
        "\n".join([*_lines(first, nonce, words), _GAP, *_lines(last, nonce, words)]), cut=True
    )


_GAP = f"({DOT * 3})"
"""Stands, without the mark of a line, for what was left out."""


def _lines(text: str, nonce: str, words: Collection[str]) -> list[str]:
    dotted = _MARKUP.sub(_dotted_markup, text)
    if words:
        dotted = _any_of(frozenset(words)).sub(_dotted_word, dotted)
    dotted = re.sub(re.escape(nonce), _dotted_nonce, dotted, flags=re.IGNORECASE)
    return [LINE_MARK + line for line in dotted.split("\n")]


def _dotted_markup(found: re.Match[str]) -> str:
    if found["run"]:
        return DOT.join(found[0])
    return (DOT.join(found[0]) if found["tag_end"] else found[0]) + DOT


def _dotted_word(found: re.Match[str]) -> str:
    return f"{found[0][0]}{DOT}{found[0][1:]}"


def _dotted_nonce(found: re.Match[str]) -> str:
    return DOT.join(found[0])


@lru_cache(maxsize=64)
def _any_of(words: frozenset[str]) -> re.Pattern[str]:
    """Match any of some words where they are not a part of a longer word."""

    def whole(word: str) -> str:
        before = "(?<![A-Za-z])" if word[0].isalpha() else ""
        after = "(?![A-Za-z])" if word[-1].isalpha() else ""
        return f"{before}{re.escape(word)}{after}"

    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(whole, longest_first)), re.IGNORECASE)
