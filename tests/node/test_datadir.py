"""A data directory belongs to one process at a time."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.datadir import lock_directory, make_private_directory
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
