"""An hour of a live swarm under attack: does anything of an honest node only ever grow?

Four honest nodes and two adversaries, and a stranger under a new name every few seconds. What is
looked at every few seconds stands in `vitals`. Memory is judged by the line of least squares
through the second half of the time: the first is warm-up, in which caches fill. The steepest of all
honest processes counts, though a model's process breathes by some megabytes. The rounds are slow on
purpose, so that all takes a third of one core.
"""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import ground
import trio
from company import Placed, barred, company, had, has_traceback, refused
from intruder import HUNG_UP, frame, intruder
from mortal import Mortal
from vitals import Point, grown, slope_per_h, vitals

from node.inline import InlineCompute
from node.settings import SwarmSettings
from node.work import EngineSettings
from protocol.constants import WINDOW_ROUNDS
from protocol.topics import contribution_topic

GARBAGE = 16
"""Messages of a stranger; it is cut at the tenth."""

CHECKPOINTS = 2
SLOPE_MB_PER_H_MAX = 2.0
MORE_MAX = 2
"""Descriptors or threads by which the most of the second half may exceed that of the first: a
caller who is being turned away has one."""

FEW = 8
"""Rows of a table that does not grow with rounds, and links of the hash chain for each round."""

STALLED_S = 90.0
"""Without a round for so long a node is taken for stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How long, how many, how fast.

    Args:
        seconds: After all honest nodes have had a round.
        sample_s: Between two looks.
        stranger_s: Between two strangers, each under a new name and from a new address, who send
            garbage until they are cut.
        honest: Nodes.
        rounds_kept: By the ledgers.
        pause_s: For every completion that is scored.
        round_s_max: How long who is missing is waited for.
    """

    seconds: float
    sample_s: float
    stranger_s: float
    honest: int
    rounds_kept: int
    pause_s: float
    round_s_max: float

    @property
    def nodes(self) -> int:
        """The adversaries included."""
        return self.honest + 2

    @property
    def hosts(self) -> list[str]:
        """Where the honest are."""
        return [f"127.0.1.{one + 1}" for one in range(self.honest)]

    @property
    def swarm(self) -> SwarmSettings:
        """What all share: one prompt for each."""
        return SwarmSettings(
            test_swarm=True,
            prompts_per_round=self.nodes,
            shares=self.nodes,
            completions_per_prompt=4,
        )


LONG = Form(
    seconds=3600.0,
    sample_s=10.0,
    stranger_s=15.0,
    honest=4,
    rounds_kept=20,
    pause_s=0.25,
    round_s_max=12.0,
)
SHORT = Form(
    seconds=15.0,
    sample_s=1.0,
    stranger_s=2.0,
    honest=2,
    rounds_kept=3,
    pause_s=0.01,
    round_s_max=4.0,  # on a busy machine an adversary's model takes as long to be loaded
)


@dataclass(slots=True)
class Watched:
    """One honest node and its figures over time.

    Args:
        member: The node.
        points: By figure.
        banned: Honest peers, or their addresses, that it was seen to have barred.
        last_round_s: When it was first seen to have had its last round.
        rounds: How many it has had.
    """

    member: Mortal
    points: dict[str, list[Point]] = field(default_factory=dict)
    banned: set[str] = field(default_factory=set)
    last_round_s: float = 0.0
    rounds: int = 0

    def look(self, now_s: float, honest: Sequence[str]) -> None:
        """Take a sample."""
        for name, value in vitals(self.member).items():
            self.points.setdefault(name, []).append((now_s, value))
        self.banned |= {one for one in barred(self.member) if one in honest}
        rounds = len(self.member.rounds())
        if rounds > self.rounds:
            self.rounds, self.last_round_s = rounds, now_s

    def most(self, name: str) -> float:
        """Return a figure's largest value."""
        return max((value for _, value in self.points.get(name, [])), default=0.0)


async def measure(*, short: bool) -> dict[str, Any]:
    """Return what grew."""
    form = SHORT if short else LONG
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        place = Path(directory)
        members = cast(form, place)
        watched = [Watched(one) for one in members[: form.honest]]
        with company(members):
            for one in members[: form.honest]:
                await had(one, 1)
            async with strangers(form, members[: form.honest], place) as met:
                await watch(form, watched)
            alive = [one.is_alive for one in members]
        found = figures(form, watched, members[form.honest :])
    steady = short or found["slope_mb_per_h"] <= SLOPE_MB_PER_H_MAX
    flat = short or max(found["more"].values()) <= MORE_MAX
    return found | {
        "seconds": form.seconds,
        "strangers": met,
        "alive": alive,
        "passed": steady and flat and all(alive) and met["cut"] > 0 and not found["wrong"],
    }


def cast(form: Form, place: Path) -> list[Placed]:
    """Return who is who; each at an address of its own."""
    settings = (
        f"swarm.prompts_per_round={form.swarm.prompts_per_round}",
        f"swarm.shares={form.swarm.shares}",
        f"round.authors_min={form.nodes}",
        f"round.round_s_max={form.round_s_max}",
        "task.source=unhurried:Unhurried",
        f"ledger.rounds_kept={form.rounds_kept}",
        f"checkpoint.keep_last={CHECKPOINTS}",
        "network.redial_s_max=5",
    )
    roles: list[tuple[str, tuple[str, ...]]] = [(host, ()) for host in form.hosts]
    roles += [
        (f"127.0.2.{at + 1}", (f"adversary.attack=menace:{name}",))
        for at, name in enumerate(("loud", "quiet"))
    ]
    return [
        Placed(
            f"node-{at}",
            place,
            seed=12_000 + at,
            settings=(*settings, *own),
            host=host,
            pause_s=form.pause_s,
        )
        for at, (host, own) in enumerate(roles)
    ]


async def watch(form: Form, watched: Sequence[Watched]) -> None:
    """Look at the honest members now and then, for so long."""
    honest = [*(str(one.member.peer) for one in watched), *form.hosts]
    began_s = trio.current_time()
    while (now_s := trio.current_time() - began_s) < form.seconds:
        for one in watched:
            one.look(now_s, honest)
        await trio.sleep(form.sample_s)


@asynccontextmanager
async def strangers(
    form: Form, honest: Sequence[Placed], place: Path
) -> AsyncIterator[dict[str, int]]:
    """Send strangers to the members for as long as the block lasts; count them."""
    settings = EngineSettings(data_dir=str(place / "none"), swarm=form.swarm)
    topic = contribution_topic((await InlineCompute(settings).open()).parameters)
    addresses = [one.told("node_started")[0]["addresses"][0] for one in honest]
    met = {"came": 0, "cut": 0}

    async def come() -> None:
        luck = Random(12)  # noqa: S311 - which garbage
        while True:
            await trio.sleep(form.stranger_s)
            met["came"] += 1
            address = addresses[met["came"] % len(addresses)]
            with suppress(HUNG_UP), trio.move_on_after(10):
                met["cut"] += await is_cut(met["came"], address, topic, luck.randbytes(200))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(come)
        yield met
        nursery.cancel_scope.cancel()


async def is_cut(number: int, address: str, topic: str, noise: bytes) -> bool:
    """Be a stranger who sends what is no message; return whether it was cut."""
    key = ground.keypair(f"stranger {number}")
    source = f"127.90.{number // 200 % 200}.{number % 200 + 1}"
    async with intruder(key, source, address) as one:
        stream = await one.stream()
        sent = [one.signed(bytes([at]) + noise, topic=topic) for at in range(GARBAGE)]
        await stream.write(frame(b"".join(sent)))
        return await one.is_cut() is not None


def figures(
    form: Form, watched: Sequence[Watched], adversaries: Sequence[Mortal]
) -> dict[str, Any]:
    """Return what was seen of the honest members, the worst of each, and what of it is wrong."""
    honest = [str(one.member.peer) for one in watched]
    ended_s = max(one.points["files"][-1][0] for one in watched)
    bad = [str(one.peer) for one in adversaries]
    # In a few seconds beside other tests a node may have closed each round before poison came.
    enough = any if form is SHORT else all
    wrong = {
        "over_bounds": over_bounds(form, watched),
        "tracebacks": sum(has_traceback(one.member) for one in watched),
        "models_lost": sum(len(one.member.told("worker_lost")) for one in watched),
        "honest_banned": sorted(set().union(*(one.banned for one in watched))),
        "stalled": sum(ended_s - one.last_round_s > STALLED_S for one in watched),
        "nothing_forgotten": min(one.rounds for one in watched) <= form.rounds_kept + CHECKPOINTS,
        "nobody_poisoned": not enough(refused(one.member.rounds(), bad) for one in watched),
    }
    slopes = leaning(watched)
    return {
        "rounds": min(one.rounds for one in watched),
        "slope_mb_per_h": max(max(each) for each in slopes.values()),
        "slopes_mb_per_h": slopes,
        "more": {
            f"{kind} {name}": max(grown(one.points[f"{kind} {name}"]) for one in watched)
            for kind in ("network", "model")
            for name in ("descriptors", "threads")
        },
        "most": {
            name: round(max(one.most(name) for one in watched), 2)
            for name in sorted(watched[0].points)
        },
        "honest_cores": round(cores(watched), 2),
        "honest_questioned": dict(total(watched, honest)),
        "poison_refused": dict(total(watched, bad)),
        "barred": sum(len(barred(one.member)) for one in watched),
        "ends": [one.member.rounds()[-1]["ended"] for one in watched],
        "policies": len({one.member.rounds()[-1]["policy_digest"] for one in watched}),
        "counted": wrong,
        "wrong": [name for name, found in wrong.items() if found],
    }


def total(watched: Sequence[Watched], peers: Sequence[str]) -> Counter[str]:
    """Count, by reason, the completions of some peers that the honest refused."""
    return sum((refused(one.member.rounds(), peers) for one in watched), Counter())


def over_bounds(form: Form, watched: Sequence[Watched]) -> list[str]:
    """Return the tables that had more rows than they may.

    A ledger holds the rounds that it is to keep, the current one and those to come that are
    taken; of each, an answer of everybody to one prompt.
    """
    rounds = form.rounds_kept + 1 + WINDOW_ROUNDS
    answers = rounds * form.nodes
    bounds = {
        "envelopes": answers,
        "contributions": answers,
        "completions": answers * form.swarm.completions_per_prompt,
        "closed": rounds,
        "links": FEW * rounds,
    }
    tables = sorted(name for name in watched[0].points if name.startswith("rows "))
    found = {name: max(one.most(name) for one in watched) for name in tables}
    allowed = {name: bounds.get(name.removeprefix("rows "), FEW) for name in tables}
    return [
        f"{name}: {rows:.0f} of {allowed[name]}"
        for name, rows in found.items()
        if rows > allowed[name]
    ]


def leaning(watched: Sequence[Watched]) -> dict[str, list[float]]:
    """Return the slopes of each kind of memory through the second half of the time, by node."""
    return {
        f"{kind} {name}": [round(slope_per_h(one.points[f"{kind} {name}"]), 2) for one in watched]
        for kind in ("network", "model")
        for name in ("rss_mb", "anonymous_mb")
    }


def cores(watched: Sequence[Watched]) -> float:
    """Return how many cores the honest members used together."""
    used = 0.0
    for one in watched:
        for kind in ("network", "model"):
            first, last = one.points[f"{kind} cpu_s"][0], one.points[f"{kind} cpu_s"][-1]
            used += (last[1] - first[1]) / max(1.0, last[0] - first[0])
    return used
