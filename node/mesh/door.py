"""Who may come in: limits on callers, pending and settled, by address, by network and in all.

Whoever has not proven who it is yet makes way for the next: an honest caller needs a moment, one
that keeps silent needs only to be many. It knows addresses, not sockets: hanging up is a call that
each caller brings along. Connections that this node opened itself are none of its business.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from node.mesh.allowance import Allowances
from node.mesh.conduct import block_of

PENDING_MAX = 64
"""Callers that have not proven who they are, in all; each holds a socket and some buffers."""
PENDING_PER_ADDRESS_MAX = 4
"""The same from one address; a proof takes some tens of milliseconds."""

CALLS_RATE = 20.0
CALLS_BURST = 60.0
"""Calls of one address per second, and at once: each that goes on costs us a key exchange."""

_NETWORK_PREFIXES = {4: 24, 6: 48}

Socket = tuple[str, int]
"""Address and port of a caller; no two open connections to one of our ports share it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """How many callers that have proven who they are may stay.

    Args:
        per_address: From one IPv4 address, or one IPv6 /64.
        per_network: From one IPv4 /24, or one IPv6 /48.
        in_all: From anywhere.
    """

    per_address: int
    per_network: int
    in_all: int


@dataclass(slots=True)
class _Caller:
    block: str
    network: str
    hang_up: Callable[[], None]


class Door:
    """The callers of one node.

    Args:
        limits: How many may stay.
        is_barred: Whether an address is shut out.
        clock: Seconds that never step back.
    """

    def __init__(
        self,
        limits: DoorLimits,
        *,
        is_barred: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._limits = limits
        self._is_barred = is_barred
        self._calls = Allowances(rate=CALLS_RATE, burst=CALLS_BURST, clock=clock)
        self._pending: dict[Socket, _Caller] = {}
        self._settled: dict[Socket, _Caller] = {}
        self.refused: Counter[str] = Counter()

    def enter(self, caller: Socket, hang_up: Callable[[], None]) -> bool:
        """Let a caller begin to prove who it is; False turns it away.

        Args:
            caller: Where it calls from.
            hang_up: Called, once at most, if it has to make way before it has settled.
        """
        host = caller[0]
        block, network = block_of(host), network_of(host)
        reason = self._objection(host, block, network)
        if reason:
            self.refused[reason] += 1
            return False
        same = [one for one, known in self._pending.items() if known.block == block]
        if len(same) >= PENDING_PER_ADDRESS_MAX:
            self._make_way(same[0])
        elif len(self._pending) >= PENDING_MAX:
            self._make_way(self._oldest_of_the_most())
        self._pending[caller] = _Caller(block, network, hang_up)
        return True

    def settle(self, caller: Socket) -> bool:
        """Let a caller stay that has proven who it is; False turns it away."""
        known = self._pending.pop(caller, None)
        if known is None:
            return False
        reason = self._full(known.block, known.network)
        if reason:
            self.refused[reason] += 1
            return False
        self._settled[caller] = known
        return True

    def leave(self, caller: Socket) -> None:
        """Note that a caller is gone."""
        self._pending.pop(caller, None)
        self._settled.pop(caller, None)

    def settled(self) -> Counter[str]:
        """Return how many callers have stayed, by address block."""
        return Counter(known.block for known in self._settled.values())

    def _objection(self, host: str, block: str, network: str) -> str:
        """Say why a caller is turned away at once; empty if it is not."""
        if self._is_barred(host):
            return "barred"
        if not self._calls.take(block):
            return "hurried"
        return self._full(block, network)

    def _full(self, block: str, network: str) -> str:
        limits, settled = self._limits, self._settled.values()
        if len(settled) >= limits.in_all:
            return "full"
        if sum(one.block == block for one in settled) >= limits.per_address:
            return "address_full"
        if sum(one.network == network for one in settled) >= limits.per_network:
            return "network_full"
        return ""

    def _oldest_of_the_most(self) -> Socket:
        """Return the oldest pending caller of the address that has most of them."""
        counts = Counter(known.block for known in self._pending.values())
        most = max(counts.values())
        return next(one for one, known in self._pending.items() if counts[known.block] == most)

    def _make_way(self, caller: Socket) -> None:
        self.refused["made_way"] += 1
        self._pending.pop(caller).hang_up()


def network_of(host: str) -> str:
    """Return the network of an address: what one provider hands out cheaply."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    prefix = _NETWORK_PREFIXES[address.version]
    return str(ipaddress.ip_network((address, prefix), strict=False))
