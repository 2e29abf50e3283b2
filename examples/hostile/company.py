"""A swarm of whole nodes, each of them in a place and a time of its own; and what they say of it.

All of 127.0.0.0/8 is this machine, so that each may have an address: who is barred then takes no
neighbour with it. What is different about a place is done by `displaced`, in the node itself.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mortal import Mortal

from node.swarm import free_ports

HERE = Path(__file__).parent


@dataclass
class Placed(Mortal):
    """A node somewhere.

    Args:
        host: The address of loopback that it listens on and dials from.
        clock: A file with the seconds by which its clock is wrong.
        pause_s: How long the task `unhurried:Unhurried` takes to score a completion.
    """

    host: str = "127.0.0.1"
    clock: Path | None = None
    pause_s: float = 0.0

    def start_at(self, port: int, *arguments: str) -> str:
        """Start it where it belongs; return its address for others."""
        inherited = [path for path in [os.environ.get("PYTHONPATH")] if path]
        world = {
            "PYTHONPATH": os.pathsep.join([str(HERE / "displaced"), str(HERE), *inherited]),
            "HOSTILE_SOURCE": self.host,
            "HOSTILE_CLOCK": str(self.clock or ""),
            "HOSTILE_PAUSE_S": str(self.pause_s),
        }
        before = {name: os.environ.get(name) for name in world}
        os.environ.update(world)
        try:
            address = f"/ip4/{self.host}/tcp/{port}"
            self.start("--listen", address, *arguments)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        return f"{address}/p2p/{self.peer}"


@contextmanager
def company(members: Sequence[Placed]) -> Iterator[None]:
    """Start members all at once, the first as the others' way in; none outlives the block."""
    way_in: list[str] = []
    try:
        for member, port in zip(members, free_ports(len(members)), strict=True):
            address = member.start_at(port, *way_in)
            way_in = way_in or ["--peers", address]
        yield
    finally:
        for member in members:
            member.kill()


async def had(member: Mortal, count: int) -> None:
    """Wait until a member has had so many rounds."""
    await member.until(lambda: len(member.rounds()) >= count or None)


def barred(member: Mortal) -> list[str]:
    """Return whom a member has barred, peers and addresses, as it last wrote them down."""
    path = member.run_dir / "conduct.json"
    return [one["who"] for one in json.loads(path.read_text())["bars"]] if path.exists() else []


def has_traceback(member: Mortal) -> bool:
    """Whether an exception that nobody caught stands in a member's log."""
    return "Traceback" in member.log_path.read_text(errors="replace")


def refused(rounds: Sequence[dict[str, Any]], peers: Sequence[str]) -> Counter[str]:
    """Count, by reason, the completions of some peers that verification refused in rounds."""
    found: Counter[str] = Counter()
    for line in rounds:
        for peer in peers:
            found.update(line["judged"].get(peer, {}).get("refuse", {}))
    return found
