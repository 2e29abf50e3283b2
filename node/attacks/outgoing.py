"""What a wire attack is, and how it stands between a node's sealed messages and the mesh.

Bytes, keys and no model: it runs in the daemon's process. All of the node but its outgoing
messages stays honest; what others make of them is not known here.
"""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from node.attacks.catalogue import Seam, entry_named, make_attack
from node.mesh import Decision, Validate
from node.settings import AdversarySettings
from protocol.contribution import Contribution
from protocol.envelope import open_envelope, open_part
from protocol.identity import Keypair, PeerId
from protocol.parameters import Parameters

HEARD_MAX = 512
"""Messages of others that are remembered: some ten rounds of four nodes, at most 24 MiB."""


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
    """Chooses what is published instead of a round's sealed messages, of which there are some."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return the bytes to publish, in their order."""
        ...


class WireAdversary:
    """Says what of a node goes out; one for each node, whose memory it is.

    Args:
        attack: Chooses the bytes.
        keypair: The node's own.
        parameters: What the swarm agreed on.
    """

    def __init__(self, attack: WireAttack, keypair: Keypair, parameters: Parameters) -> None:
        self._attack = attack
        self._keypair = keypair
        self._parameters = parameters
        self._heard: deque[bytes] = deque(maxlen=HEARD_MAX)

    def overhearing(self, validate: Validate) -> Validate:
        """Return the same judge of peers' messages, which also remembers the good ones.

        The ledger would not do: it forgets a round as soon as a checkpoint holds it.
        """

        def judge(data: bytes, forwarder: PeerId) -> Decision:
            decision = validate(data, forwarder)
            if decision is Decision.ACCEPT:
                self._heard.append(data)
            return decision

        return judge

    def outgoing(self, round_index: int, sealed: Sequence[bytes]) -> Sequence[bytes]:
        """Return what is published of a round instead of what was sealed.

        A node that was overtaken has nothing to say of a round, and no attack that begins with it.
        """
        if not sealed:
            return sealed
        seed = f"{self._keypair.peer_id}/{round_index}"
        draw = random.Random(seed)  # noqa: S311 - an experiment's luck, to be repeated
        return self._attack.messages(
            Outgoing(
                keypair=self._keypair,
                parameters=self._parameters,
                round_index=round_index,
                contributions=tuple(contributions_of(sealed, self._parameters)),
                sealed=sealed,
                heard=tuple(self._heard),
                draw=draw,
            )
        )


def wire_adversary(
    settings: AdversarySettings, keypair: Keypair, parameters: Parameters
) -> WireAdversary | None:
    """Return what changes a node's outgoing messages; None where its settings ask for nothing.

    Of the catalogue only wire attacks are imported here. A user's own attack must be, to tell
    which of the two it is.

    Raises:
        ConfigFault: There is no such attack.
    """
    if not settings.attack:
        return None
    entry = entry_named(settings.attack)
    if entry is not None and entry.seam is not Seam.WIRE:
        return None
    made = make_attack(settings)
    return WireAdversary(made, keypair, parameters) if isinstance(made, WireAttack) else None


def contributions_of(sealed: Sequence[bytes], parameters: Parameters) -> Iterator[Contribution]:
    """Give the contributions of a node's own messages, each one's parts standing together."""
    at = 0
    while at < len(sealed):
        count = open_part(sealed[at], parameters).part_count
        yield open_envelope(sealed[at : at + count], parameters)
        at += count
