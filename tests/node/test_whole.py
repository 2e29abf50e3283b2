"""A file is what it was or what it was to become, whatever happens in between."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from node.whole import write_whole


def test_a_file_appears_whole_private_and_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "notes", b"all of it")

    assert (tmp_path / "notes").read_bytes() == b"all of it"
    assert stat.S_IMODE((tmp_path / "notes").stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["notes"]


def test_it_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    write_whole(tmp_path / "notes", b"a long one, from before")
    write_whole(tmp_path / "notes", b"short")

    assert (tmp_path / "notes").read_bytes() == b"short"


def test_one_that_is_to_be_made_once_stays_as_it_was_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "key", b"first", replace=False)

    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "key", b"second", replace=False)

    assert (tmp_path / "key").read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_disk_that_refuses_leaves_what_was_there_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_whole(tmp_path / "notes", b"before")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if step == "write":
            patched.setattr(os, "open", refuse)
        elif step == "fsync":
            patched.setattr(os, "fsync", refuse)
        else:
            patched.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="No space left"):
            write_whole(tmp_path / "notes", b"after")

    assert (tmp_path / "notes").read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["notes"]


KILLED = """
import os, signal, sys
from pathlib import Path
from node.whole import write_whole
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = die
write_whole(Path(sys.argv[1]), b"after")
"""


def test_a_writer_killed_in_the_midst_leaves_what_was_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "notes", b"before")

    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "notes")], check=False)

    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "notes").read_bytes() == b"before"
