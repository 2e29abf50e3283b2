"""What is no sound ledger of this version is refused in words, and left as it was to the byte."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from node.faults import DataDirFault, DiskFault
from node.ledger import Ledger
from node.ledger.opening import copy_beside
from node.ledger.proof import prove
from node.ledger.schema import TABLES_2

LIFE = """
import os, signal, sys
from pathlib import Path
from node.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for round_index in range(40):
    ledger.record(round_index, bytes([round_index]) * 2000)
    ledger.close_round(round_index)
os.kill(os.getpid(), signal.SIGKILL)
"""


def kept(place: Path) -> dict[str, bytes]:
    """All that lies in a directory; a reader's own index of a log is no content."""
    return {one.name: one.read_bytes() for one in place.iterdir() if not one.name.endswith("-shm")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def killed(path: Path) -> Path:
    """A ledger whose node was killed, with its write-ahead log beside it."""
    ended = subprocess.run([sys.executable, "-c", LIFE, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.with_name("ledger.db-wal").stat().st_size > 0
    return path


def spoil(path: Path) -> None:
    """Overwrite a page of a table, which the head of the file says nothing about."""
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(os.urandom(4096))


def test_a_damaged_ledger_is_refused_before_its_log_is_merged_into_it(killed: Path) -> None:
    with closing(sqlite3.connect(killed)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    subprocess.run([sys.executable, "-c", LIFE, str(killed)], check=False)
    spoil(killed)
    before = kept(killed.parent)

    with pytest.raises(DataDirFault, match="is damaged") as caught:
        Ledger(killed)

    assert caught.value.exit_code == 3
    assert "Move it away, and identity.key with it" in caught.value.fix
    assert "lost are the rounds after the newest one" in caught.value.fix
    assert kept(killed.parent) == before


def test_a_killed_nodes_ledger_is_opened_with_all_that_is_in_its_log(killed: Path) -> None:
    with closing(Ledger(killed)) as ledger:
        assert ledger.closed_rounds() == tuple(range(40))


@pytest.mark.parametrize("read_only", [False, True])
def test_a_ledger_of_a_newer_version_is_refused_and_untouched(
    path: Path, *, read_only: bool
) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE dreams (of TEXT)")
        file.execute("PRAGMA user_version=99")
    before = kept(path.parent)

    with pytest.raises(DataDirFault, match="version 99") as caught:
        Ledger(path, read_only=read_only)

    assert caught.value.exit_code == 3
    assert "Update drl-node" in caught.value.fix
    assert kept(path.parent) == before


def test_somebody_elses_database_is_no_ledger_and_untouched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE recipes (of TEXT)")
    before = kept(path.parent)

    with pytest.raises(DataDirFault, match="no ledger"):
        Ledger(path)

    assert kept(path.parent) == before


def test_a_file_that_was_only_just_begun_becomes_a_ledger(path: Path) -> None:
    path.touch()

    with closing(Ledger(path)) as ledger:
        ledger.record(1, b"x")


def test_a_file_that_was_only_just_begun_is_not_read_as_an_old_ledger(path: Path) -> None:
    path.touch()

    with pytest.raises(DataDirFault, match="is empty") as caught:
        Ledger(path, read_only=True)

    assert caught.value.exit_code == 3
    assert "Put back the one that belongs here" in caught.value.fix


def test_a_directory_in_its_place_is_told_with_the_way_out(path: Path) -> None:
    path.mkdir()

    with pytest.raises(DataDirFault, match="is no file"):
        Ledger(path)


def test_a_place_that_nothing_can_be_made_in_is_told_with_the_way_out() -> None:
    with pytest.raises(DiskFault, match="unable to open") as caught:
        Ledger(Path(f"/proc/{os.getpid()}/ledger.db"))

    assert "readable and writable" in caught.value.fix


@pytest.fixture
def second(path: Path) -> Path:
    """A ledger of version 2 whose node was not closed in peace."""
    with closing(sqlite3.connect(path)) as file:
        for table in TABLES_2:
            file.execute(table)
        file.execute("INSERT INTO envelopes VALUES (1, 1, x'00', x'00')")
        file.execute("INSERT INTO closed VALUES (1, NULL)")
        file.execute("INSERT INTO notes VALUES ('settings', '{}')")
        file.execute("PRAGMA user_version=2")
        file.commit()
    return path


def test_an_older_ledger_is_copied_before_it_is_brought_up_to_date(second: Path) -> None:
    with closing(Ledger(second)) as ledger:
        linked = ledger._file.execute("SELECT kind, subject FROM links").fetchall()
        ledger.record(2, b"x")

    assert linked == [("signed", "1"), ("closed", "1"), ("noted", "settings")]
    copy = second.with_name("ledger.db.v2")
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (2,)
        assert file.execute("SELECT raw FROM envelopes").fetchall() == [(b"\0",)]
    assert {one.name for one in second.parent.iterdir()} == {"ledger.db", "ledger.db.v2"}


def test_what_an_older_ledger_held_is_proven_from_then_on(
    path: Path, lived: Ledger, open_ledger: Callable[[], Ledger]
) -> None:
    lived.close()
    with closing(sqlite3.connect(path)) as file:
        file.executescript("DROP TABLE links; DROP TABLE anchor; PRAGMA user_version=2;")

    head = open_ledger().head()

    proof = prove(path, [head])
    assert proof.misfit is None
    assert (proof.rounds, proof.signed, proof.heard, proof.anchor.seq) == (2, 3, 3, 0)


def test_without_room_for_the_copy_the_older_ledger_stays_as_it_is(
    second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = second.read_bytes()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(DiskFault, match="No space left"):
            Ledger(second)

    with closing(sqlite3.connect(second)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (2,)
    assert len(second.read_bytes()) == len(before)
    assert not second.with_name(".ledger.db.v2").exists()


def test_a_copy_that_was_interrupted_is_made_anew(
    second: Path, open_ledger: Callable[[], Ledger]
) -> None:
    second.with_name(".ledger.db.v2").write_bytes(b"half a copy")

    open_ledger()

    with closing(sqlite3.connect(second.with_name("ledger.db.v2"))) as file:
        assert file.execute("SELECT count(*) FROM envelopes").fetchone() == (1,)


def test_a_copy_holds_what_is_only_in_the_log_yet(killed: Path) -> None:
    with closing(sqlite3.connect(killed)) as file:
        copy = copy_beside(killed, file, 9)

    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("SELECT count(*) FROM closed").fetchone() == (40,)
