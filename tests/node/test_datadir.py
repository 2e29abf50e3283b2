"""A data directory belongs to one process at a time."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.datadir import entries, is_there, lock_directory, make_private_directory, swarm_files
from node.faults import DataDirFault


def test_a_second_holder_is_refused_with_the_first_ones_number(tmp_path: Path) -> None:
    with (
        lock_directory(tmp_path),
        pytest.raises(DataDirFault, match=f"process {os.getpid()}"),
        lock_directory(tmp_path),
    ):
        pass


def test_a_directory_is_free_again_after_its_holder(tmp_path: Path) -> None:
    with lock_directory(tmp_path):
        pass

    with lock_directory(tmp_path):
        pass


def test_a_killed_holder_leaves_the_directory_free(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from node.datadir import lock_directory\n"
        "with lock_directory(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )

    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)

    assert ended.returncode == -9
    with lock_directory(tmp_path):
        pass


def test_a_file_in_its_place_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "node"
    path.write_text("mine")

    with pytest.raises(DataDirFault, match="is a file, not a directory"):
        make_private_directory(path)

    assert path.read_text() == "mine"


def test_the_option_that_named_a_directory_is_what_names_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataDirFault) as made:
        make_private_directory(tmp_path / "file", option="--out")
    with pytest.raises(DataDirFault) as held, lock_directory(tmp_path / "no", option="--dir"):
        pass

    assert (made.value.fix, "--dir" in held.value.fix) == ("Choose another with --out.", True)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A directory that nobody may write into: not even root, where the tests may mount one."""
    place = tmp_path / "place"
    place.mkdir()
    if os.geteuid():
        place.chmod(0o500)
        yield place
        place.chmod(0o700)
        return
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount command here")
    command = [mount, "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a small file system here")
    yield place
    subprocess.run([umount, str(place)], check=True)


def test_a_directory_that_is_read_only_is_refused_with_the_way_out(read_only: Path) -> None:
    make_private_directory(read_only)
    with (
        pytest.raises(DataDirFault, match="cannot be written") as caught,
        lock_directory(read_only),
    ):
        pass

    assert caught.value.exit_code == 3
    assert "--data-dir" in caught.value.fix
    with pytest.raises(DataDirFault, match="cannot be made"):
        make_private_directory(read_only / "deeper")


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataDirFault, match="cannot be written"), lock_directory(tmp_path / "no"):
        pass


def test_the_files_of_all_swarms_are_found_and_where_there_are_none_nothing(tmp_path: Path) -> None:
    for name in ("b", "a", "empty"):
        (tmp_path / "swarms" / name).mkdir(parents=True)
    (tmp_path / "swarms" / "stray").write_text("")
    for name in ("b", "a"):
        (tmp_path / "swarms" / name / "ledger.db").write_text("")

    found = swarm_files(tmp_path, "ledger.db")

    assert [path.parent.name for path in found] == ["a", "b"]
    assert swarm_files(tmp_path / "no", "ledger.db") == []


@pytest.mark.usefixtures("bound_by_modes")
def test_what_may_not_be_looked_at_is_not_taken_for_missing(tmp_path: Path) -> None:
    place = tmp_path / "swarms" / "a"
    place.mkdir(parents=True)
    place.chmod(0o000)

    for look in (
        lambda: entries(place),
        lambda: is_there(place / "ledger.db"),
        lambda: swarm_files(tmp_path, "ledger.db"),
    ):
        with pytest.raises(DataDirFault, match=r"swarms/a.* cannot be read: Permission denied"):
            look()
    place.chmod(0o700)


def test_a_file_is_no_directory_without_entries(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DataDirFault, match="Not a directory"):
        entries(tmp_path / "file")
