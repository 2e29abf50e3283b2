"""The key is made once, kept private, never overwritten and never guessed."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from node.faults import DataDirFault, DiskFault, IdentityFault
from node.keyfile import Puzzle, create_key, load_or_create_key, seeded_keypair
from protocol.identity import Keypair
from protocol.puzzle import zero_bits


def test_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "home" / "identity.key"

    first = load_or_create_key(path)
    second = load_or_create_key(path)

    assert first.peer_id == second.peer_id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["identity.key"]


def test_where_a_swarm_wants_work_a_key_is_searched_for(tmp_path: Path) -> None:
    puzzle = Puzzle(swarm="open", bits=6)

    found = load_or_create_key(tmp_path / "identity.key", puzzle)

    assert zero_bits("open", found.peer_id) >= 6
    assert load_or_create_key(tmp_path / "identity.key", puzzle).peer_id == found.peer_id


def test_a_key_that_the_swarm_does_not_take_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    create_key(path, seeded_keypair(0, 0))
    before = path.read_bytes()

    with pytest.raises(IdentityFault, match="does not solve the join puzzle") as caught:
        load_or_create_key(path, Puzzle(swarm="open", bits=30))

    assert "--data-dir" in caught.value.fix
    assert path.read_bytes() == before


def test_seeded_keys_solve_the_puzzle_and_are_the_same_again() -> None:
    puzzle = Puzzle(swarm="open", bits=6)

    keys = {seeded_keypair(seed, 0, puzzle).peer_id for seed in (0, 1, 0)}

    assert len(keys) == 2
    assert all(zero_bits("open", key) >= 6 for key in keys)


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
    "text",
    [
        "",
        "hello",
        "drl-ed25519:zz",
        "drl-ed25519:" + "00" * 31,
        "drl-ed25519:" + "00" * 33,
        "00" * 32,
        "\xff",
    ],
)
def test_a_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "identity.key"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)

    with pytest.raises(IdentityFault):
        load_or_create_key(path)

    assert path.read_bytes() == text.encode("latin-1")


def test_what_cannot_be_read_as_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir(mode=0o700)
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")

    for name in ("directory", "nowhere"):
        with pytest.raises(IdentityFault, match="cannot be read") as caught:
            load_or_create_key(tmp_path / name)
        assert "Restore it from a backup" in caught.value.fix


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DataDirFault, match="is a file, not a directory"):
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
