"""Whom this node's operator trusts and whom not: two lists in a file beside its key.

An operator's word, apart from what the node finds out by itself (`node.standing` about answers,
`node.mesh.conduct` about messages). A running node reads it again when it has changed. It knows
names only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from node.faults import ConfigFault, DataDirFault, DiskFault
from node.standing import TrustSettings
from node.whole import write_whole
from protocol.identity import PeerId

NAMES_MAX = 10_000
FILE_NAME = "roster.json"
_NOTE_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Peers by what their operator said of them.

    Args:
        trusted: Their answers count from the first round on; with a note why.
        banned: Nothing of theirs is taken, and they are not connected to; with a note why.
    """

    trusted: Mapping[PeerId, str] = field(default_factory=lambda: MappingProxyType({}))
    banned: Mapping[PeerId, str] = field(default_factory=lambda: MappingProxyType({}))

    def trusting(self, peer: PeerId, note: str = "") -> "Roster":
        """Return a roster that trusts a peer, and bans it no more."""
        trusted = dict(self.trusted) | {peer: note[:_NOTE_CHARACTERS_MAX]}
        return replace(self, trusted=trusted, banned=without(self.banned, peer))

    def banning(self, peer: PeerId, note: str = "") -> "Roster":
        """Return a roster that bans a peer, and trusts it no more."""
        banned = dict(self.banned) | {peer: note[:_NOTE_CHARACTERS_MAX]}
        return replace(self, banned=banned, trusted=without(self.trusted, peer))

    def forgetting(self, peer: PeerId) -> "Roster":
        """Return a roster that says nothing of a peer."""
        return Roster(trusted=without(self.trusted, peer), banned=without(self.banned, peer))


def without(names: Mapping[PeerId, str], peer: PeerId) -> dict[PeerId, str]:
    """Return names but one."""
    return {name: note for name, note in names.items() if name != peer}


def parse_peer(text: str) -> PeerId:
    """Read a peer id as people paste it.

    Raises:
        ConfigFault: It is none.
    """
    try:
        return PeerId.parse(text.strip())
    except ValueError as error:
        raise ConfigFault(
            f"{text!r} is no peer id: {error}.",
            fix="Copy the whole id (12D3KooW...) from the node's first line of output.",
        ) from error


def read_roster(path: Path) -> Roster:
    """Read a roster; an empty one where there is no file.

    Raises:
        ConfigFault: The file is not as `write_roster` writes it; the entry at fault is named.
        DataDirFault: It cannot be read.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Roster()
    except OSError as error:
        fix = "Make it readable for this user: without it nobody is trusted or banned."
        raise DataDirFault(f"{path} cannot be read: {error.strerror}.", fix=fix) from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, str(error)) from error
    if not isinstance(read, dict) or set(read) != {"trusted", "banned"}:
        raise _broken(path, "it does not hold just the lists trusted and banned")
    lists: dict[str, dict[PeerId, str]] = {}
    for name, notes in read.items():
        if not isinstance(notes, dict) or len(notes) > NAMES_MAX:
            raise _broken(path, f"{name} is not a list of at most {NAMES_MAX} names with notes")
        try:
            lists[name] = {PeerId.parse(peer): str(note) for peer, note in notes.items()}
        except ValueError as error:
            raise _broken(path, f"in {name}: {error}") from error
    return Roster(trusted=lists["trusted"], banned=lists["banned"])


def write_roster(path: Path, roster: Roster) -> None:
    """Write a roster, whole or not at all.

    Raises:
        DiskFault: The disk refuses; the file stays as it was.
    """
    lists = {
        name: {str(peer): note for peer, note in sorted(getattr(roster, name).items())}
        for name in ("trusted", "banned")
    }
    try:
        write_whole(path, json.dumps(lists, indent=1).encode() + b"\n")
    except OSError as error:
        fix = "Free some space, or make the directory writable for this user."
        raise DiskFault(f"{path} cannot be written: {error.strerror}.", fix=fix) from error


def _broken(path: Path, why: str) -> ConfigFault:
    fix = "Correct it, or move it away: without it nobody is trusted or banned."
    return ConfigFault(f"{path} cannot be used: {why}.", fix=fix)


def watch_roster(data_dir: Path, settings: TrustSettings) -> "WatchedRoster":
    """Return a node's roster, as its file and its settings say.

    Raises:
        ConfigFault: One of the two names somebody who cannot be.
        DataDirFault: The file cannot be read.
    """
    try:
        trusted = frozenset(parse_peer(peer) for peer in settings.trusted)
    except ConfigFault as fault:
        raise ConfigFault(f"In trust.trusted: {fault.cause}", fix=fault.fix) from fault
    return WatchedRoster(data_dir / FILE_NAME, trusted)


class WatchedRoster:
    """A roster that follows its file.

    Args:
        path: The file, which may come and go.
        trusted: Peers that are trusted whatever the file says.

    Raises:
        ConfigFault, DataDirFault: The file is broken now, or cannot be read. Once it was read,
            such a one changes nothing.
    """

    def __init__(self, path: Path, trusted: frozenset[PeerId] = frozenset()) -> None:
        self._path = path
        self._always = trusted
        self._seen = self._stamp()
        self._roster = read_roster(path)

    def look(self) -> str | None:
        """Read the file again if it has changed; return what is wrong with it, if anything."""
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            self._roster = read_roster(self._path)
        except (ConfigFault, DataDirFault) as fault:
            return fault.cause
        return None

    def is_trusted(self, peer: PeerId) -> bool:
        """Whether a peer's answers count from its first round on."""
        return peer in self._always or peer in self._roster.trusted

    def is_banned(self, peer: PeerId) -> bool:
        """Whether nothing of a peer's is taken."""
        return peer in self._roster.banned

    def admits(self, peer: PeerId, *, only_trusted: bool) -> bool:
        """Whether a peer may be connected to and heard.

        Args:
            peer: Whoever it is.
            only_trusted: Whether it must be one of those that are trusted.
        """
        return not self.is_banned(peer) and (self.is_trusted(peer) or not only_trusted)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
