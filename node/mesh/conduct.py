"""What is held against peers and their addresses: for objective faults alone, and for a while.

A fault is what every honest implementation would have noticed before it sent it: a malformed
frame, a signature that does not hold, a message that breaks a numbered [REJECT] rule. Lateness,
silence, other models and whatever was merely ignored never get here. Nothing is told to others,
and nothing is forgotten because a peer hangs up or this node restarts. It does not hang up itself.
"""

import ipaddress
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.mesh.mesh import OnEvent
from node.whole import write_whole
from protocol.identity import PeerId

POINTS_MAX = 9.0
"""A peer with more is cut: the tenth invalid message within a minute or so is one too many."""

HALF_LIFE_S = 600.0
"""After so long half of what is held against somebody is forgotten."""

IDENTITIES_MAX = 3.0
"""An address from which more identities were cut is shut out itself: new ones cost nothing."""

BAR_S = 60.0
"""How long the first bar lasts; each further one, four times as long."""
BAR_S_MAX = 12 * 3600.0
"""Longest bar, and how long after its end a bar is remembered."""

NAMES_MAX = 1024
"""Peers or addresses of whom something is kept; identities are free, so this bounds memory only."""

_IPV6_PREFIX = 64
"""One subscriber's network, within which an IPv6 address costs nothing."""

_FILE_VERSION = 1
_FILE_CHARACTERS_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Bar:
    """Somebody is not let in.

    Args:
        until_s: Until when, on the wall's clock, so that it holds across a restart.
        times: How often so far.
        why: A few words.
    """

    until_s: float
    times: int
    why: str


def block_of(host: str) -> str:
    """Return what one holder of addresses has at least: an IPv4 address, or an IPv6 /64."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)


class _Points:
    """Points by name, halved every `HALF_LIFE_S`; bounded."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._points: dict[str, tuple[float, float]] = {}

    def add(self, name: str, points: float) -> float:
        """Add to a name's points and return what it has now."""
        now = self._clock()
        held, since_s = self._points.pop(name, (0.0, now))
        held = held * math.exp2((since_s - now) / HALF_LIFE_S) + points
        self._points[name] = (held, now)
        while len(self._points) > NAMES_MAX:
            del self._points[next(iter(self._points))]
        return held

    def forget(self, name: str) -> None:
        self._points.pop(name, None)


class Conduct:
    """Points and bars of peers and addresses.

    Args:
        path: Where bars survive a restart; None keeps none.
        clock: Seconds that never step back.
        wall: Seconds since 1970.
        on_event: Told who was barred, and of file troubles.
        spared: Peers that the operator named: cut when they send garbage, but never barred.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        on_event: OnEvent,
        spared: frozenset[PeerId] = frozenset(),
    ) -> None:
        self._path = path
        self._wall = wall
        self._on_event = on_event
        self._spared = {str(peer) for peer in spared}
        self._invalid = _Points(clock)
        self._cut = _Points(clock)
        self._bars: dict[str, Bar] = {}
        self._saved: str | None = None

    def note_invalid(self, peer: PeerId) -> bool:
        """Note an invalid message of a forwarder; True once it has sent too many."""
        return self._invalid.add(str(peer), 1.0) > POINTS_MAX

    def cut(self, peer: PeerId, host: str | None, why: str) -> None:
        """Note that a peer was hung up on for a fault; it is barred, and perhaps its address."""
        if str(peer) in self._spared:
            return
        self._bar(str(peer), why)
        if host is None:
            return
        block = block_of(host)
        if self._cut.add(block, 1.0) > IDENTITIES_MAX:
            self._bar(block, "too many identities were cut")

    def bars_peer(self, peer: PeerId) -> bool:
        """Say whether a peer is not to be let in now."""
        return self._holds(str(peer))

    def bars_host(self, host: str) -> bool:
        """Say whether callers from an address are not to be let in now."""
        return self._holds(block_of(host))

    def pardon(self, peer: PeerId) -> None:
        """Forget what is held against a peer."""
        self._bars.pop(str(peer), None)
        self._invalid.forget(str(peer))

    def bars(self) -> dict[str, Bar]:
        """Return who is barred now, and why."""
        return {name: bar for name, bar in self._bars.items() if self._holds(name)}

    def _holds(self, name: str) -> bool:
        bar = self._bars.get(name)
        # A wall clock that was set back must not prolong a bar beyond what was meant.
        return bar is not None and 0.0 < bar.until_s - self._wall() <= BAR_S_MAX

    def _bar(self, name: str, why: str) -> None:
        before = self._bars.pop(name, None)
        times = 1 if before is None else before.times + 1
        seconds = min(BAR_S * 4.0 ** (times - 1), BAR_S_MAX)
        self._bars[name] = Bar(self._wall() + seconds, times, why)
        while len(self._bars) > NAMES_MAX:
            del self._bars[next(iter(self._bars))]
        self._on_event("barred", {"who": name, "why": why, "seconds": seconds, "times": times})

    def load(self) -> None:
        """Read the file, if there is one; one that cannot be used is told, and set aside."""
        if self._path is None or not self._path.exists():
            return
        try:
            with self._path.open(encoding="utf-8") as file:
                self._bars = _bars_of(file.read(_FILE_CHARACTERS_MAX))
        except (OSError, ValueError, RecursionError) as error:
            self._on_event("bars_unreadable", {"path": self._path, "cause": str(error)})
            try:
                self._path.replace(self._path.with_suffix(".bad"))
            except OSError as second:
                self._on_event("bars_unwritable", {"path": self._path, "cause": str(second)})

    def save(self) -> None:
        """Write the bars whole or not at all; a full disk costs their memory only."""
        if self._path is None:
            return
        now = self._wall()
        held = dict(self._bars)  # a copy: saved beside the loop, which goes on
        kept = {one: bar for one, bar in held.items() if now < bar.until_s + BAR_S_MAX}
        text = _text_of(kept)
        if text == self._saved:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, text.encode())
        except OSError as error:
            self._on_event("bars_unwritable", {"path": self._path, "cause": str(error)})
            return
        self._saved = text


def _text_of(bars: dict[str, Bar]) -> str:
    written = [
        {"who": name, "until_s": round(bar.until_s, 3), "times": bar.times, "why": bar.why}
        for name, bar in bars.items()
    ]
    return json.dumps({"version": _FILE_VERSION, "bars": written}, indent=1) + "\n"


def _bars_of(text: str) -> dict[str, Bar]:
    """Read the file's text.

    Raises:
        ValueError: It is not what `_text_of` writes.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("version") != _FILE_VERSION:
        raise ValueError(f"not a list of bars of version {_FILE_VERSION}")
    try:
        return {
            str(one["who"]): Bar(float(one["until_s"]), int(one["times"]), str(one["why"]))
            for one in content["bars"][-NAMES_MAX:]
        }
    except (KeyError, TypeError) as error:
        raise ValueError(f"an entry is malformed: {error!r}") from error
