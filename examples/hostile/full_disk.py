"""A node whose disk is full: it waits, goes on forwarding for others, and mends itself.

Its data directory is a small file system in memory, which only a privileged user can mount: where
that is refused, the test says that it was skipped.
"""

import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import trio
from company import Placed, company, had, has_traceback
from mortal import Mortal

SIZE = "64m"
"""Room for a few checkpoints."""

ROUND_S_MAX = 3
"""How long the others wait for the one who says nothing, once or twice."""

ROUNDS_MEANWHILE = 3


async def measure(*, short: bool) -> dict[str, Any]:
    """Return what became of a node without room, and of its neighbours.

    In the long form it stands between the two others, so that they hear each other through it
    alone.
    """
    with tempfile.TemporaryDirectory(prefix="full-") as directory:
        place = Path(directory)
        with small_disk(place / "node") as disk:
            if disk is None:
                return {"skipped": "a file system cannot be mounted here", "passed": True}
            return await filled(place, disk, neighbours=1 if short else 2)


@contextmanager
def small_disk(place: Path) -> Iterator[Path | None]:
    """Mount a file system with little room; None where that is not allowed."""
    place.mkdir()
    options = f"size={SIZE},mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    try:
        done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - a fixed command
    except FileNotFoundError:
        yield None
        return
    if done.returncode != 0:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S603, S607 - as mount


async def filled(place: Path, disk: Path, *, neighbours: int) -> dict[str, Any]:
    """Fill the disk under a node, look at the swarm meanwhile, and make room again."""
    settings = (
        f"round.round_s_max={ROUND_S_MAX}",
        f"round.authors_min={neighbours + 1}",
        # One connection is wanted, or the neighbours would find each other.
        "network.connections_wanted=1",
    )
    node = Placed("node", place, seed=7000, settings=settings)
    others = [
        Placed(f"other-{at}", place, seed=7001 + at, settings=settings) for at in range(neighbours)
    ]
    with company([node, *others]):
        for one in (node, *others):
            await had(one, 2)
        ballast = all_room_taken(disk)
        await node.until(lambda: node.told("degraded") or None)
        meanwhile = await rounds_since(others[0])
        survived = node.is_alive and not node.told("recovered")
        before = len(node.rounds())
        ballast.unlink()
        began_s = trio.current_time()
        await node.until(lambda: node.told("recovered") or None)
        mended_s = trio.current_time() - began_s
        await had(node, before + 2)
        node.kill()
        sound = is_sound(node)
        found = {
            "degraded": len(node.told("degraded")),
            "survived": survived,
            # Its neighbours are connected to it alone, and each hears the other.
            "relayed": all(line["peers"] == 1 for line in meanwhile)
            and meanwhile[-1]["authors"] == neighbours,
            "others_rounds_meanwhile": len(meanwhile),
            "mended_s": round(mended_s, 1),
            "rounds_after": len(node.rounds()) - before,
            "database_ok": sound,
            "tracebacks": sum(has_traceback(one) for one in (node, *others)),
        }
    return found | {"passed": survived and found["relayed"] and sound and not found["tracebacks"]}


async def rounds_since(member: Mortal) -> list[dict[str, Any]]:
    """Return some rounds that a member has from now on."""
    before = len(member.rounds())
    await had(member, before + ROUNDS_MEANWHILE)
    return member.rounds()[before:]


def all_room_taken(disk: Path) -> Path:
    """Write a file until the disk is full; its removal makes room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)) == len(bytes(4096)):
            pass
    return ballast


def is_sound(member: Mortal) -> bool:
    """Whether SQLite finds nothing wrong with a dead member's ledger."""
    with closing(sqlite3.connect(member.run_dir / "ledger.db")) as file:
        return bool(file.execute("PRAGMA quick_check").fetchone() == ("ok",))
