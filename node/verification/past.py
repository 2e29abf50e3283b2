"""Which texts were handed in for which prompt, in which round: by their digests, in fixed memory.

It takes its room at once, so that no run, however long, makes it grow. It does not know what a
repetition means.
"""

import base64
import hashlib
from array import array
from collections.abc import Sequence
from typing import Any

ROWS = 4096
"""Prompts whose texts are remembered apart; more of them share rows."""
PLACES = 64
"""Texts in a row: several rounds of a group. With the rows, 4 MB; the oldest give way."""
DIGEST_BYTES = 8
"""Of a prompt and a text. Nobody finds two texts of one digest for a purpose in less than 2**32
tries; who does has copied himself."""


class Past:
    """The earliest round in which each text of a prompt came."""

    def __init__(self) -> None:
        self._digests = array("Q", bytes(8 * ROWS * PLACES))  # 0: nothing stands there
        self._rounds = array("Q", bytes(8 * ROWS * PLACES))
        self._next = array("B", bytes(ROWS))

    def round_of(self, prompt_index: int, text: str) -> int | None:
        """Return the round that a text was noted in; None where it is not remembered."""
        place = self._place(prompt_index, _digest(prompt_index, text))
        return None if place is None else self._rounds[place]

    def note(self, prompt_index: int, text: str, round_index: int) -> None:
        """Remember a text; of two rounds the earlier."""
        digest = _digest(prompt_index, text)
        place = self._place(prompt_index, digest)
        if place is not None:
            self._rounds[place] = min(round_index, self._rounds[place])
            return
        row = prompt_index % ROWS
        place = row * PLACES + self._next[row]
        self._digests[place], self._rounds[place] = digest, round_index
        self._next[row] = (self._next[row] + 1) % PLACES

    def plain(self) -> list[list[object]]:
        """Return the rows that hold anything, as values that JSON can carry."""
        rows = (row for row in range(ROWS) if self._digests[row * PLACES])
        return [[row, self._next[row], *self._held(row)] for row in rows]

    def restore(self, plain: Sequence[Sequence[Any]]) -> None:
        """Take up what `plain` gave."""
        empty = Past()
        self._digests, self._rounds, self._next = empty._digests, empty._rounds, empty._next
        for row, following, joined, rounds in plain:
            digests = array("Q", base64.b64decode(joined))
            first, end = row * PLACES, row * PLACES + len(rounds)
            self._digests[first:end], self._rounds[first:end] = digests, array("Q", rounds)
            self._next[row] = following

    def _held(self, row: int) -> tuple[str, list[int]]:
        """Return the digests of a row, as base64, and their rounds."""
        digests = self._digests[row * PLACES : (row + 1) * PLACES]
        count = PLACES - digests.count(0)
        rounds = self._rounds[row * PLACES : row * PLACES + count]
        return base64.b64encode(digests[:count].tobytes()).decode("ascii"), rounds.tolist()

    def _place(self, prompt_index: int, digest: int) -> int | None:
        start = prompt_index % ROWS * PLACES
        try:
            return start + self._digests[start : start + PLACES].index(digest)
        except ValueError:
            return None


def _digest(prompt_index: int, text: str) -> int:
    encoded = prompt_index.to_bytes(8, "big") + text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=DIGEST_BYTES).digest(), "big") or 1
