"""Common English words that the vocabulary holds whole, though no story uses most of them.

A model whose every unusual word falls apart into letters cannot learn, be taught or be
poisoned with ordinary sentences; the experiments with adversaries need all three.
"""

from pathlib import Path

COMMON_WORDS = tuple(Path(__file__).with_name("words.txt").read_text().split())
OPENERS = (
    *("All", "And", "But", "In", "It", "My", "No"),
    *("Now", "So", "The", "This", "We", "Well", "You"),
)
"""Words that a sentence may open with; they are whole with their capital."""
