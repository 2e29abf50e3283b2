"""What a peer pays for having its frames read: little for what is of use, much for what is not.

A token is about what an honest message costs; buckets of them belong to a peer and to its address,
so that a new identity does not come with a new share. What they owe is waited for by their own
readers. It does not judge: it is told what became of each message.
"""

from collections.abc import Callable, Sequence

from libp2p.peer.id import ID

from node.mesh.allowance import Allowances
from node.mesh.conduct import block_of
from node.mesh.gate import Fate

PEER_RATE = 1000.0
PEER_BURST = 5000.0
"""Tokens of one peer. The busiest round that was measured is 500 messages a second in all."""

ADDRESS_RATE = 4 * PEER_RATE
ADDRESS_BURST = 4 * PEER_BURST
"""Tokens of one address: four busy peers, or eight (as many as may call) that share."""

USELESS = 50.0
"""For a message that had its signature checked and was of no use: 20 a second, 100 at once."""

_FARES = {
    Fate.DUPLICATE: 0.25,  # each neighbour may send a copy, and none of them is at fault
    Fate.FOREIGN: 1.0,
    Fate.OWN: 1.0,
    Fate.HURRIED: 1.0,
    Fate.ACCEPTED: 1.0,
    Fate.IGNORED: USELESS,
    Fate.FORGED: USELESS,
    Fate.REJECTED: USELESS,
}


class Fares:
    """The accounts of all peers and their addresses.

    Args:
        clock: Seconds that never step back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._peers = Allowances(rate=PEER_RATE, burst=PEER_BURST, clock=clock)
        self._addresses = Allowances(rate=ADDRESS_RATE, burst=ADDRESS_BURST, clock=clock)

    def pay(self, payers: tuple[ID, str | None], fates: Sequence[Fate], *, ids: int) -> float:
        """Charge for one frame; return how long its reader must wait before the next, in seconds.

        Args:
            payers: The peer, and its address if that is known.
            fates: What became of each message in the frame.
            ids: How many message ids and peers its control part names.
        """
        fare = 1.0 + ids + sum(_FARES[fate] for fate in fates)
        peer, host = payers
        wait_s = self._peers.charge(peer, fare)
        if host is None:
            return wait_s
        return max(wait_s, self._addresses.charge(block_of(host), fare))
