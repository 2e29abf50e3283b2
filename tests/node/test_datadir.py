"""A data directory belongs to one process at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.datadir import lock_directory
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


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataDirFault, match="cannot be written"), lock_directory(tmp_path / "no"):
        pass
