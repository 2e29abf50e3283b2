"""A ledger of an older version goes on, with all that it held."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from node.faults import DataDirFault
from node.ledger import Ledger
from node.ledger.opening import version_of
from node.ledger.schema import VERSION
from node.work import Said

VERSION_1 = """
CREATE TABLE envelopes (
    round INTEGER NOT NULL, own INTEGER NOT NULL, raw BLOB NOT NULL, UNIQUE (round, raw)
);
CREATE TABLE closed (round INTEGER PRIMARY KEY);
CREATE TABLE findings (
    round INTEGER NOT NULL, author TEXT NOT NULL, prompt INTEGER NOT NULL, place INTEGER NOT NULL,
    outcome TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL,
    value REAL, threshold REAL, detail TEXT NOT NULL,
    UNIQUE (round, author, prompt, place)
);
INSERT INTO envelopes VALUES (7, 1, x'02'), (7, 0, x'01'), (8, 1, x'02');
INSERT INTO closed VALUES (7);
INSERT INTO findings VALUES
    (7, 'ann', 3, 0, 'refuse', 'replay', 'not_replayed', 9e999, 0.0005, ''),
    (7, 'ann', 3, 2, 'undecided', 'length', 'no_lengths', 12, NULL, 'a "detail"'),
    (8, 'bob', 3, 0, 'refuse', 'form', 'empty', NULL, NULL, '');
PRAGMA user_version=1;
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger as the first release wrote it."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as file:
        file.executescript(VERSION_1)
    return path


def test_a_ledger_of_the_first_version_keeps_bytes_rounds_and_findings(
    old: Path, open_ledger: Callable[[], Ledger]
) -> None:
    ledger = open_ledger()

    assert [(one.raw, one.own) for one in ledger.envelopes(7)] == [(b"\2", True), (b"\1", False)]
    assert ledger.closed_rounds() == (7,)
    assert ledger.highest_own_round() == 8
    bob, ann, other = ledger.findings()
    assert (bob.author, bob.round_index, bob.reason) == ("bob", 8, "empty")
    assert ann.deciding == Said(
        stage="replay",
        outcome="refuse",
        reason="not_replayed",
        value=float("inf"),
        threshold=0.0005,
    )
    assert other.deciding.detail == 'a "detail"'
    assert other.verdicts == (other.deciding,)
    assert (other.text, other.reward, other.contribution) == ("", None, "")


def test_it_is_brought_up_to_date_once_and_written_on(
    old: Path, open_ledger: Callable[[], Ledger]
) -> None:
    ledger = open_ledger()
    ledger.record(8, b"\2")
    ledger.record(9, b"new")

    again = open_ledger()

    assert [one.raw for one in again.envelopes(8)] == [b"\2"]
    assert [one.raw for one in again.envelopes(9)] == [b"new"]
    assert version_of(again._file) == VERSION


def test_a_migration_that_fails_leaves_the_old_ledger_whole(
    old: Path, open_ledger: Callable[[], Ledger]
) -> None:
    with closing(sqlite3.connect(old)) as file:
        file.execute("CREATE TABLE contributions (of TEXT)")  # stands in the way
        file.commit()

    with pytest.raises(Exception, match="contributions"):
        open_ledger()

    with closing(sqlite3.connect(old)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
        assert file.execute("SELECT count(*) FROM envelopes").fetchone() == (3,)
        assert file.execute("SELECT count(*) FROM findings").fetchone() == (3,)


def test_who_only_reads_does_not_change_an_older_ledger(old: Path) -> None:
    with pytest.raises(DataDirFault, match="Start the node once"):
        Ledger(old, read_only=True)

    with closing(sqlite3.connect(old)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
