"""The key is made once, kept private, never overwritten and never guessed."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from node.faults import DataDirFault, DiskFault, IdentityFault
from node.keyfile import create_key, load_or_create_key
from protocol.identity import Keypair


def test_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "home" / "identity.key"

    first = load_or_create_key(path)
    second = load_or_create_key(path)

    assert first.peer_id == second.peer_id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["identity.key"]


def test_a_key_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    """Two processes that start at once end with one key."""
    path = tmp_path / "identity.key"
    first = load_or_create_key(path)

    create_key(path, Keypair.generate())

    assert load_or_create_key(path).peer_id == first.peer_id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "identity.key"
    load_or_create_key(path)
    path.chmod(mode)

    with pytest.raises(IdentityFault, match="open to other users") as caught:
        load_or_create_key(path)

    assert f"chmod 600 {path}" in caught.value.fix


@pytest.mark.parametrize(
    "text", ["", "hello", "drl-ed25519:zz", "drl-ed25519:" + "00" * 31, "\xff"]
)
def test_a_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "identity.key"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)

    with pytest.raises(IdentityFault):
        load_or_create_key(path)

    assert path.read_bytes() == text.encode("latin-1")


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DataDirFault, match="cannot be made"):
        load_or_create_key(tmp_path / "file" / "identity.key")


def test_a_disk_that_refuses_the_key_leaves_no_half_of_it() -> None:
    """/proc/self/fd is a directory in which no file can be made, for root too."""
    with pytest.raises(DiskFault, match="cannot be written"):
        create_key(Path(f"/proc/{os.getpid()}/identity.key"), Keypair.generate())


def test_six_processes_starting_at_once_agree_on_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from node.keyfile import load_or_create_key;"
        "print(load_or_create_key(Path(sys.argv[1])).peer_id)"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "identity.key")], stdout=subprocess.PIPE
        )
        for _ in range(6)
    ]

    printed = {process.communicate()[0] for process in running}

    assert len(printed) == 1
