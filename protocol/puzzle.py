"""The price of an identity in an open swarm: a key is one's own work to find.

Whoever wants many names needs many keys that solve the swarm's puzzle, and every message shows
whether its author's does: nothing more travels. It bounds crowds, it does not identify anybody.
"""

from collections.abc import Iterator

from protocol.hashing import digest
from protocol.identity import Keypair, PeerId
from protocol.parameters import Parameters

_BITS = 256


def zero_bits(swarm: str, author: PeerId) -> int:
    """Return how many bits are 0 before the first 1 of an author's puzzle hash, 0 to 256.

    Args:
        swarm: The swarm's name, so that a key found for one swarm buys nothing in another.
        author: Whose key.
    """
    hashed = digest("drl/join/1", swarm.encode(), author.public_key)
    return _BITS - int.from_bytes(hashed, "big").bit_length()


def solves(author: PeerId, parameters: Parameters) -> bool:
    """Tell whether an author's key is one that the swarm takes."""
    return not parameters.join_bits or (zero_bits(parameters.swarm, author) >= parameters.join_bits)


def tried_keys(swarm: str, bits: int) -> Iterator[Keypair | None]:
    """Try keys until one solves a puzzle; 2**bits of them on average.

    Yields:
        None for each key that does not solve it, so that a caller can count and may stop, and
        at last the one that does.
    """
    while True:
        keypair = Keypair.generate()
        if zero_bits(swarm, keypair.peer_id) >= bits:
            yield keypair
            return
        yield None
