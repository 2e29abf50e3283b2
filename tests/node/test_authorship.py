"""A key and the ledger of what it has signed stay together, or a person decides."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from node.authorship import AUTHOR, LEDGER, check_author, note_author, open_own_ledger
from node.faults import DataDirFault, DiskFault, IdentityFault
from node.keyfile import seeded_keypair

ME, OTHER = (seeded_keypair(0, index).peer_id for index in range(2))


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A directory in which `ME` has signed."""
    (tmp_path / LEDGER).write_bytes(b"rows")
    note_author(tmp_path, ME)
    return tmp_path


def test_the_key_that_has_signed_goes_on(run_dir: Path) -> None:
    assert check_author(run_dir, ME) is False
    note_author(run_dir, ME)

    assert (run_dir / AUTHOR).read_text() == f"{ME}\n"


def test_a_new_directory_is_anybodys(tmp_path: Path) -> None:
    assert check_author(tmp_path, ME) is True


def test_a_directory_without_a_note_is_whose_key_opens_it(run_dir: Path) -> None:
    """An older release wrote none."""
    (run_dir / AUTHOR).unlink()

    check_author(run_dir, OTHER)


def test_another_key_is_refused_until_the_note_is_removed(run_dir: Path) -> None:
    with pytest.raises(IdentityFault, match=str(ME)) as refused:
        check_author(run_dir, OTHER)

    assert str(run_dir / AUTHOR) in refused.value.fix
    (run_dir / AUTHOR).unlink()
    check_author(run_dir, OTHER)


def test_a_key_whose_ledger_is_gone_is_refused(run_dir: Path) -> None:
    (run_dir / LEDGER).unlink()

    with pytest.raises(DataDirFault, match="is gone"):
        check_author(run_dir, ME)


def test_without_both_a_new_key_begins_anew_however_it_is_interrupted(run_dir: Path) -> None:
    """The note of the old key goes first, so that no half of a beginning is refused."""
    (run_dir / LEDGER).unlink()

    assert check_author(run_dir, OTHER) is True

    assert not (run_dir / AUTHOR).exists()
    check_author(run_dir, OTHER)
    (run_dir / LEDGER).write_bytes(b"rows")
    check_author(run_dir, OTHER)
    note_author(run_dir, OTHER)
    check_author(run_dir, OTHER)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe"])
def test_a_broken_note_is_refused_with_its_path(run_dir: Path, content: bytes) -> None:
    (run_dir / AUTHOR).write_bytes(content)

    with pytest.raises(IdentityFault) as refused:
        check_author(run_dir, ME)

    assert str(run_dir / AUTHOR) in refused.value.fix


def test_a_disk_that_refuses_the_note_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskFault, match="author"):
        note_author(tmp_path / "missing", ME)


def test_a_ledger_that_holds_what_was_trained_on_is_opened_again(tmp_path: Path) -> None:
    with closing(open_own_ledger(tmp_path, ME, next_round=0)) as ledger:
        ledger.close_round(0)
        ledger.close_round(1)

    with closing(open_own_ledger(tmp_path, ME, next_round=2)) as ledger:
        assert ledger.closed_rounds() == (0, 1)


def test_a_ledger_that_ends_before_the_checkpoint_is_refused(tmp_path: Path) -> None:
    """Its write-ahead log was removed, or it is an old copy: what was signed since is unknown."""
    with closing(open_own_ledger(tmp_path, ME, next_round=0)) as ledger:
        ledger.close_round(0)

    with pytest.raises(DataDirFault, match="ends before round 3"):
        open_own_ledger(tmp_path, ME, next_round=3)


def test_a_ledger_whose_log_is_cut_is_refused_with_all_that_is_left_of_it(tmp_path: Path) -> None:
    """What a process that was killed had not merged yet may still be mended by hand."""
    lived, killed = tmp_path / "lived", tmp_path / "killed"
    lived.mkdir()
    with closing(open_own_ledger(lived, ME, next_round=0)) as ledger:
        for round_index in range(3):
            ledger.close_round(round_index, [])
        shutil.copytree(lived, killed)  # as it lies on the disk while it is written
    log = killed / f"{LEDGER}-wal"
    cut = log.read_bytes()[: log.stat().st_size // 3]
    log.write_bytes(cut)

    with pytest.raises(DataDirFault, match="ends before round 3"):
        open_own_ledger(killed, ME, next_round=3)

    assert log.read_bytes() == cut


def test_an_emptied_ledger_is_refused_though_there_is_no_checkpoint(tmp_path: Path) -> None:
    open_own_ledger(tmp_path, ME, next_round=0).close()
    for path in tmp_path.glob(f"{LEDGER}*"):
        path.unlink()
    (tmp_path / LEDGER).touch()

    with pytest.raises(DataDirFault, match="is gone"):
        open_own_ledger(tmp_path, ME, next_round=0)

    assert (tmp_path / LEDGER).read_bytes() == b""


def test_a_new_key_without_a_ledger_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    """As often as it is started: the ledger has noted where it began."""
    for _ in range(2):
        open_own_ledger(tmp_path, OTHER, next_round=7).close()
