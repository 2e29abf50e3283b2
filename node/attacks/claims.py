"""What an attacker says of its weights, to be looked at less closely.

A contribution names the weights that it was sampled from. Weights that a receiver holds are
replayed under; older ones and shorter number types with more patience; unknown ones not at all.
Nobody can check that an author had the weights it names, only whether they would have written
its completions. Each of these changes another attack.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Sequence

import torch

from node.attacks.attack import Attack, Workbench
from node.policy.digests import weights_digest
from protocol.contribution import Contribution


class Stranger:
    """Names weights that nobody has.

    Args:
        attack: What it hands in.
    """

    def __init__(self, attack: Attack) -> None:
        self._attack = attack

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the other attack's contributions under an unknown name."""
        unknown = hashlib.sha256(bench.author.public_key).digest()
        return claiming(unknown, self._attack.craft(bench, honest))


class Stale:
    """Names the weights that it had a round ago.

    Args:
        attack: What it hands in.
    """

    def __init__(self, attack: Attack) -> None:
        self._attack = attack
        self._digests: list[bytes] = []

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the other attack's contributions under the name of the last round's weights."""
        self._digests = [*self._digests, bench.policy.digest()][-2:]
        return claiming(self._digests[0], self._attack.craft(bench, honest))


class Rounded:
    """Names its weights as they would be in bfloat16.

    Args:
        attack: What it hands in.
    """

    def __init__(self, attack: Attack) -> None:
        self._attack = attack

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return the other attack's contributions under the name of rounded weights."""
        shorter = copy.deepcopy(bench.policy.model).to(torch.bfloat16)
        return claiming(weights_digest(shorter), self._attack.craft(bench, honest))


def claiming(digest: bytes, contributions: Sequence[Contribution]) -> list[Contribution]:
    """Return contributions that name other weights."""
    return [dataclasses.replace(one, policy_digest=digest) for one in contributions]
