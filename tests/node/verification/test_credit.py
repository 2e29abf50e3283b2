"""Sentences around what is at fault, and the tokens that they are made of."""

from collections.abc import Sequence

import pytest

from node.verdict import Span, Unit
from node.verification.credit import credit_of, sentences_of


def sentence(text: str, part: str) -> str:
    """Return the sentence that a part of a text stands in."""
    start = text.index(part)
    (span,) = sentences_of(text, [Span(start, start + len(part), Unit.CHARACTERS)])
    return text[span.start : span.end]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 2 = 5", "2 + 2 = 5"),
        ("One. As we know, 2 + 2 = 5, yes. Two.", " As we know, 2 + 2 = 5, yes."),
        ("It costs 3.50 and 2 + 2 = 5 at 1.5! Two", "It costs 3.50 and 2 + 2 = 5 at 1.5!"),
        ("<think>So 2 + 2 = 5</think> <answer>5</answer>", "So 2 + 2 = 5"),
        ("one\nso 2 + 2 = 5\ntwo", "so 2 + 2 = 5\n"),
        ("Is it? 2 + 2 = 5?", " 2 + 2 = 5?"),
    ],
)
def test_a_sentence_ends_at_a_point_a_tag_or_a_line(text: str, expected: str) -> None:
    assert sentence(text, "2 + 2 = 5") == expected


def test_a_span_over_two_sentences_takes_both() -> None:
    assert sentence("One. Two a. b three. Four.", "a. b") == " Two a. b three."


def test_a_sentence_is_widened_to_nothing_more() -> None:
    assert sentence("One. Two. Three.", " Two.") == " Two."


def test_spans_of_tokens_stay_as_they_are() -> None:
    span = Span(1, 2, Unit.TOKENS)

    assert sentences_of("a. b. c.", [span]) == (span,)


def decode(tokens: Sequence[int]) -> str:
    return "".join("abcd"[token] * 2 for token in tokens)


def test_each_token_that_a_span_touches_earns_nothing() -> None:
    spans = [Span(1, 3, Unit.CHARACTERS), Span(3, 4, Unit.TOKENS)]

    assert credit_of((0, 1, 2, 3), spans, decode) == (False, False, True, False)


def test_without_a_place_nothing_is_earned() -> None:
    assert credit_of((0, 1), [None], decode) == (False, False)


def test_without_spans_all_is_earned() -> None:
    assert credit_of((0, 1), [], decode) == (True, True)
