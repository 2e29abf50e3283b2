"""How a node meets its peers: the numbers an operator may turn, and none that peers must share.

Reading them from files or flags is not done here; nothing heavy is imported.
"""

from dataclasses import dataclass

MESSAGE_BYTES_CEILING = 60 * 1024
"""With its envelope a message must stay within one 65,524-byte Yamux frame: py-libp2p lets
two writers interleave longer writes, which garbles the stream."""

MESSAGE_BYTES_MAX = 48 * 1024
"""Longest message where the swarm does not say. All peers share the limit, so it is none of the
settings that an operator may turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSettings:
    """Where to listen, whom to dial, and how much to hold for a slow peer.

    Raises:
        ValueError: A number is out of its range; the message names it.
    """

    listen: tuple[str, ...] = ("/ip4/127.0.0.1/tcp/0",)
    """Multiaddrs to listen on; port 0 lets the system choose, none at all means dial only."""
    announce: tuple[str, ...] = ()
    """Multiaddrs told to others instead (behind NAT, in a container); empty: the real ones."""
    peers: tuple[str, ...] = ()
    """Multiaddrs of the first peers, each ending in `/p2p/<peer id>`; dialled for ever."""
    connections_wanted: int = 8
    """Peers whose addresses were learnt or remembered are dialled up to this many."""
    callers_max: int = 64
    """Connections that others may have opened to this node, in all."""
    callers_per_address: int = 8
    """The same from one IPv4 address or one IPv6 /64: identities cost nothing, addresses do."""
    callers_per_network: int = 24
    """The same from one IPv4 /24 or one IPv6 /48."""
    dial_timeout_s: float = 10.0
    """Longest wait for each step of a dial (resolve, connect and handshake, subscription)."""
    redial_s_min: float = 0.5
    """Pause after the first failed dial of an address; doubled after each further one."""
    redial_s_max: float = 30.0
    """Longest pause between two dials of one address."""
    announce_s: float = 30.0
    """Pause between two announcements of our addresses."""
    degree: int = 6
    """Neighbours to whom messages are pushed (GossipSub's D)."""
    degree_low: int = 4
    """Fewer neighbours than this: take more in."""
    degree_high: int = 12
    """More neighbours than this: let some go."""
    outbox_messages_max: int = 512
    """Messages held for one peer. Bursts of a few hundred are real; 512 of 2 KiB is 1 MiB."""
    outbox_wait_s: float = 5.0
    """How long a publish waits for a full outbox before that peer must do without the message."""
    linger_s: float = 0.01
    """Pause before an outbox is drained: messages of one burst then share a frame, and copies
    that the peer has meanwhile shown us need not be sent."""

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        if not 1 <= self.degree_low <= self.degree <= self.degree_high:
            raise ValueError(
                "degree_low <= degree <= degree_high must hold, all at least 1; they are "
                f"{self.degree_low}, {self.degree}, {self.degree_high}"
            )
        if not 0 < self.redial_s_min <= self.redial_s_max:
            raise ValueError(
                "0 < redial_s_min <= redial_s_max must hold; they are "
                f"{self.redial_s_min}, {self.redial_s_max}"
            )
        for name in (
            "connections_wanted",
            "outbox_messages_max",
            "callers_max",
            "callers_per_address",
            "callers_per_network",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("dial_timeout_s", "announce_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("outbox_wait_s", "linger_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")
