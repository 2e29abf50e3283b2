"""Addresses as the operator wrote them, checked before anything is opened.

What they are used for is decided in `node.mesh.gossip`; strangers' addresses are read elsewhere.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from multiaddr import Multiaddr

from node.faults import ConfigFault
from node.mesh.addresses import Address
from node.mesh.settings import MeshSettings
from protocol.identity import PeerId


def check_written(settings: MeshSettings) -> None:
    """Refuse addresses that nothing can be done with, while nothing is loaded yet.

    Raises:
        ConfigFault: As the functions below.
    """
    named_peers(settings)
    listened(settings)
    announced(settings)


def named_peers(settings: MeshSettings) -> frozenset[PeerId]:
    """Return who is expected at the addresses of the first peers.

    Raises:
        ConfigFault: An address is malformed, or does not say who.
    """
    named = []
    fix = "copy the whole address, /p2p/ and all, that the other node prints when it starts"
    for text in settings.peers:
        with refused(f"peer address {text!r}", fix=fix):
            peer = dialled(text).peer
        if peer is None:
            raise ConfigFault(
                f"peer address {text!r} does not say who should answer there",
                fix="append /p2p/ and the peer id that the other node prints when it starts",
            )
        named.append(peer)
    return frozenset(named)


def listened(settings: MeshSettings) -> list[Multiaddr]:
    """Return where to listen, as the library takes it.

    Raises:
        ConfigFault: An address is malformed.
    """
    addresses = []
    for text in settings.listen:
        with refused(
            f"cannot listen on {text!r}", fix="write an address like /ip4/0.0.0.0/tcp/4001"
        ):
            addresses.append(Multiaddr(str(Address.parse(text))))
    return addresses


def announced(settings: MeshSettings) -> list[Multiaddr]:
    """Return what others are told instead, as the library takes it.

    Raises:
        ConfigFault: An address is malformed, or nobody can dial it.
    """
    addresses = []
    fix = "write an address at which others reach this node, like /dns4/node.example.org/tcp/4001"
    for text in settings.announce:
        with refused(f"cannot announce {text!r}", fix=fix):
            addresses.append(Multiaddr(str(dialled(text))))
    return addresses


@contextmanager
def refused(what: str, *, fix: str) -> Iterator[None]:
    """Tell an operator's mistake from a bug.

    Raises:
        ConfigFault: What is read in the block is no address.
    """
    try:
        yield
    except ValueError as error:
        raise ConfigFault(f"{what}: {error}", fix=fix) from error


def dialled(text: str) -> Address:
    """Read an address that is to be dialled.

    Raises:
        ValueError: It is none, or has the port that only who listens can have.
    """
    address = Address.parse(text)
    if address.port == 0:
        raise ValueError("port 0 stands for any free one when listening; nobody can dial it")
    return address
