"""A member of a live swarm is killed again and again: nothing is lost, nothing is said twice.

It is frozen first, so that what it was doing when it died can be told from its files and its log,
and is no guess.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import trio
from mortal import Mortal, OvertimeError, end, freeze, swarm, thaw, unfinished
from witness import Witness

from node.authorship import LEDGER

SEED = 6
SETTINGS = ("checkpoint.every=3", "round.round_s_max=20")
"""Some rounds are to be trained again after most kills; peers wait while it is away."""

BACK_S = 15.0
SHORT_BACK_S = 60.0
"""Within so many seconds a killed member is to be heard again; the short form runs beside others,
and is about what is lost, not about how soon."""

LONG = {"anywhere": 118, "saving": 28, "recovering": 34, "model": 20}
SHORT = {"saving": 1, "recovering": 1}
LEAST = {"saving": 20, "recovering": 20}
FULL_EVERY = 25
"""Kills between two looks at everything that the ledgers hold."""

RECOVERING_S = {"loading": 4.0, "recalling": 0.2, "entering": 0.4}
"""Stages of a recovery, each known by its first sign, with about how long it lasts."""


@dataclass(slots=True)
class Tally:
    """What has become of the kills so far.

    Args:
        patience_s: Within how many seconds the member is to be heard again.
    """

    patience_s: float
    landed: Counter[str] = field(default_factory=Counter)
    back_s: list[float] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    orphans: int = 0

    @property
    def kills(self) -> int:
        """How many there were."""
        return self.landed.total()


async def measure(*, short: bool) -> dict[str, Any]:
    """Return what 200 kills of one member of three (two of one of two, in short) have cost."""
    wanted = SHORT if short else LONG
    plan = [kind for kind, count in wanted.items() for _ in range(count)]
    random = Random(SEED)  # noqa: S311 - moments of a test
    random.shuffle(plan)
    place = Path(tempfile.mkdtemp(prefix="drl-kills-"))
    tally = Tally(patience_s=SHORT_BACK_S if short else BACK_S)
    began_s = time.monotonic()
    async with swarm(place, SEED, 2 if short else 3, settings=SETTINGS) as (*peers, member):
        witness = Witness(member, peers)
        try:
            arguments = [part for one in peers for part in ("--peers", await one.address())]
            await heard_again(witness, tally, "node_started")
            for kind in plan:
                await kill_once(kind, witness, tally, random, arguments)
        except OvertimeError as error:
            tally.late.append(str(error))
        member.kill()
        witness.hear(full=True)
        witness.open_body(full=True)
    went = tracebacks(place)
    faults = witness.lost + witness.corrupt + witness.twice + witness.half + tally.late
    passed = not faults and not went and tally.kills == len(plan)
    passed &= all(tally.landed[kind] >= (1 if short else LEAST[kind]) for kind in LEAST)
    if passed:
        shutil.rmtree(place)
    return {
        "kills": tally.kills,
        "inside_checkpoint": tally.landed["saving"],
        "inside_recovery": tally.landed["recovering"],
        "landed": dict(tally.landed),
        "orphans": tally.orphans,
        "messages_heard": len(witness.heard),
        "rounds_closed": len(witness.closed),
        "lost": len(witness.lost),
        "corrupt": len(witness.corrupt),
        "half_loaded": len(witness.half),
        "unwitnessed": witness.unwitnessed,
        "closed_anew": len(witness.anew),
        "equivocations": len(witness.twice),
        "tracebacks": went,
        "back_s_p50": round(median(tally.back_s), 2),
        "back_s_max": round(max(tally.back_s), 2),
        "late": len(tally.late),
        "kill_s": round((time.monotonic() - began_s) / max(tally.kills, 1), 2),
        "faults": faults[:20] if passed else [*faults[:20], f"see {place}"],
        "passed": passed,
    }


def tracebacks(place: Path) -> int:
    """Count the logs that tell of an error of ours."""
    return sum("Traceback" in path.read_text(errors="replace") for path in place.glob("*.log"))


async def kill_once(
    kind: str, witness: Witness, tally: Tally, random: Random, arguments: list[str]
) -> None:
    """Kill the member at a moment of one kind, look at what is left, and let it come back."""
    member = witness.suspect
    if kind == "model":
        await trio.sleep(random.uniform(0, 1.5))
        worker = await member.until(member.worker_pid)
        end(worker)
        tally.landed["model"] += 1
        witness.hear()
        await heard_again(witness, tally, "worker_lost")
        return
    if kind == "recovering":
        member.kill()
        await begin_recovery(member, random, arguments)
    elif kind == "saving":
        await begin_saving(member, random)
    else:
        await trio.sleep(random.uniform(0, 1.5))
        freeze(*pids(member))
    moment = moment_of(member, has_spoken=kind != "recovering")
    bury(member, tally, orphan=random.random() < 0.25)  # noqa: PLR2004 - a quarter
    tally.landed[moment] += 1
    await trio.sleep(0.1)  # what it had sent is still on its way to the peers
    full = tally.kills % FULL_EVERY == 0
    witness.hear(full=full)
    witness.open_body(full=full)
    if full:
        print(f"{tally.kills} kills: {dict(tally.landed)}", file=sys.stderr, flush=True)
    member.start(*arguments)
    await heard_again(witness, tally, "node_started")
    witness.check_start()


async def begin_saving(member: Mortal, random: Random) -> None:
    """Freeze the member in the midst of a save."""
    checkpoints = member.run_dir / "checkpoints"
    while True:
        await member.until(
            lambda: any(unfinished(checkpoints)) or None, within_s=30, every_s=0.0005
        )
        await trio.sleep(random.uniform(0, 0.006))
        frozen = pids(member)
        freeze(*frozen)
        if any(unfinished(checkpoints)):
            return
        thaw(*frozen)  # it was done already: the next one


async def begin_recovery(member: Mortal, random: Random, arguments: list[str]) -> None:
    """Start the member, and freeze it somewhere between its model and its first round."""
    stage = random.choice(list(RECOVERING_S))
    member.start(*arguments)
    await member.until(
        {
            "loading": member.worker_pid,
            "recalling": lambda: member.has_open(LEDGER) or None,
            "entering": lambda: bool(member.told("node_started")) or None,
        }[stage],
        every_s=0.01,
    )
    await trio.sleep(random.uniform(0, RECOVERING_S[stage]))
    freeze(*pids(member))


def moment_of(frozen: Mortal, *, has_spoken: bool) -> str:
    """Say what a frozen member is in the midst of."""
    if not frozen.told("round_done") and not has_spoken:
        return "recovering" if frozen.worker_pid() is not None else "starting"
    is_saving = any(unfinished(frozen.run_dir / "checkpoints"))
    return "saving" if is_saving else "running"


def pids(member: Mortal) -> list[int]:
    """Return the numbers of a member's processes: the model's first, as it cannot be replaced."""
    worker = member.worker_pid()
    return [member.pid] if worker is None else [worker, member.pid]


def bury(frozen: Mortal, tally: Tally, *, orphan: bool) -> None:
    """Kill a frozen member; an orphan is the model's process that outlives the daemon a while."""
    worker = frozen.worker_pid()
    assert frozen.process is not None
    os.kill(frozen.pid, signal.SIGKILL)
    frozen.process.wait()
    if worker is None:
        return
    if orphan:
        tally.orphans += 1
        thaw(worker)
    else:
        end(worker)


async def heard_again(witness: Witness, tally: Tally, after: str) -> None:
    """Wait until a peer holds something new of the member, said after an event of its log."""
    member = witness.suspect
    began_s = trio.current_time()
    await member.until(lambda: member.told(after) or None, every_s=0.1)
    witness.hear()
    await member.until(lambda: witness.hear() or None, every_s=0.1)
    seconds = trio.current_time() - began_s
    tally.back_s.append(seconds)
    if seconds > tally.patience_s:
        tally.late.append(f"heard again after {seconds:.1f} s only")
