"""Addresses of peers: written as multiaddrs, and told to the swarm in small announcements.

Only `/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT[/p2p/PEER]` is understood, since that is all that we
listen on and dial. Parsed by hand: texts come from strangers as well as from operators.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from protocol.identity import PeerId
from protocol.packing import pack, unpack

ADDRESSES_MAX = 4
"""Addresses in one announcement: a public one, a private one, and one of each for IPv6."""

ADDRESS_BYTES_MAX = 128
"""Longest address: 52 characters of peer id leave 60 for a host name."""

_PAYLOAD_BYTES_MAX = 1 + ADDRESSES_MAX * (2 + ADDRESS_BYTES_MAX)
"""An array's head, and each string behind a head of at most two bytes."""

_PATTERN = re.compile(
    r"/(?P<kind>ip4|ip6|dns|dns4|dns6)/(?P<host>[^/]+)/tcp/(?P<port>[0-9]{1,5})"
    r"(?:/p2p/(?P<peer>[1-9A-HJ-NP-Za-km-z]+))?"
)
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_PORT_MAX = 65_535
_FAMILIES = {"ip4": socket.AF_INET, "dns4": socket.AF_INET, "dns": socket.AF_UNSPEC}
"""Address families to resolve in; the others are IPv6."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer can be dialled.

    Args:
        kind: The multiaddr protocol of the host: ip4, ip6, dns, dns4 or dns6.
        host: An IP address or a host name.
        port: TCP port.
        peer: Who must answer there; None if that is not known.
    """

    kind: str
    host: str
    port: int
    peer: PeerId | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read a multiaddr.

        Raises:
            ValueError: It is not an address that we can dial; the message says why.
        """
        found = _PATTERN.fullmatch(text) if len(text) <= ADDRESS_BYTES_MAX else None
        if found is None:
            raise ValueError("not of the form /ip4/HOST/tcp/PORT (or ip6, dns, dns4, dns6 for ip4)")
        kind, host, port = found["kind"], found["host"], int(found["port"])
        if kind in ("ip4", "ip6"):
            version = ipaddress.ip_address(host).version
            if f"ip{version}" != kind:
                raise ValueError(f"{host} is not an {kind} address")
        elif not _HOST_NAME.fullmatch(host):
            raise ValueError(f"{host} is not a host name")
        if port > _PORT_MAX:
            raise ValueError(f"port {port} is above {_PORT_MAX}")
        return cls(kind, host, port, PeerId.parse(found["peer"]) if found["peer"] else None)

    def __str__(self) -> str:
        suffix = f"/p2p/{self.peer}" if self.peer is not None else ""
        return f"/{self.kind}/{self.host}/tcp/{self.port}{suffix}"

    async def resolve(self) -> list["Address"]:
        """Return the IP addresses that a host name stands for; an IP address is its own.

        The system's resolver knows /etc/hosts and a container network's names; the library's own
        does not.

        Raises:
            OSError: The name is not known.
        """
        if self.kind in ("ip4", "ip6"):
            return [self]
        family = _FAMILIES.get(self.kind, socket.AF_INET6)
        found = await trio.socket.getaddrinfo(
            self.host, self.port, family=family, type=socket.SOCK_STREAM
        )
        kinds = {socket.AF_INET: "ip4", socket.AF_INET6: "ip6"}
        return [
            Address(kinds[family], str(place[0]), self.port, self.peer)
            for family, _, _, _, place in found
            if family in kinds
        ]


def encode_announcement(addresses: Sequence[Address]) -> bytes:
    """Return the payload that tells others where we are: the first few that are not too long."""
    texts = [text for text in map(str, addresses) if len(text) <= ADDRESS_BYTES_MAX]
    return pack(texts[:ADDRESSES_MAX])


def decode_announcement(payload: bytes, author: PeerId) -> tuple[Address, ...]:
    """Read where a peer says it is. The message around it proves that it is that peer who says so.

    Raises:
        ValueError: It is malformed, or names another peer: a peer may speak for itself only.
    """
    if len(payload) > _PAYLOAD_BYTES_MAX:
        raise ValueError(f"longer than {_PAYLOAD_BYTES_MAX} bytes")
    texts = unpack(payload, array_max=ADDRESSES_MAX, bin_max=0, str_max=ADDRESS_BYTES_MAX)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("not a list of texts")
    addresses = tuple(Address.parse(text) for text in texts)
    if any(address.peer != author for address in addresses):
        raise ValueError("an address does not name its author")
    return addresses
