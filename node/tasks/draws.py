"""Numbers drawn from a key, equal on every machine and every Python.

`random.Random` keeps its integer stream stable only by custom; a hash is stable by
definition, and needs no state: the same key gives the same numbers in any order of calls.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

BOUND_MAX = 1 << 16

_WORD_BYTES = 4
_BLOCK_BYTES = 64


class Draws:
    """An endless stream of uniform integers that depends on nothing but its key.

    Args:
        key: What the numbers are for; different keys give independent streams.
    """

    __slots__ = ("_block", "_counter", "_key", "_offset")

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._counter = 0
        self._block = b""
        self._offset = _BLOCK_BYTES

    def below(self, bound: int) -> int:
        """Draw an integer in [0, bound).

        Scaling a 32-bit word leaves a bias below bound / 2**32: nothing for the small bounds
        of word tables and operands.

        Args:
            bound: How many values there are, 1..`BOUND_MAX`.

        Raises:
            ValueError: The bound is none of these.
        """
        if not 1 <= bound <= BOUND_MAX:
            raise ValueError(f"bound {bound} is not in 1..{BOUND_MAX}")
        return self._word() * bound >> 32

    def between(self, least: int, most: int) -> int:
        """Draw an integer in [least, most], both ends included."""
        return least + self.below(most - least + 1)

    def one_of(self, choices: Sequence[T]) -> T:
        """Draw one of the choices."""
        return choices[self.below(len(choices))]

    def _word(self) -> int:
        if self._offset == _BLOCK_BYTES:
            counted = self._counter.to_bytes(8, "big") + self._key
            self._block = hashlib.blake2b(counted, digest_size=_BLOCK_BYTES).digest()
            self._counter += 1
            self._offset = 0
        word = self._block[self._offset : self._offset + _WORD_BYTES]
        self._offset += _WORD_BYTES
        return int.from_bytes(word, "big")
