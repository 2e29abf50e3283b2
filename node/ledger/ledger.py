"""The file: signed bytes of each round, which rounds are closed, what was found of completions.

Own envelopes are on disk before they are published, so that a restarted node says again
what it said before and never something else. A closed round's bytes are what it was trained on:
a restart trains again on those that follow its checkpoint, and the older ones stay a while for
whoever asks. A file that is opened to be read is read while a node writes it.
"""

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.ledger import chain, rows
from node.ledger.chain import Head, Kind
from node.ledger.opening import fault_of, open_to_read, open_to_write
from node.ledger.rows import Count, Wanted
from node.ledger.schema import BY_ROUND
from node.work import Finding
from protocol.constants import OUTCASTS_MAX
from protocol.identity import PeerId

SETTINGS = "settings"
"""The note of what the model's side was told, in JSON: whoever verifies later asks the same."""

_INSERT_ENVELOPE = """
INSERT OR IGNORE INTO envelopes SELECT ?1, ?2, ?3, ?4
WHERE ?2 OR NOT EXISTS (SELECT 1 FROM closed WHERE round = ?1)
"""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signed bytes as they were published or admitted."""

    raw: bytes
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What a round is closed with.

    Args:
        round_index: 0-based round.
        digests: Of its contributions, 32 bytes each.
        raws: Messages of peers, among them all of theirs that these contributions consist of.
    """

    round_index: int
    digests: tuple[bytes, ...]
    raws: tuple[bytes, ...]


class Ledger:
    """One SQLite file in WAL mode; every write is durable when the call returns.

    Args:
        path: The file; made where it is missing, brought to this version where it is older.
        read_only: For whoever looks on while a node writes.

    Raises:
        DataDirFault: The file is no ledger, is damaged, or comes from a newer version; or from
            an older one, and may only be read.
        DiskFault: The disk refuses a write.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._file = open_to_read(path) if read_only else open_to_write(path)

    def record_own(self, round_index: int, raws: Iterable[bytes]) -> None:
        """Write what this node is about to publish, flushed to the disk itself."""
        self._write(round_index, raws, own=True)

    def record(self, round_index: int, raw: bytes) -> None:
        """Write what a peer published and admission let in; it survives a killed process.

        A closed round takes no more of peers: what it was frozen among is fixed, too.
        """
        self._write(round_index, [raw], own=False)

    def _write(self, round_index: int, raws: Iterable[bytes], *, own: bool) -> None:
        named = _named(round_index, raws, own=own)
        self._file.execute(f"PRAGMA synchronous={'FULL' if own else 'NORMAL'}")
        with self._transaction() as file:
            new = file.executemany(_INSERT_ENVELOPE, named).rowcount
            if own and new:
                chain.append(file, Kind.SIGNED, str(round_index))

    def record_outcast(self, author: PeerId, round_index: int, proof: bytes) -> None:
        """Write who equivocated, with the proof, flushed to the disk itself.

        Where there are `OUTCASTS_MAX` already, the oldest goes, as it does in admission.

        Args:
            author: Who.
            round_index: The first round that nothing of its is trained on in.
            proof: Evidence that anybody can check.
        """
        self._file.execute("PRAGMA synchronous=FULL")
        with self._transaction() as file:
            row = (author.public_key, round_index, proof)
            if file.execute("INSERT OR IGNORE INTO outcasts VALUES (?, ?, ?)", row).rowcount:
                chain.append(file, Kind.CAST_OUT, author.public_key.hex())
                over = (  # rows are numbered without a gap
                    "SELECT author FROM outcasts WHERE rowid <= "
                    "(SELECT max(rowid) FROM outcasts) - ? ORDER BY rowid"
                )
                for (gone,) in file.execute(over, (OUTCASTS_MAX,)).fetchall():
                    file.execute("DELETE FROM outcasts WHERE author = ?", (gone,))
                    chain.append(file, Kind.CAST_OUT, gone.hex())

    def outcasts(self) -> dict[PeerId, int]:
        """Return who equivocated, each with the first round without it."""
        found = self._file.execute("SELECT author, round FROM outcasts ORDER BY rowid")
        return {PeerId(key): round_index for key, round_index in found}

    def record_findings(self, round_index: int, found: Iterable[Finding]) -> None:
        """Write what was found of a round's completions, instead of what was found before.

        A round that is trained again after a crash is judged again, too.
        """
        with self._transaction() as file:
            file.execute("DELETE FROM contributions WHERE round = ?", (round_index,))
            rows.insert(file, found)
            chain.append(file, Kind.JUDGED, str(round_index))

    def findings(self, wanted: Wanted | None = None) -> Iterator[Finding]:
        """Yield the findings that are wanted, or all.

        Raises:
            DataDirFault, DiskFault: The file is damaged, or the disk is.
        """
        with self._reading() as file:
            yield from rows.select(file, wanted or Wanted())

    def count_findings(self, wanted: Wanted | None = None) -> int:
        """Return how many findings are wanted, or there are, whatever their bound."""
        with self._reading() as file:
            return rows.count(file, wanted or Wanted())

    def tally(self) -> tuple[Count, ...]:
        """Return how many completions there are, by author, outcome and reason.

        Raises:
            DataDirFault, DiskFault: The file is damaged, or the disk is.
        """
        try:
            return tuple(rows.tally(self._file))
        except sqlite3.DatabaseError as error:
            raise fault_of(self._path, error, reading=True) from error

    def records(self, since: int) -> dict[PeerId, int]:
        """Return by author the completions that were clean less those that were refused.

        Args:
            since: The first round that counts.

        Raises:
            DataDirFault, DiskFault: The file is damaged, or the disk is.
        """
        with self._reading() as file:
            return {PeerId.parse(one): net for one, net in rows.records(file, since).items()}

    def contributions(self, prefix: str) -> tuple[str, ...]:
        """Return the digests (hexadecimal) that begin so, of the contributions with findings."""
        found = self._rows(
            "SELECT hex(digest) FROM contributions "
            "WHERE substr(hex(digest), 1, length(?1)) = ?1 ORDER BY 1",
            prefix.upper(),
        )
        return tuple(row[0].lower() for row in found)

    def note(self, name: str, text: str) -> None:
        """Write something about this node's run under a name, instead of what stood there."""
        if text == self.noted(name):
            return
        with self._transaction() as file:
            file.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, text))
            chain.append(file, Kind.NOTED, name)

    def noted(self, name: str) -> str | None:
        """Return what was noted under a name."""
        found = self._rows("SELECT text FROM notes WHERE name = ?", name)
        return str(found[0][0]) if found else None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Give the file to be read.

        Raises:
            DataDirFault, DiskFault: It is damaged, or the disk is.
        """
        try:
            yield self._file
        except sqlite3.DatabaseError as error:
            raise fault_of(self._path, error, reading=True) from error

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading() as file:
            return file.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the file for several writes that happen all or not at all.

        Raises:
            DiskFault: The disk refuses.
        """
        try:
            self._file.execute("BEGIN IMMEDIATE")
            yield self._file
            self._file.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            if isinstance(error, sqlite3.IntegrityError):
                raise  # two rows for one place: whoever wrote them has a bug
            raise fault_of(self._path, error) from error

    def envelopes(self, round_index: int) -> tuple[Envelope, ...]:
        """Return a round's envelopes, in the order in which they were written."""
        found = self._rows(
            "SELECT raw, own FROM envelopes WHERE round = ? ORDER BY rowid", round_index
        )
        return tuple(Envelope(raw, bool(own)) for raw, own in found)

    def envelopes_besides(self, round_index: int, known: Collection[bytes]) -> Iterator[bytes]:
        """Yield a round's messages in the order in which they were written, each when asked for.

        Args:
            round_index: 0-based round.
            known: What the names of messages to be left out begin with, all of one length.
        """
        length = len(next(iter(known), b""))
        rows = self._rows(
            "SELECT rowid, name FROM envelopes WHERE round = ? ORDER BY rowid", round_index
        )
        for row, name in rows:
            if not known or name[:length] not in known:
                for (raw,) in self._rows("SELECT raw FROM envelopes WHERE rowid = ?", row):
                    yield raw

    def close_round(self, round_index: int, digests: Iterable[bytes] | None = None) -> None:
        """Freeze what a round is trained on, flushed to the disk itself.

        Args:
            round_index: Which; closed once, and later calls change nothing.
            digests: Of the contributions; None for all that are recorded by now.
        """
        named = None if digests is None else json.dumps([one.hex() for one in digests])
        self._file.execute("PRAGMA synchronous=FULL")
        with self._transaction() as file:
            row = (round_index, named)
            if file.execute("INSERT OR IGNORE INTO closed VALUES (?, ?)", row).rowcount:
                chain.append(file, Kind.CLOSED, str(round_index))

    def close_anew(self, rounds: Iterable[Closing]) -> None:
        """Freeze closed rounds with other contributions, all of them or none, flushed to the disk.

        What they had been frozen with stays in the hash chain.
        """
        self._file.execute("PRAGMA synchronous=FULL")
        with self._transaction() as file:
            for one in rounds:
                chain.append(file, Kind.REOPENED, str(one.round_index))
                file.execute("DELETE FROM closed WHERE round = ?", (one.round_index,))
                file.executemany(_INSERT_ENVELOPE, _named(one.round_index, one.raws, own=False))
                digests = json.dumps([digest.hex() for digest in one.digests])
                file.execute("INSERT INTO closed VALUES (?, ?)", (one.round_index, digests))
                chain.append(file, Kind.CLOSED, str(one.round_index))

    def frozen(self, round_index: int) -> frozenset[bytes] | None:
        """Return the digests that a closed round was frozen with; None for all of it."""
        found = self._rows("SELECT digests FROM closed WHERE round = ?", round_index)
        if not found or found[0][0] is None:
            return None
        return frozenset(bytes.fromhex(one) for one in json.loads(found[0][0]))

    def closed_rounds(self, since: int = 0) -> tuple[int, ...]:
        """Rounds from one on that were frozen and not yet forgotten, oldest first."""
        found = self._rows("SELECT round FROM closed WHERE round >= ? ORDER BY round", since)
        return tuple(row[0] for row in found)

    def highest_own_round(self) -> int:
        """The latest round that this node has signed anything for, or -1."""
        ((found,),) = self._rows("SELECT max(round) FROM envelopes WHERE own = 1")
        return -1 if found is None else int(found)

    def forget_before(self, round_index: int) -> None:
        """Drop all that is of earlier rounds; no round that follows a checkpoint may be."""
        with self._transaction() as file:
            before = file.total_changes
            for table in BY_ROUND:
                file.execute(
                    f"DELETE FROM {table} WHERE round < ?",  # noqa: S608 - one of our own names
                    (round_index,),
                )
            if file.total_changes > before:
                chain.forget_before(file, round_index)

    def head(self) -> Head:
        """Return the newest link of the hash chain, to be noted where this file is not."""
        with self._reading() as file:
            return chain.head(file)

    def noted_head(self) -> str:
        """Return it with its swarm, as `ledger verify --head` takes it."""
        return self.head().noted(self._path.parent.name)

    def close(self) -> None:
        """Close the file; everything in it is already safe."""
        self._file.close()


def _named(
    round_index: int, raws: Iterable[bytes], *, own: bool
) -> list[tuple[int, bool, bytes, bytes]]:
    """Return messages as the rows in which they are kept."""
    return [(round_index, own, hashlib.sha256(raw).digest(), raw) for raw in raws]
