"""What the ledger took is there after any end, and damage is told, not hidden."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from node.faults import DataDirFault, DiskFault
from node.ledger import Envelope, Ledger
from node.work import Finding


def test_envelopes_come_back_in_the_order_they_were_written(ledger: Ledger) -> None:

    ledger.record_own(3, [b"b", b"a"])
    ledger.record(3, b"peer")
    ledger.record(4, b"ahead")

    expected = (Envelope(b"b", own=True), Envelope(b"a", own=True), Envelope(b"peer", own=False))
    assert expected == ledger.envelopes(3)
    assert ledger.highest_own_round() == 3


def test_of_what_a_reader_knows_by_name_nothing_is_read(ledger: Ledger) -> None:
    raws = [bytes([number]) * 10 for number in range(6)]
    ledger.record_own(3, raws)
    known = {hashlib.sha256(raw).digest()[:8] for raw in raws[1:4]}

    assert list(ledger.envelopes_besides(3, known)) == [raws[0], *raws[4:]]
    assert list(ledger.envelopes_besides(3, ())) == raws
    assert list(ledger.envelopes_besides(4, known)) == []


def test_the_same_envelope_is_kept_once(ledger: Ledger) -> None:

    ledger.record(1, b"x")
    ledger.record(1, b"x")

    assert len(ledger.envelopes(1)) == 1


def test_closed_rounds_are_remembered_until_they_are_forgotten(ledger: Ledger) -> None:
    for round_index in (7, 8, 9):
        ledger.record(round_index, b"x")
        ledger.close_round(round_index)

    assert ledger.closed_rounds(since=8) == (8, 9)
    ledger.forget_before(9)

    assert ledger.closed_rounds() == (9,)
    assert ledger.envelopes(8) == ()
    assert len(ledger.envelopes(9)) == 1


def test_nothing_of_forgotten_rounds_stays_in_any_table(
    ledger: Ledger, found: Callable[..., Finding]
) -> None:
    for round_index in range(5):
        ledger.record(round_index, b"x")
        ledger.close_round(round_index)
        ledger.record_findings(round_index, [found(round_index), found(round_index, index=1)])
    ledger.note("settings", "{}")
    named = ledger._file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = [row[0] for row in named]

    ledger.forget_before(4)

    rows = {
        table: ledger._file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - its own names
        for table in tables
    }
    assert rows == {
        "envelopes": 1,
        "closed": 1,
        "contributions": 1,
        "completions": 2,
        "notes": 1,
        "outcasts": 0,
        "links": 4,  # what is kept of the last round, the note, and what was forgotten
        "anchor": 1,
    }


def test_what_was_noted_last_holds(ledger: Ledger) -> None:
    ledger.note("settings", "old")
    ledger.note("settings", "new")

    assert ledger.noted("settings") == "new"
    assert ledger.noted("weather") is None


def test_a_ledger_is_read_while_its_node_writes(
    tmp_path: Path, ledger: Ledger, found: Callable[..., Finding]
) -> None:
    ledger.record_findings(1, [found(1)])
    with closing(Ledger(tmp_path / "ledger.db", read_only=True)) as onlooker:
        ledger._file.execute("BEGIN IMMEDIATE")
        seen = list(onlooker.findings())
        ledger._file.execute("ROLLBACK")
        with pytest.raises(DiskFault, match="readonly"):
            onlooker.record(1, b"x")

    assert seen == [found(1)]


def test_a_closed_round_takes_no_more_of_peers(ledger: Ledger) -> None:
    ledger.record(1, b"in time")
    ledger.close_round(1)

    ledger.record(1, b"late")

    assert [one.raw for one in ledger.envelopes(1)] == [b"in time"]


def test_an_empty_ledger_has_signed_nothing(ledger: Ledger) -> None:
    assert ledger.highest_own_round() == -1


def test_what_a_killed_process_recorded_is_there(
    tmp_path: Path, open_ledger: Callable[[], Ledger]
) -> None:
    code = (
        "import os, sys; from pathlib import Path; from node.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "ledger.record_own(1, [b'own']); ledger.record(1, b'peer'); ledger.close_round(1)\n"
        "os.kill(os.getpid(), 9)"
    )

    subprocess.run([sys.executable, "-c", code, str(tmp_path / "ledger.db")], check=False)

    ledger = open_ledger()
    assert [one.raw for one in ledger.envelopes(1)] == [b"own", b"peer"]
    assert ledger.closed_rounds() == (1,)


def test_a_file_that_is_no_ledger_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all" * 100)

    with pytest.raises(DataDirFault, match="damaged"):
        Ledger(path)

    assert path.read_bytes().startswith(b"not a database")


def test_damage_that_is_met_while_reading_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(Ledger(path)) as ledger:
        for round_index in range(200):
            ledger.record(round_index, bytes([round_index]) * 500)
    content = bytearray(path.read_bytes())
    content[len(content) // 4 :] = b"\xff" * (len(content) - len(content) // 4)
    path.write_bytes(content)

    with (
        closing(Ledger(path, read_only=True)) as ledger,
        pytest.raises((DataDirFault, DiskFault), match="ledger"),
    ):
        [ledger.envelopes(round_index) for round_index in range(200)]


def test_a_disk_that_refuses_a_write_keeps_what_was_written(ledger: Ledger) -> None:
    ledger.record(1, b"kept")
    ledger._file.execute("PRAGMA max_page_count=8")

    with pytest.raises(DiskFault, match="cannot be written"):
        ledger.record(1, b"x" * 200_000)

    assert [one.raw for one in ledger.envelopes(1)] == [b"kept"]
