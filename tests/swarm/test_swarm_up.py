"""`swarm up` leaves what was asked for and nothing else, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "node", "swarm", "up", "--nodes", "2")


@contextmanager
def raised(temporary: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A swarm whose temporary files go to a directory of the test's."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def await_logs(place: Path, pattern: str) -> None:
    """Wait until both nodes have been started."""
    deadline = time.monotonic() + 60
    while len(list(place.glob(pattern))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_directory_that_a_swarm_was_in_is_refused_untouched(tmp_path: Path) -> None:
    """Its nodes would go on where they were, and the first run count as the second's."""
    (tmp_path / "node-0").mkdir()

    ended = subprocess.run(
        [*COMMAND, "--dir", str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )

    assert ended.returncode == 2
    assert f"A swarm was raised in {tmp_path} before." in ended.stderr
    assert "fix: Choose another --dir" in ended.stderr
    assert list(tmp_path.rglob("*")) == [tmp_path / "node-0"]


def test_a_directory_that_cannot_be_one_is_named_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    ended = subprocess.run(
        [*COMMAND, "--dir", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 3
    assert "Choose another with --dir" in ended.stderr


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_swarm_leaves_no_keys_behind(tmp_path: Path, number: int) -> None:
    with raised(tmp_path) as process:
        await_logs(tmp_path, "drl-swarm-*/node-*/node.log")
        process.send_signal(number)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert list(tmp_path.glob("drl-swarm-*")) == []
    assert "kept:" not in said


def test_an_interrupted_swarm_leaves_the_directory_that_it_was_given(tmp_path: Path) -> None:
    place = tmp_path / "mine"
    with raised(tmp_path, "--dir", str(place)) as process:
        await_logs(place, "node-*/node.log")
        process.terminate()
        _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert said.splitlines()[-1] == f"kept: {place}"
    assert (place / "node-1" / "identity.key").exists()
