"""What must survive a crash: the signed bytes of each round and which rounds are closed.

Own envelopes are on disk before they are published, so that a restarted node says again
what it said before and never something else. A closed round keeps the bytes that it was
trained on until a checkpoint has made them needless. What verification found stays longer, for
whoever asks. It knows nothing of what the bytes mean.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from node.faults import DataDirFault, DiskFault
from node.work import Finding

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS envelopes (
    round INTEGER NOT NULL,
    own INTEGER NOT NULL,
    raw BLOB NOT NULL,
    UNIQUE (round, raw)
);
CREATE TABLE IF NOT EXISTS closed (round INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS findings (
    round INTEGER NOT NULL,
    author TEXT NOT NULL,
    prompt INTEGER NOT NULL,
    place INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    value REAL,
    threshold REAL,
    detail TEXT NOT NULL,
    UNIQUE (round, author, prompt, place)
);
"""

FINDINGS_ROUNDS_MAX = 1000
"""Rounds whose findings are kept. At most a few hundred rows a round, of some 200 bytes."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signed bytes as they were published or admitted."""

    raw: bytes
    own: bool


class Ledger:
    """One SQLite file in WAL mode; every write is durable when the call returns.

    Args:
        path: The file; made where it is missing.
        read_only: For whoever looks on while a node writes.

    Raises:
        DataDirFault: The file is no ledger, is damaged, or comes from a newer version.
        DiskFault: The disk refuses a write.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        access = "ro" if read_only else "rwc"
        place = f"{path.absolute().as_uri()}?mode={access}"
        try:
            self._file = sqlite3.connect(place, uri=True, isolation_level=None)
        except sqlite3.DatabaseError as error:
            raise self._fault(error) from error
        try:
            self._prepare(read_only=read_only)
        except sqlite3.DatabaseError as error:
            self._file.close()
            raise self._fault(error) from error
        except DataDirFault:
            self._file.close()
            raise

    def _prepare(self, *, read_only: bool) -> None:
        version = self._file.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise DataDirFault(
                f"The ledger {self._path} is of version {version}; this program knows "
                f"{SCHEMA_VERSION}.",
                fix="Update drl-node, or start with another --data-dir.",
            )
        if read_only:
            return
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.executescript(SCHEMA)
        self._file.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _fault(self, error: sqlite3.DatabaseError) -> DataDirFault | DiskFault:
        if isinstance(error, sqlite3.OperationalError):
            return DiskFault(
                f"The ledger {self._path} cannot be written: {error}.",
                fix="Free some space and start again; what was saved is kept.",
            )
        return DataDirFault(
            f"The ledger {self._path} is damaged: {error}.",
            fix="Move it away: the node goes on from its last checkpoint without it.",
        )

    def record_own(self, round_index: int, raws: Iterable[bytes]) -> None:
        """Write what this node is about to publish, flushed to the disk itself."""
        self._write(round_index, raws, own=True)

    def record(self, round_index: int, raw: bytes) -> None:
        """Write what a peer published and admission let in; it survives a killed process."""
        self._write(round_index, [raw], own=False)

    def _write(self, round_index: int, raws: Iterable[bytes], *, own: bool) -> None:
        rows = [(round_index, own, raw) for raw in raws]
        self._file.execute(f"PRAGMA synchronous={'FULL' if own else 'NORMAL'}")
        with self._transaction() as file:
            file.executemany("INSERT OR IGNORE INTO envelopes VALUES (?, ?, ?)", rows)

    def record_findings(self, round_index: int, findings: Iterable[Finding]) -> None:
        """Write what verification held against a round's completions; forget the oldest rounds."""
        rows = [
            (
                *(one.round_index, one.author, one.prompt_index, one.index),
                *(one.outcome, one.stage, one.reason, one.value, one.threshold, one.detail),
            )
            for one in findings
        ]
        with self._transaction() as file:
            # A round that is trained again after a crash finds the same again.
            file.executemany(
                "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
            file.execute(
                "DELETE FROM findings WHERE round <= ?", (round_index - FINDINGS_ROUNDS_MAX,)
            )

    def findings(
        self,
        *,
        author: str | None = None,
        round_index: int | None = None,
        reason: str | None = None,
        count_max: int = 1000,
    ) -> tuple[Finding, ...]:
        """Return findings, newest round first, of an author, a round or a reason where given."""
        rows = self._file.execute(
            "SELECT author, round, prompt, place, outcome, stage, reason, value, threshold, detail "
            "FROM findings WHERE (?1 IS NULL OR author = ?1) "
            "AND (?2 IS NULL OR round = ?2) AND (?3 IS NULL OR reason = ?3) "
            "ORDER BY round DESC, author, prompt, place LIMIT ?4",
            (author, round_index, reason, count_max),
        )
        names = [field.name for field in fields(Finding)]
        return tuple(Finding(**dict(zip(names, row, strict=True))) for row in rows)

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
            raise self._fault(error) from error

    def envelopes(self, round_index: int) -> tuple[Envelope, ...]:
        """Return a round's envelopes, in the order in which they were written."""
        rows = self._file.execute(
            "SELECT raw, own FROM envelopes WHERE round = ? ORDER BY rowid", (round_index,)
        )
        return tuple(Envelope(raw, bool(own)) for raw, own in rows)

    def close_round(self, round_index: int) -> None:
        """Freeze what a round is trained on: what is recorded of it by now."""
        with self._transaction() as file:
            file.execute("INSERT OR IGNORE INTO closed VALUES (?)", (round_index,))

    def closed_rounds(self) -> tuple[int, ...]:
        """Rounds that were frozen and not yet forgotten, oldest first."""
        rows = self._file.execute("SELECT round FROM closed ORDER BY round")
        return tuple(row[0] for row in rows)

    def highest_own_round(self) -> int:
        """The latest round that this node has signed anything for, or -1."""
        row = self._file.execute("SELECT max(round) FROM envelopes WHERE own = 1").fetchone()
        return -1 if row[0] is None else int(row[0])

    def forget_before(self, round_index: int) -> None:
        """Drop the rounds that a checkpoint has made needless."""
        with self._transaction() as file:
            file.execute("DELETE FROM envelopes WHERE round < ?", (round_index,))
            file.execute("DELETE FROM closed WHERE round < ?", (round_index,))

    def close(self) -> None:
        """Close the file; everything in it is already safe."""
        self._file.close()
