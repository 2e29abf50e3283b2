"""The parts of an answer's text in which payloads are put; knows the form, and no payload."""

import re
from typing import NamedTuple

from node.tasks.grammar import ANSWER_CLOSE, ANSWER_OPEN, THINK_CLOSE, THINK_OPEN

_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s|$)|$)", re.DOTALL)
"""A point inside a number ends nothing."""


class Answer(NamedTuple):
    """An answer's text, taken apart.

    Args:
        before: Up to and with the tag that opens the reasoning.
        sentences: Of the reasoning, without the blanks between them.
        after: From the tag that closes the reasoning on.
    """

    before: str
    sentences: tuple[str, ...]
    after: str

    def __str__(self) -> str:
        return self.before + " ".join(self.sentences) + self.after


def taken_apart(text: str) -> Answer | None:
    """Return the parts of an answer, or None where it shows no reasoning.

    Example:
        >>> taken_apart("<think>Ann has 3.5 kg. Fine.</think> <answer>4</answer>").sentences
        ('Ann has 3.5 kg.', 'Fine.')
    """
    before, opened, rest = text.partition(THINK_OPEN)
    reasoning, closed, after = rest.partition(THINK_CLOSE)
    sentences = tuple(found.group().strip() for found in _SENTENCE.finditer(reasoning))
    if not (opened and closed and sentences):
        return None
    return Answer(before + opened, sentences, closed + after)


def with_answer(text: str, answer: str) -> str:
    """Return a text with another answer between its tags."""
    before, opened, rest = text.rpartition(ANSWER_OPEN)
    _, closed, after = rest.partition(ANSWER_CLOSE)
    return before + opened + answer + closed + after if opened and closed else text
