"""What the ledger took is there after any end, and damage is told, not hidden."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from node.faults import DataDirFault, DiskFault
from node.ledger import Envelope, Ledger
from node.work import Finding


@pytest.fixture
def open_ledger(tmp_path: Path) -> Iterator[Callable[[], Ledger]]:
    """Open this test's ledger, as often as it likes; all are closed after it."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(Ledger(tmp_path / "ledger.db")))


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()


def test_envelopes_come_back_in_the_order_they_were_written(ledger: Ledger) -> None:

    ledger.record_own(3, [b"b", b"a"])
    ledger.record(3, b"peer")
    ledger.record(4, b"ahead")

    expected = (Envelope(b"b", own=True), Envelope(b"a", own=True), Envelope(b"peer", own=False))
    assert expected == ledger.envelopes(3)
    assert ledger.highest_own_round() == 3


def test_the_same_envelope_is_kept_once(ledger: Ledger) -> None:

    ledger.record(1, b"x")
    ledger.record(1, b"x")

    assert len(ledger.envelopes(1)) == 1


def test_closed_rounds_are_remembered_until_they_are_forgotten(ledger: Ledger) -> None:
    for round_index in (7, 8, 9):
        ledger.record(round_index, b"x")
        ledger.close_round(round_index)

    ledger.forget_before(9)

    assert ledger.closed_rounds() == (9,)
    assert ledger.envelopes(8) == ()
    assert len(ledger.envelopes(9)) == 1


def found(round_index: int, author: str, reason: str = "not_replayed") -> Finding:
    return Finding(
        author=author,
        round_index=round_index,
        prompt_index=5,
        index=0,
        outcome="refuse",
        stage="replay",
        reason=reason,
        value=2.5,
        threshold=None,
        detail="token 3",
    )


def test_findings_are_asked_by_author_round_and_reason(ledger: Ledger) -> None:
    one, other, third = found(1, "a"), found(1, "b", "overlong"), found(2, "a")
    ledger.record_findings(1, [one, other])
    ledger.record_findings(2, [third])

    assert ledger.findings() == (third, one, other)
    assert ledger.findings(author="a") == (third, one)
    assert ledger.findings(round_index=1, reason="overlong") == (other,)
    assert ledger.findings(count_max=1) == (third,)


def test_a_round_that_is_trained_again_finds_the_same_once(ledger: Ledger) -> None:

    ledger.record_findings(1, [found(1, "a")])
    ledger.record_findings(1, [found(1, "a")])

    assert len(ledger.findings()) == 1


def test_findings_are_forgotten_after_a_thousand_rounds(ledger: Ledger) -> None:
    ledger.record_findings(3, [found(3, "a")])

    ledger.record_findings(1003, [found(1003, "a")])

    assert [one.round_index for one in ledger.findings()] == [1003]


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


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version=99")
    file.close()

    with pytest.raises(DataDirFault, match="version 99"):
        Ledger(path)


def test_a_disk_that_refuses_a_write_keeps_what_was_written(ledger: Ledger) -> None:
    ledger.record(1, b"kept")
    ledger._file.execute("PRAGMA max_page_count=8")

    with pytest.raises(DiskFault, match="cannot be written"):
        ledger.record(1, b"x" * 200_000)

    assert [one.raw for one in ledger.envelopes(1)] == [b"kept"]
