"""How alike two texts are, by the short runs of words that they share."""

import re

SIZE = 5
"""Words in a run: long enough that two honest sentences rarely share one by accident."""
WORDS_MAX = 4096
"""What comes later in a text is not looked at, which bounds the time."""
_WORD = re.compile(r"\w+|[^\w\s]")


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return all runs of `SIZE` words and signs of a text; of a shorter one, the whole."""
    words: list[str] = []
    for found in _WORD.finditer(text):
        if len(words) == WORDS_MAX:
            break
        words.append(found.group().casefold())
    last = max(1, len(words) - SIZE + 1)
    return frozenset(tuple(words[at : at + SIZE]) for at in range(last))


def likeness(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """Return the share of all their runs that two texts have in common (Jaccard), in 0..1."""
    return len(one & other) / len(one | other)
