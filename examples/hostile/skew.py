"""A live node whose clock is wrong, by seconds or by an hour, among nodes whose clocks are right.

No rule of the wire and no verdict asks for the time: rounds follow from what was heard, waiting is
measured by clocks that nobody sets. So a wrong clock must change nothing at all, and this is what
is looked for: every round complete, the same weights everywhere, nobody refused, barred, rejected.
The one thing here that reads the wall's clock is how long a bar lasts. So a stranger that sends
garbage is cut while the clock is wrong: the end of that bar shows that it was.
"""

import json
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ground
import trio
from company import Placed, company, had, has_traceback, refused
from intruder import HUNG_UP, frame, intruder
from mortal import Mortal

from node.mesh.conduct import BAR_S
from protocol.errors import Reason

HONEST = 2
"""Nodes whose clocks are right, beside the one whose clock is not."""

OFFSETS_S = (0.0, 1.0, -1.0, 30.0, -30.0, 3600.0, -3600.0, 0.0)
OFFSETS_S_SHORT = (30.0, -3600.0, 0.0)
ROUNDS, ROUNDS_SHORT = 20, 4
"""Of each offset."""

SHOWN_S = 3600.0
"""By how much the clock is wrong when the stranger comes."""

TOLERANCE_S = 20.0
REJECTS = {reason.value for reason in Reason if reason.rejects}


async def measure(*, short: bool) -> dict[str, Any]:
    """Return what a wrong clock changed."""
    offsets_s = OFFSETS_S_SHORT if short else OFFSETS_S
    with tempfile.TemporaryDirectory(prefix="skew-") as directory:
        place = Path(directory)
        clock = place / "clock"
        clock.write_text("0")
        members = cast(place, clock)
        with company(members):
            await more_rounds(members, 2)
            slowest_s = {}
            for number, offset_s in enumerate(offsets_s):
                clock.write_text(str(offset_s))
                since = len(members[-1].rounds())
                await more_rounds(members, ROUNDS_SHORT if short else ROUNDS)
                took_s = [sum(one["seconds"].values()) for one in members[-1].rounds()[since:]]
                slowest_s[f"{number}: {offset_s:+.0f} s"] = round(max(took_s), 2)
            found = figures(members)
            clock.write_text(str(SHOWN_S))
            off_by_s = await bar_off_by_s(members[-1])
        wrong = [name for name, value in found.items() if value]
        return {
            "offsets_s": list(offsets_s),
            "rounds": len(members[-1].rounds()),
            "slowest_round_s": slowest_s,
            "rules_that_read_the_clock": 0,
            "bar_off_by_s": off_by_s,
            **found,
            "wrong": wrong,
            "passed": not wrong and abs(off_by_s - SHOWN_S) < TOLERANCE_S,
        }


def cast(place: Path, clock: Path) -> list[Placed]:
    """Return the members, the one with the clock that can be set last."""
    settings = (
        f"swarm.shares={HONEST + 1}",
        "swarm.prompts_per_round=3",
        f"round.authors_min={HONEST + 1}",
        "log.level=debug",
    )
    return [
        Placed(
            f"node-{at}",
            place,
            seed=9000 + at,
            settings=settings,
            clock=clock if at == HONEST else None,
        )
        for at in range(HONEST + 1)
    ]


async def more_rounds(members: Sequence[Mortal], count: int) -> None:
    """Wait until each has had so many more rounds."""
    wanted = [len(one.rounds()) + count for one in members]
    for one, rounds in zip(members, wanted, strict=True):
        await had(one, rounds)


def figures(members: Sequence[Mortal]) -> dict[str, int]:
    """Return how much of each thing happened that a clock should not bring about."""
    names = [str(one.peer) for one in members]
    lines = [line for one in members for line in one.rounds()]
    policies: dict[int, set[str]] = {}
    for line in lines:
        policies.setdefault(line["round"], set()).add(line["policy_digest"])
    last = [one.rounds()[-1] for one in members]
    return {
        "rounds_incomplete": sum(
            line["ended"] != "complete" or line["authors"] != len(members) for line in lines
        ),
        "rounds_of_two_minds": sum(len(one) > 1 for one in policies.values()),
        "rejected": sum(
            count for line in last for why, count in line["refused"].items() if why in REJECTS
        ),
        "questioned": sum(refused(one.rounds(), names).total() for one in members),
        "barred": sum(len(one.told("barred")) for one in members),
        "hung_up_on": sum(len(one.told("frame_refused")) for one in members),
        "tracebacks": sum(has_traceback(one) for one in members),
        "ended": sum(not one.is_alive for one in members),
    }


async def bar_off_by_s(member: Mortal) -> float:
    """Let a member cut a stranger, and end it; return by how much that bar's end is wrong."""
    address = member.told("node_started")[0]["addresses"][0]
    with suppress(HUNG_UP):
        async with intruder(ground.keypair("skew"), "127.90.0.1", address) as one:
            stream = await one.stream()
            await stream.write(frame(b"\xff" * 40))
            await one.is_cut()
    cut_s = time.time()
    os.kill(member.pid, signal.SIGTERM)
    assert member.process is not None
    await trio.to_thread.run_sync(member.process.wait)
    bars = json.loads((member.run_dir / "conduct.json").read_text())["bars"]
    ends_s = [one["until_s"] for one in bars if one["who"] == str(ground.keypair("skew").peer_id)]
    return round(ends_s[0] - cut_s - BAR_S, 1) if ends_s else 0.0
