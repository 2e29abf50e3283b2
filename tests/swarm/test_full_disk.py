"""A node whose disk is full waits, forwards for others, and goes on by itself."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., Any]
SMALL_DISK = "size=64m"
HASTY = ("round.round_s_max=4",)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a few checkpoints."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", SMALL_DISK, "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting needs privileges that are not here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S607 - as mount above


def take_all_room(place: Path) -> Path:
    """Write a file until the disk is full; remove it to make room."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096) == 4096:
                pass
        except OSError:
            pass
    return ballast


def test_a_full_disk_degrades_a_node_and_room_on_it_mends_it(
    make_node: Make, small_disk: Path, tmp_path: Path
) -> None:
    """The other node of the swarm goes on meanwhile, and none of the two is damaged."""
    healthy = make_node("healthy", more=HASTY).start()
    address = healthy.join_line()
    node = make_node("disk/node", more=HASTY).start("--peers", address)
    node.await_rounds(2)

    ballast = take_all_room(small_disk)
    node.await_event("degraded")
    before = len(healthy.rounds())
    healthy.await_rounds(before + 2)
    assert node.process.poll() is None

    ballast.unlink()
    node.await_event("recovered")
    node.await_rounds(len(node.rounds()) + 2)
    assert node.end() < 10
    assert healthy.end() < 10
    assert "Traceback" not in node.log
    assert node.start("--set", "round.rounds=1").wait() == 0  # its ledger and checkpoint are whole
