"""What the operator or the world did ends a command with its exit code, and harms nothing."""

import subprocess
import sys
from pathlib import Path

import pytest


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node", *arguments], check=False, capture_output=True, text=True
    )


def test_a_file_for_a_data_directory_ends_with_three(tmp_path: Path) -> None:
    place = tmp_path / "node"
    place.write_text("mine")

    end = ended("start", "--data-dir", str(place))

    assert end.returncode == 3
    assert f"{place} is a file, not a directory" in end.stderr
    assert "fix: " in end.stderr
    assert place.read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"garbage", b"drl-ed25519:00ff\n"])
def test_a_key_file_that_holds_no_key_ends_with_three_and_is_kept(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "identity.key"
    path.write_bytes(content)
    path.chmod(0o600)

    end = ended("start", "--data-dir", str(tmp_path))

    assert end.returncode == 3
    assert f"The key file {path} holds no key" in end.stderr
    assert path.read_bytes() == content


def test_to_trust_who_cannot_be_ends_with_two_and_writes_nothing(tmp_path: Path) -> None:
    end = ended("peers", "trust", "--data-dir", str(tmp_path), "12D3KooWwrong")

    assert end.returncode == 2
    assert "is no peer id" in end.stderr
    assert not (tmp_path / "roster.json").exists()


def test_output_that_goes_to_a_full_disk_ends_with_six() -> None:
    """Small enough to be written at the very end."""
    with Path("/dev/full").open("w") as full:
        end = subprocess.run(
            [sys.executable, "-m", "node", "attack", "list", "--json"],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert end.returncode == 6
    assert end.stderr.startswith("drl-node: The output cannot be written: No space left")


def test_the_home_of_nobody_ends_with_two() -> None:
    end = ended("peers", "list", "--data-dir", "~nobody.known/x")

    assert end.returncode == 2
    assert "'~nobody.known/x': nobody here has such a home" in end.stderr


def test_a_file_for_a_swarms_directory_ends_with_three_and_is_not_said_to_be_kept(
    tmp_path: Path,
) -> None:
    place = tmp_path / "swarm"
    place.write_text("mine")

    end = ended("swarm", "up", "--dir", str(place))

    assert end.returncode == 3
    assert "is a file, not a directory" in end.stderr
    assert "kept" not in end.stderr


@pytest.mark.parametrize(
    ("option", "address", "says"),
    [
        ("--peers", "nobody", "not of the form /ip4/HOST/tcp/PORT "),
        ("--listen", "nowhere", "not of the form /ip4/HOST/tcp/PORT "),
        ("--announce", "/ip4/192.0.2.1/tcp/0", "nobody can dial it"),
    ],
)
def test_an_address_that_is_none_ends_with_two_before_anything_is_made(
    tmp_path: Path, option: str, address: str, says: str
) -> None:
    end = ended("start", "--data-dir", str(tmp_path / "node"), option, address)

    assert end.returncode == 2
    assert says in end.stderr
    assert not (tmp_path / "node").exists()
