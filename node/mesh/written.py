"""Addresses as the operator wrote them, checked before anything is opened.

What they are used for is decided in `node.mesh.gossip`; strangers' addresses are read elsewhere.
"""

from multiaddr import Multiaddr

from node.faults import NetworkFault
from node.mesh.addresses import Address
from node.mesh.settings import MeshSettings
from protocol.identity import PeerId


def named_peers(settings: MeshSettings) -> frozenset[PeerId]:
    """Return who is expected at the addresses of the first peers.

    Raises:
        NetworkFault: An address is malformed, or does not say who.
    """
    named = []
    for text in settings.peers:
        try:
            peer = Address.parse(text).peer
        except ValueError as error:
            raise NetworkFault(
                f"peer address {text!r}: {error}",
                fix="copy the whole line that the other node prints when it starts",
            ) from error
        if peer is None:
            raise NetworkFault(
                f"peer address {text!r} does not say who should answer there",
                fix="append /p2p/ and the peer id that the other node prints when it starts",
            )
        named.append(peer)
    return frozenset(named)


def multiaddrs(texts: tuple[str, ...], purpose: str) -> list[Multiaddr]:
    """Return addresses as the library takes them.

    Args:
        texts: Written by the operator.
        purpose: What is to be done with them, for the complaint.

    Raises:
        NetworkFault: One is malformed.
    """
    addresses = []
    for text in texts:
        try:
            addresses.append(Multiaddr(str(Address.parse(text))))
        except ValueError as error:
            raise NetworkFault(
                f"cannot {purpose} {text!r}: {error}",
                fix="write an address like /ip4/0.0.0.0/tcp/4001",
            ) from error
    return addresses
