"""Real nodes as a person starts them: separate processes over loopback."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SMALL = (
    "swarm.prompts_per_round=4",
    "swarm.completions_per_prompt=4",
    "swarm.shares=2",
    "swarm.test_swarm=true",
    "evaluate.every=0",
    "round.linger_s=0.2",
    "log.format=json",
)
"""A round of a fraction of a second."""


@dataclass
class Node:
    """One `drl-node start` and what it left on disk."""

    directory: Path
    arguments: tuple[str, ...] = ()
    settings: tuple[str, ...] = SMALL
    process: subprocess.Popen[str] | None = field(default=None, repr=False)
    said: str = ""
    log_path: Path = Path()

    def start(self, *arguments: str) -> "Node":
        settings = [part for setting in self.settings for part in ("--set", setting)]
        command = [sys.executable, "-m", "node", "start", "--data-dir", str(self.directory)]
        with self.log_path.open("a") as log:
            self.process = subprocess.Popen(
                [*command, *settings, *self.arguments, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the log says of one kind of event; the line being written is left out."""
        named = f'"event": "{name}"'
        whole = [line for line in self.log.splitlines() if named in line and line.endswith("}")]
        return [json.loads(line) for line in whole]

    def rounds(self) -> list[dict[str, Any]]:
        lines = [
            json.loads(line)
            for path in self.directory.glob("swarms/*/metrics.jsonl")
            for line in path.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]
        return [line for line in lines if line["kind"] == "round"]

    def await_rounds(self, count: int) -> list[dict[str, Any]]:
        return wait_for(lambda: found if len(found := self.rounds()) >= count else None, self)

    def await_event(self, name: str, *, count: int = 1) -> dict[str, Any]:
        """The `count`-th event of a name, once it has happened."""
        return wait_for(
            lambda: found[count - 1] if len(found := self.events(name)) >= count else None, self
        )

    def worker_pid(self) -> int:
        """The model's process; libraries start short-lived others while they are imported."""
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task")

        def look() -> int | None:
            with contextlib.suppress(OSError):  # a thread or a child that has just ended
                for children in tasks.glob("*/children"):
                    for child in children.read_text().split():
                        if b"node.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                            return int(child)
            return None

        return wait_for(look, self)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.said += self.process.communicate()[0]

    def end(self, number: int = signal.SIGTERM) -> float:
        """Send a signal; return how many seconds the node took to end by it."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        self.said += self.process.communicate(timeout=30)[0]
        return time.monotonic() - began

    def wait(self) -> int:
        assert self.process is not None
        self.said += self.process.communicate(timeout=120)[0]
        return self.process.returncode

    def join_line(self) -> str:
        """The address in the line that a node prints for others to paste."""
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if found := re.match(r"join with  drl-node start --peers (\S+)", line):
                return found[1]
        raise AssertionError(self.log)


def wait_for(look: Callable[[], Any], node: Node, *, seconds: float = 90.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        assert node.process is None or node.process.poll() is None, node.log[-3000:]
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain; the log ends:\n{node.log[-3000:]}")


@pytest.fixture(scope="session")
def node_class() -> type[Node]:
    return Node


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Make nodes of this test's swarm; none outlives it."""
    made: list[Node] = []

    def make(name: str, *arguments: str, more: tuple[str, ...] = ()) -> Node:
        node = Node(tmp_path / name, arguments, SMALL + more)
        node.log_path = tmp_path / f"{len(made)}.log"
        node.log_path.touch()
        made.append(node)
        return node

    yield make
    for node in made:
        if node.process is not None and node.process.stdout and not node.process.stdout.closed:
            node.kill()
