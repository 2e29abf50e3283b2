"""Which tokens of a completion earn nothing: from spans of characters or tokens to tokens.

It knows texts, tokens and spans; it knows no verdict, and does not say who deserves what.
"""

import re
from collections.abc import Callable, Sequence

from node.verdict import Span, Unit

Decode = Callable[[Sequence[int]], str]

_BORDER = re.compile(r"[.!?](?=\s|<|$)|[\n>]|(?=<)")
"""Where a sentence ends: a point inside a number is none, a tag's brackets are."""


def sentences_of(text: str, spans: Sequence[Span]) -> tuple[Span, ...]:
    """Widen spans of characters to the sentences that they have a part in; others stay.

    What leads up to a wrong equation is learnt as its occasion, and what follows as its
    consequence, so they share its lot.

    Example:
        >>> text = "Ann has 3.5 kg. So 2 + 2 = 5, as we know. Fine."
        >>> (span,) = sentences_of(text, [Span(19, 28, Unit.CHARACTERS)])
        >>> text[span.start : span.end]
        ' So 2 + 2 = 5, as we know.'
    """
    ends = sorted({found.end() for found in _BORDER.finditer(text)} | {0, len(text)})
    return tuple(
        Span(
            max((end for end in ends if end <= span.start), default=0),
            min((end for end in ends if end >= span.end), default=len(text)),
            Unit.CHARACTERS,
        )
        if span.unit is Unit.CHARACTERS
        else span
        for span in spans
    )


def credit_of(
    tokens: Sequence[int], without: Sequence[Span | None], decode: Decode | None
) -> tuple[bool, ...]:
    """Return one for each token, false where it has a part in one of the spans.

    Args:
        tokens: Of a completion.
        without: Where nothing is earned; None is everywhere.
        decode: Token ids to text, to find the tokens of a span of characters. Without it such
            a span is taken for the whole completion.
    """
    credit = [True] * len(tokens)
    for span in without:
        first, last = _token_range(tokens, span, decode)
        for at in range(first, min(last, len(credit))):
            credit[at] = False
    return tuple(credit)


def _token_range(
    tokens: Sequence[int], span: Span | None, decode: Decode | None
) -> tuple[int, int]:
    """Return the tokens (first, one after the last) that a span has a part in."""
    if span is not None and span.unit is Unit.TOKENS:
        return span.start, span.end
    if span is None or decode is None:
        return 0, len(tokens)

    def characters(count: int) -> int:
        return len(decode(tokens[:count]))

    # The prefix that first reaches beyond the span's start ends with the span's first token.
    first = _first_prefix(len(tokens), lambda count: characters(count) > span.start) - 1
    last = _first_prefix(len(tokens), lambda count: characters(count) >= span.end)
    return max(first, 0), last


def _first_prefix(length: int, reached: Callable[[int], bool]) -> int:
    """Return the smallest count in 0..length that has reached something, or the length."""
    low, high = 0, length
    while low < high:
        middle = (low + high) // 2
        if reached(middle):
            high = middle
        else:
            low = middle + 1
    return low
