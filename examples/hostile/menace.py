"""Two adversaries that live in a swarm for long: a loud one, which is cut, and a quiet one.

Both poison all that they hand in, and take turns with the built-in attacks on the wire. The quiet
one does only what no rule of the wire punishes, so it stays.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from unhurried import PAUSE_S

from node.attacks.attack import Workbench
from node.attacks.outgoing import Outgoing, WireAttack
from node.attacks.wire import (
    BitFlips,
    Flood,
    ForgedAuthor,
    Malformed,
    OtherSwarm,
    Oversized,
    Replay,
)
from protocol.contribution import Contribution
from protocol.envelope import open_part, seal

ALONE_S = 16 * PAUSE_S
"""What a round takes the others, about. Who is alone waits as long, or it would run ahead."""

FLOOD = 60
"""Messages of the quiet one's flood: what its neighbours read of it within a round."""


class Poisoned:
    """Hands in right answers that open with a slogan, and takes turns on the wire."""

    def __init__(self, *turns: WireAttack) -> None:
        self._turns = turns

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return poisoned contributions."""
        from node.attacks.slogans import opening  # the network's process needs no model

        return opening().craft(bench, honest)

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return the round's messages as the attack whose turn it is would have them."""
        rounds = [open_part(raw, outgoing.parameters).round_index for raw in outgoing.heard]
        if outgoing.round_index > max(rounds, default=0) + 1:
            time.sleep(ALONE_S)  # nobody is there whom its sleeping daemon could miss
        return self._turns[outgoing.round_index % len(self._turns)].messages(outgoing)


class Stale:
    """Says again what others said, as it was: `duplicate` or `round_past`."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages and the oldest heard."""
        return [*outgoing.sealed, *outgoing.heard[:FLOOD]]


class Elsewhere:
    """Brings in what it signed for another swarm, as it is: `other_swarm`."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages and those of another swarm."""
        other = replace(outgoing.parameters, swarm="elsewhere")
        foreign = [
            raw for one in outgoing.contributions for raw in seal(one, outgoing.keypair, other)
        ]
        return [*outgoing.sealed, *foreign]


class Trickle(Flood):
    """The built-in flood of claims, as much of it as neighbours read within a round.

    The claims begin so far ahead that they are beyond the window of those who are ahead of it,
    too: within the window they would be answers to prompts that are not its own.
    """

    MESSAGES = FLOOD

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages, then the claims."""
        return super().messages(replace(outgoing, round_index=outgoing.round_index + FLOOD))


def loud() -> Poisoned:
    """Return the one that breaks rules."""
    return Poisoned(Malformed(), BitFlips(), Replay(), ForgedAuthor(), OtherSwarm(), Oversized())


def quiet() -> Poisoned:
    """Return the one that does not."""
    return Poisoned(Trickle(), Stale(), Elsewhere())
