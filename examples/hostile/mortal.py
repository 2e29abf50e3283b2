"""A node as a person starts it, in processes of its own: to be frozen, killed and looked into.

What it holds is read as it lies on the disk; nothing of its own is asked.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import trio

from node.keyfile import create_key, seeded_keypair
from protocol.identity import PeerId

T = TypeVar("T")

SETTINGS = (
    "swarm.prompts_per_round=4",
    "swarm.completions_per_prompt=4",
    "swarm.shares=2",
    "swarm.test_swarm=true",
    "evaluate.every=0",
    "round.linger_s=0.2",
    "ledger.rounds_kept=100000",
    "log.format=json",
)
"""A round of a fraction of a second, of which nothing is forgotten."""

PATIENCE_S = 90.0
"""A node that has not done by then what is waited for will never do it."""

LOOK_S = 0.05
"""How often its files are looked at."""

STARTED = re.compile(r"listening +(\S+)")


class OvertimeError(Exception):
    """What was waited for has not happened."""


@dataclass(slots=True)
class Mortal:
    """One node of a swarm.

    Args:
        name: Of its directory.
        place: Where its directory and its logs are.
        seed: Its key is made from it, so that a run can be repeated.
        settings: `section.key=value`, besides what all are set to.
        makes_key: Whether it is to make its own key, as a person's node does.
        process: The daemon.
        starts: How often it was started.
        lines: What was read of its metrics file, up to `read_bytes`.
    """

    name: str
    place: Path
    seed: int
    settings: tuple[str, ...] = ()
    makes_key: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    starts: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list, repr=False)
    read_bytes: int = 0

    def __post_init__(self) -> None:
        """Make its directory, and its key unless it is to make that itself."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.makes_key and not self.key_path.exists():
            create_key(self.key_path, seeded_keypair(self.seed, 0))

    @property
    def peer(self) -> PeerId:
        """Who it is."""
        return seeded_keypair(self.seed, 0).peer_id

    @property
    def directory(self) -> Path:
        """Its data directory."""
        return self.place / self.name

    @property
    def key_path(self) -> Path:
        """Where its key is."""
        return self.directory / "identity.key"

    @property
    def run_dir(self) -> Path:
        """Where it keeps what is of its swarm; made by its first start."""
        found = sorted((self.directory / "swarms").glob("*"))
        return found[0] if found else self.directory / "swarms" / "none"

    @property
    def metrics_path(self) -> Path:
        """Where it writes a line about each round."""
        return self.run_dir / "metrics.jsonl"

    @property
    def log_path(self) -> Path:
        """What it says in its present life."""
        return self.place / f"{self.name}.{self.starts}.log"

    def start(self, *arguments: str) -> None:
        """Start it, or start it again."""
        self.starts += 1
        settings = [part for one in (*SETTINGS, *self.settings) for part in ("--set", one)]
        command = [sys.executable, "-m", "node", "start", "--data-dir", str(self.directory)]
        with self.log_path.open("wb") as log, self.said_path.open("wb") as said:
            self.process = subprocess.Popen(  # noqa: S603 - starts drl-node itself
                [*command, *settings, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )

    @property
    def said_path(self) -> Path:
        """What it prints in its present life."""
        return self.place / f"{self.name}.{self.starts}.out"

    @property
    def pid(self) -> int:
        """The daemon's number."""
        assert self.process is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the daemon runs; it may be frozen."""
        return self.process is not None and self.process.poll() is None

    def worker_pid(self) -> int | None:
        """Return the number of the model's process, if there is one."""
        with contextlib.suppress(OSError):  # a thread or a child that has just ended
            for children in Path(f"/proc/{self.pid}/task").glob("*/children"):
                for child in children.read_text().split():
                    if b"node.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                        return int(child)
        return None

    def has_open(self, name: str) -> bool:
        """Whether the daemon holds a file of this name open."""
        for link in Path(f"/proc/{self.pid}/fd").glob("*"):
            with contextlib.suppress(OSError):  # closed in the meantime
                if link.readlink().name == name:
                    return True
        return False

    def events(self) -> list[dict[str, Any]]:
        """Return what it has told in its present life; the line being written is left out."""
        lines = self.words().splitlines(keepends=True)
        return [json.loads(one) for one in lines if one.startswith("{") and one.endswith("}\n")]

    def words(self) -> str:
        """Return all that it has written to standard error in its present life."""
        return self.log_path.read_text(errors="replace")

    def told(self, name: str) -> list[dict[str, Any]]:
        """Return its events of one name."""
        return [one for one in self.events() if one["event"] == name]

    def rounds(self) -> list[dict[str, Any]]:
        """Return the rounds that its metrics file tells of, over all its lives."""
        with contextlib.suppress(FileNotFoundError), self.metrics_path.open("rb") as file:
            file.seek(self.read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written
                self.read_bytes += len(line)
                self.lines.append(json.loads(line))
        return [line for line in self.lines if line["kind"] == "round"]

    async def address(self) -> str:
        """Return where it listens, once it does."""
        return await self.until(
            lambda: (found := STARTED.search(self.said_path.read_text())) and found[1]
        )

    async def until(
        self, look: Callable[[], T | None], *, within_s: float = PATIENCE_S, every_s: float = LOOK_S
    ) -> T:
        """Wait until a look finds something.

        Raises:
            OvertimeError: It finds nothing in time, or the node has ended.
        """
        with trio.move_on_after(within_s):
            while True:
                if (found := look()) is not None:
                    return found
                if not self.is_alive and look() is None:
                    break
                await trio.sleep(every_s)
        raise OvertimeError(f"{self.name}: waited in vain; its log ends:\n{self.words()[-2000:]}")

    def kill(self) -> None:
        """End the daemon and the model's process as a power cut would."""
        if self.process is None:
            return
        if self.process.poll() is None:
            worker = self.worker_pid()
            os.kill(self.pid, signal.SIGKILL)
            if worker is not None:
                end(worker)
        self.process.wait()


def end(pid: int) -> None:
    """Kill a process and return once it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    while state_of(pid) not in "ZX":
        time.sleep(0.001)


def freeze(*pids: int) -> None:
    """Stop processes where they are, and return once they stand still."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        while state_of(pid) not in "TZX":
            pass  # a system call that is under way; microseconds


def thaw(*pids: int) -> None:
    """Let frozen processes go on."""
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def state_of(pid: int) -> str:
    """Return the letter that Linux gives a process's state; X for one that is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def unfinished(checkpoints: Path) -> Iterator[Path]:
    """Yield what a save that is under way, or was cut short, has put among the checkpoints."""
    with contextlib.suppress(FileNotFoundError):
        yield from (path for path in checkpoints.iterdir() if path.name.startswith("."))


@asynccontextmanager
async def swarm(
    place: Path, seed: int, count: int, *, settings: tuple[str, ...] = ()
) -> AsyncIterator[list[Mortal]]:
    """Raise a swarm, each member told of those before it; none outlives the block."""
    members = [
        Mortal(f"node-{index}", place, seed=1000 * seed + index, settings=settings)
        for index in range(count)
    ]
    try:
        addresses: list[str] = []
        for member in members:
            member.start(*(part for one in addresses for part in ("--peers", one)))
            addresses.append(await member.address())
        yield members
    finally:
        for member in members:
            member.kill()
