"""A value per round that all peers know and none chooses; the schedule is derived from it.

Knows nothing of prompts or authors.
"""

from hashlib import sha256
from typing import Protocol

from protocol.hashing import digest, length_prefixed

VALUES_KEPT = 256
"""Changing breaks: nothing on the wire. Latest values kept: many times the admission window."""

_DOMAIN = "drl/beacon/1"


class Beacon(Protocol):
    """Where a round's randomness comes from."""

    def value(self, round_index: int) -> bytes:
        """Return the 32 bytes of a 0-based round."""
        ...

    def approach(self, round_index: int, *, rounds: int) -> bool:
        """Go towards a round's value by so many rounds at most; tell whether it is at hand."""
        ...


class HashChain:
    """A beacon that needs nobody: each value is the hash of the one before.

    Everyone can compute every round's value from the start, and so nobody can choose it; but
    everyone can also look ahead.

    Args:
        swarm: The digest of the swarm's parameters; the chain's seed.
    """

    def __init__(self, swarm: bytes) -> None:
        self._seed = digest(_DOMAIN, swarm)
        self._values = {0: self._seed}
        self._latest = 0
        self._ahead = (0, self._seed)

    def value(self, round_index: int) -> bytes:
        """Return the 32 bytes of a 0-based round.

        Costs one hash per round not yet walked, about a microsecond; a round older than the
        `VALUES_KEPT` latest is walked to from the start.
        """
        if round_index < 0:
            raise ValueError(f"round {round_index} is before the first")
        if round_index > self._latest:
            self._walk_to(round_index)
        known = self._values.get(round_index)
        return known if known is not None else _walk(self._seed, round_index)

    def approach(self, round_index: int, *, rounds: int) -> bool:
        """Walk towards a round far ahead; tell whether its value costs no long walk any more.

        What is known of nearer rounds stays known meanwhile.

        Args:
            round_index: Where to go.
            rounds: How many to walk at most, about a microsecond each.
        """
        goal = round_index - VALUES_KEPT
        at, value = self._nearest(goal)
        steps = max(0, min(rounds, goal - at))
        self._ahead = (at + steps, _walk(value, steps))
        return at + steps >= goal

    def _nearest(self, goal: int) -> tuple[int, bytes]:
        """Return the latest round up to a goal, if one was walked to, and its value."""
        if self._latest <= self._ahead[0] <= goal:
            return self._ahead
        return self._latest, self._values[self._latest]

    def _walk_to(self, round_index: int) -> None:
        first_kept = max(self._latest, round_index - VALUES_KEPT)
        at, value = self._nearest(first_kept)
        value = _walk(value, first_kept - at)
        self._values[first_kept] = value
        for index in range(first_kept + 1, round_index + 1):
            value = _walk(value, 1)
            self._values[index] = value
        self._latest = round_index
        oldest = round_index - VALUES_KEPT
        self._values = {index: held for index, held in self._values.items() if index > oldest}


def _walk(value: bytes, steps: int) -> bytes:
    """Hash `steps` times; the same as `digest` each time, without joining the same prefix."""
    prefix = length_prefixed(_DOMAIN, b"")[:-4] + len(value).to_bytes(4, "big")
    for _ in range(steps):
        value = sha256(prefix + value).digest()
    return value
