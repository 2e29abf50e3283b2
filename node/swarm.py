"""A whole swarm on this machine: separate processes over loopback, watched until they end.

It starts `drl-node start` as a person would and reads the metrics files that nodes write;
it reaches into none of them.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.datadir import entries, make_private_directory
from node.faults import EXIT_OK, EXIT_SWARM, ConfigFault, IdentityFault
from node.keyfile import NO_PUZZLE, Puzzle, create_key, seeded_keypair
from node.payload import Payload
from node.scoreboard import Experiment, Progress, scoreboard, show_scoreboard
from protocol.identity import Keypair

POLL_S = 0.2
STOP_S = 5.0
"""How long a node may take to end before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackPlan:
    """Who attacks the swarm, and with what.

    Args:
        name: Of the attack.
        malicious: How many nodes carry it out, besides the honest ones.
        payload: What it teaches, and honest nodes' answers are searched for; None for nothing.
        defence: What the honest nodes set against it, for the scoreboard.
        settings: `section.key=value` for the malicious nodes alone.
    """

    name: str
    malicious: int
    payload: Payload | None
    defence: str
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmPlan:
    """What to raise.

    Args:
        honest: How many honest nodes.
        seed: Makes the nodes' keys, and so everything that depends on who they are.
        rounds: How many rounds each takes part in.
        directory: Where to keep everything, nodes of no other swarm beside it; None is a temporary
            one, removed unless a node failed.
        settings: `section.key=value` for every node.
        as_json: Print the scoreboard as JSON, and no progress.
        attack: Who attacks it; None for a swarm of honest nodes.
        puzzle: What the swarm wants of its members' keys.
    """

    honest: int
    seed: int
    rounds: int
    directory: Path | None
    settings: tuple[str, ...]
    as_json: bool
    attack: AttackPlan | None = None
    puzzle: Puzzle = NO_PUZZLE

    @property
    def nodes(self) -> int:
        """How many nodes of both kinds; the honest ones come first."""
        return self.honest + (self.attack.malicious if self.attack else 0)

    def settings_of(self, index: int) -> tuple[str, ...]:
        """Return what a node is set to."""
        more = self.attack.settings if self.attack and index >= self.honest else ()
        return self.settings + more


@dataclass(slots=True)
class Member:
    """One node's process and what it has written so far."""

    name: str
    peer: str
    directory: Path
    process: subprocess.Popen[bytes]
    lines: list[dict[str, Any]] = field(default_factory=list)
    read_bytes: int = 0

    def poll(self) -> None:
        """Read what is new in the metrics file."""
        for path in self.directory.glob("swarms/*/metrics.jsonl"):
            with path.open("rb") as file:
                file.seek(self.read_bytes)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # still being written
                    self.read_bytes += len(line)
                    self.lines.append(json.loads(line))

    @property
    def log(self) -> Path:
        """Where its events go."""
        return self.directory / "node.log"


def run_swarm(plan: SwarmPlan) -> int:
    """Raise the swarm, show its progress, print the scoreboard; return the exit code.

    Raises:
        ConfigFault: Another swarm's nodes are in the plan's directory.
        Fault: A node's directory or key cannot be written.
    """
    if plan.directory is not None:
        check_is_new(plan.directory)
    with ended_by_signals():
        directory = plan.directory or Path(tempfile.mkdtemp(prefix="drl-swarm-"))
        is_of_use = True  # to whoever looks for what went wrong
        try:
            code, is_of_use = live(plan, directory)
        except KeyboardInterrupt:
            is_of_use = False
            raise
        finally:
            if plan.directory is None and not is_of_use:
                shutil.rmtree(directory, ignore_errors=True)
            if directory.exists():
                print(f"kept: {directory}", file=sys.stderr)
    return code


def check_is_new(directory: Path) -> None:
    """Refuse a directory in which a swarm was raised: what it left would count as the new one's.

    Raises:
        ConfigFault: One was.
        DataDirFault: It cannot be made, or looked into.
    """
    make_private_directory(directory, option="--dir")
    if any(path.match("node-*") for path in entries(directory)):
        fix = "Choose another --dir, or remove that one: nodes go on where they were."
        raise ConfigFault(f"A swarm was raised in {directory} before.", fix=fix)


def live(plan: SwarmPlan, directory: Path) -> tuple[int, bool]:
    """Let a swarm live in a directory; return the exit code, and whether a node failed."""
    started = time.monotonic()
    with raised(plan, directory) as members:
        watch(plan, members)
        failed = [
            member
            for index, member in enumerate(members)
            if has_failed(member, is_malicious=index >= plan.honest)
        ]
    for member in members:
        member.poll()
    board = scoreboard(
        [member.lines for member in members],
        seconds=time.monotonic() - started,
        experiment=experiment_of(plan, members),
    )
    show_scoreboard(board, as_json=plan.as_json)
    for member in failed:
        show_failure(member)
    clean = plan.attack is None or board["attack"]["clean"]
    return EXIT_OK if clean and not failed else EXIT_SWARM, bool(failed)


def watch(plan: SwarmPlan, members: list[Member]) -> None:
    """Show progress until every honest node has ended, or an attacker has failed.

    Attackers that the others no longer listen to would go on for long; they are given the time
    in which one that is listened to ends as well.
    """
    honest, malicious = members[: plan.honest], members[plan.honest :]
    payload = plan.attack.payload if plan.attack else None
    watches = payload is not None and bool(payload.text)
    with Progress(plan.nodes, plan.rounds, watches=watches, silent=plan.as_json) as progress:
        while any(member.process.poll() is None for member in honest):
            if any(has_failed(member, is_malicious=True) for member in malicious):
                return  # without its attacker a swarm proves nothing
            time.sleep(POLL_S)
            for member in members:
                member.poll()
            progress.show([member.lines for member in honest])
    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline and any(one.process.poll() is None for one in malicious):
        time.sleep(POLL_S)


def has_failed(member: Member, *, is_malicious: bool) -> bool:
    """Whether a node has ended as it should not: an attacker may well be cast out for good."""
    fine = (None, EXIT_OK, IdentityFault.exit_code) if is_malicious else (None, EXIT_OK)
    return member.process.poll() not in fine


def experiment_of(plan: SwarmPlan, members: list[Member]) -> Experiment | None:
    """Return who is who for the scoreboard; None where nobody attacks."""
    if plan.attack is None:
        return None
    peers = tuple(member.peer for member in members)
    return Experiment(
        attack=plan.attack.name,
        payload=plan.attack.payload,
        defence=plan.attack.defence,
        honest=peers[: plan.honest],
        malicious=peers[plan.honest :],
    )


@contextmanager
def raised(plan: SwarmPlan, directory: Path) -> Iterator[list[Member]]:
    """Start every node, the first as the others' way in; end what still runs afterwards."""
    ports = free_ports(plan.nodes)
    members: list[Member] = []
    bootstrap = ""
    try:
        for index, port in enumerate(ports):
            place = directory / f"node-{index}"
            peer = str(written_key(place / "identity.key", plan, index).peer_id)
            address = f"/ip4/127.0.0.1/tcp/{port}"
            with undisturbed():  # one that nobody knows of would run for ever
                process = start_node(place, plan.settings_of(index), address, bootstrap)
                members.append(Member(place.name, peer, place, process))
            bootstrap = bootstrap or f"{address}/p2p/{peer}"
        yield members
    finally:
        end_members(members)


def written_key(path: Path, plan: SwarmPlan, index: int) -> Keypair:
    """Write a node's key, made from the seed, so that a swarm replays; return it.

    Anybody can make these keys too; they are for swarms on one machine's loopback.
    """
    keypair = seeded_keypair(plan.seed, index, plan.puzzle)
    make_private_directory(path.parent, option="--dir")
    create_key(path, keypair)
    return keypair


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """End at SIGTERM as at Ctrl-C."""
    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hear out afterwards the signals that are heard at all."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in heard:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
    if came:
        raise KeyboardInterrupt


def interrupt(_number: int, _frame: object) -> None:
    """Raise what Ctrl-C does."""
    raise KeyboardInterrupt


def start_node(
    place: Path, assignments: tuple[str, ...], address: str, bootstrap: str
) -> subprocess.Popen[bytes]:
    """Start one node's process; its output goes to its own log."""
    settings = [part for assignment in assignments for part in ("--set", assignment)]
    command = [sys.executable, "-m", "node", "start", *settings]
    command += ["--data-dir", str(place), "--listen", address]
    command += ["--peers", bootstrap] if bootstrap else []
    with (place / "node.log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - this very program
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def end_members(members: list[Member]) -> None:
    """Ask what still runs to end, and kill what does not."""
    for member in members:
        if member.process.poll() is None:
            member.process.terminate()
    deadline = time.monotonic() + STOP_S
    for member in members:
        try:
            member.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            member.process.kill()
            member.process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def show_failure(member: Member) -> None:
    """Print the end of a failed node's log."""
    tail = member.log.read_text(errors="replace").splitlines()[-15:]
    print(f"{member.name} ended with exit code {member.process.returncode}:", file=sys.stderr)
    print("\n".join(f"  {line}" for line in tail), file=sys.stderr)
