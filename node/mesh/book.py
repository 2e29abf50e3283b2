"""The peers a node knows of, and where: heard from the swarm, kept in a file across restarts.

It does not dial, and does not know who is connected now. A file that cannot be read or written is
told and lived without: a node that remembers nobody still has its first peers.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from node.mesh.addresses import ADDRESSES_MAX, Address, decode_announcement
from node.mesh.allowance import Allowances
from node.mesh.mesh import Decision, OnEvent
from node.whole import write_whole
from protocol.identity import PeerId

PEERS_MAX = 256
"""Peers remembered; a swarm of a round's few shares has no use for more."""

HEAR_S = 1.0
"""Announcements of one author closer than this are not passed on; peers make them further apart."""

STRANGERS_RATE = 1.0
STRANGERS_BURST = 64.0
"""Announcements of authors not heard of before that are kept and passed on, per second and at once.
Authors cost nothing to invent, and each would be told to the whole swarm."""

_FILE_VERSION = 1
_FILE_CHARACTERS_MAX = 1 << 20
"""Four addresses each of `PEERS_MAX` peers take a tenth of this; the rest would be cut off, and
what is cut off is no JSON."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one peer.

    Args:
        addresses: Where it says it is.
        met: Whether we were ever connected to it. Strangers cost nothing to invent, so they make
            way first.
        heard_s: When it last announced itself, on our clock.
    """

    addresses: tuple[Address, ...] = ()
    met: bool = False
    heard_s: float = float("-inf")


class AddressBook:
    """Known peers, longest unheard first.

    Args:
        own: Who we are; not kept.
        path: The file; None keeps nothing across restarts.
        clock: Seconds that never step back.
        on_event: Told of refused announcements and of file troubles.
    """

    def __init__(
        self, own: PeerId, path: Path | None, *, clock: Callable[[], float], on_event: OnEvent
    ) -> None:
        self._own = own
        self._path = path
        self._clock = clock
        self._on_event = on_event
        self._entries: dict[PeerId, Entry] = {}
        self._strangers = Allowances(
            rate=STRANGERS_RATE, burst=STRANGERS_BURST, clock=clock, names_max=1
        )
        self._saved: str | None = None

    def peers(self) -> list[PeerId]:
        """Return the known peers that have an address, last heard first."""
        return [peer for peer, entry in reversed(self._entries.items()) if entry.addresses]

    def addresses(self, peer: PeerId) -> tuple[Address, ...]:
        """Return where a peer can be dialled, as far as is known."""
        return self._entries.get(peer, Entry()).addresses

    def hear(self, payload: bytes, _forwarder: PeerId, author: PeerId) -> Decision:
        """Judge an announcement, and keep what it says."""
        entry = self._entries.get(author, Entry())
        # [IGNORE] Its author announced itself more than a moment ago.
        if self._clock() - entry.heard_s < HEAR_S:
            return Decision.IGNORE
        # [REJECT] It is a short list of addresses, each of its author.
        try:
            addresses = decode_announcement(payload, author)
        except ValueError as error:
            self._on_event("address_refused", {"author": author, "reason": str(error)})
            return Decision.REJECT
        # [IGNORE] Its author was heard of before, or few others were lately.
        if author not in self._entries and not self._strangers.take(""):
            return Decision.IGNORE
        self._put(author, replace(entry, addresses=addresses, heard_s=self._clock()))
        return Decision.ACCEPT

    def meet(self, peer: PeerId) -> None:
        """Note that we are connected to a peer."""
        self._put(peer, replace(self._entries.get(peer, Entry()), met=True))

    def _put(self, peer: PeerId, entry: Entry) -> None:
        """Keep an entry as the newest; the oldest stranger, or else the oldest, makes way."""
        if peer == self._own:
            return
        self._entries.pop(peer, None)
        self._entries[peer] = entry
        if len(self._entries) > PEERS_MAX:
            strangers = (other for other, known in self._entries.items() if not known.met)
            del self._entries[next(strangers, next(iter(self._entries)))]

    def load(self) -> None:
        """Read the file, if there is one; one that cannot be used is set aside, not overwritten."""
        if self._path is None or not self._path.exists():
            return
        try:
            with self._path.open(encoding="utf-8") as file:
                self._entries = _entries_of(file.read(_FILE_CHARACTERS_MAX))
        except (OSError, ValueError, RecursionError) as error:
            self._on_event("known_peers_unreadable", {"path": self._path, "cause": str(error)})
            self._set_aside(self._path)

    def _set_aside(self, path: Path) -> None:
        try:
            path.replace(path.with_suffix(".bad"))
        except OSError as error:
            self._on_event("known_peers_unwritable", {"path": path, "cause": str(error)})

    def save(self) -> None:
        """Write the file whole or not at all; a full disk costs the memory of peers only."""
        if self._path is None:
            return
        text = _text_of(dict(self._entries))  # a copy: saved beside the loop, which goes on
        if text == self._saved:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, text.encode())
        except OSError as error:
            self._on_event("known_peers_unwritable", {"path": self._path, "cause": str(error)})
            return
        self._saved = text


def _text_of(entries: dict[PeerId, Entry]) -> str:
    peers = [
        {"peer": str(peer), "addresses": [str(one) for one in entry.addresses], "met": entry.met}
        for peer, entry in entries.items()
        if entry.addresses
    ]
    return json.dumps({"version": _FILE_VERSION, "peers": peers}, indent=1) + "\n"


def _entries_of(text: str) -> dict[PeerId, Entry]:
    """Read the file's text.

    Raises:
        ValueError: It is not what `_text_of` writes.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("version") != _FILE_VERSION:
        raise ValueError(f"not a list of known peers of version {_FILE_VERSION}")
    entries: dict[PeerId, Entry] = {}
    try:
        for known in content["peers"][-PEERS_MAX:]:
            peer = PeerId.parse(known["peer"])
            addresses = tuple(Address.parse(one) for one in known["addresses"][:ADDRESSES_MAX])
            entries[peer] = Entry(addresses, met=bool(known["met"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"an entry is malformed: {error!r}") from error
    return entries
