"""What a wire attack is, and what it works with: bytes, keys and no model.

It chooses what is published instead of a round's sealed messages.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from protocol.contribution import Contribution
from protocol.identity import Keypair
from protocol.parameters import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What a wire attack works with: a round's sealed messages and all that sealed them.

    Args:
        keypair: The node's own.
        parameters: What the swarm agreed on.
        round_index: 0-based round.
        contributions: What the messages hold.
        sealed: The messages as an honest node would publish them.
        heard: Messages of others that this node has, newest last; of a bounded number.
        draw: Luck, the same for the same author and round.
    """

    keypair: Keypair
    parameters: Parameters
    round_index: int
    contributions: Sequence[Contribution]
    sealed: Sequence[bytes]
    heard: Sequence[bytes]
    draw: random.Random


@runtime_checkable
class WireAttack(Protocol):
    """Chooses what is published instead of a round's sealed messages."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return the bytes to publish, in their order."""
        ...
