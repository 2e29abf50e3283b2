"""What hostile peers can do to a node, measured against live ones over loopback.

    python examples/hostile/run.py [--short | --page] [--only T3 ...] [--json]

Prints a table and ends with one line of JSON. The exit code is 1 if any aim was missed. The long
form takes some three hours on two cores (T6 and T12 most of them), the short one a few minutes.
"""

import argparse
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import bombs
import burst
import crowding
import flood
import full_disk
import fuzzing
import hygiene
import kills
import misbehaviour
import resume
import skew
import soak
import startup
import trio
import wire_attacks
from page import PAGE, entered

Measure = Callable[..., Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Test:
    """One row of the table.

    Args:
        what: What is done to the node.
        aim: What must hold.
        measure: Returns figures, `passed` among them; told whether to be `short`.
        told: The figures in words.
    """

    what: str
    aim: str
    measure: Measure
    told: Callable[[dict[str, Any]], str]


TESTS: dict[str, Test] = {
    "T1": Test(
        "every known attack on the wire, one after another",
        "process alive; an honest peer served within 2 s",
        wire_attacks.measure,
        lambda f: f"{f['served']}/{f['attacks']} served, slowest {f['served_s_max']:.2f} s",
    ),
    "T2": Test(
        "random and mutated bytes at decoders, mesh and tables",
        "nothing uncaught, memory + <= 32 MB",
        fuzzing.measure,
        lambda f: (
            f"{f['decoder_runs']:,} decoder runs, {f['envelopes']:,} envelopes, "
            f"{f['frames']:,} frames, {f['sequences']:,} sequences; + {f['rss_mb']:.0f} MB"
        ),
    ),
    "T3": Test(
        "two attackers flood, and renew their identities",
        "honest 100 %, p95 <= 100 ms, cut within 10 refusals, + <= 64 MB",
        flood.measure,
        lambda f: (
            f"{f['delivered']}/{f['sent']}, p95 {f['latency_ms_p95']:.0f} ms, "
            f"{f['refusals_max']} refusals, + {f['rss_mb']:.0f} MB"
        ),
    ),
    "T4": Test(
        "bombs: counts, lengths, nests",
        "each refused within 100 ms",
        bombs.measure,
        lambda f: f"{f['refused']}/{f['bombs']}, slowest {f['refused_ms_max']:.0f} ms",
    ),
    "T5": Test(
        "half-open connections, a crowd of identities, 20 around one node",
        "honest dial <= 2 s, <= 8 connections per address, delivery >= 99 %",
        crowding.measure,
        lambda f: (
            f"dial {f['dial_s_max']:.2f} s, {f['callers_max']} per address, "
            f"{100 * f['eclipse_delivered']:.1f} %"
        ),
    ),
    "T6": Test(
        "kill -9 of a live member: anywhere, in a save, in a recovery",
        "nothing lost, broken or said twice; heard again within 15 s",
        kills.measure,
        lambda f: (
            f"{f['kills']} kills, {f['inside_checkpoint']} in a save, {f['inside_recovery']} in a "
            f"recovery: {f['lost']} messages lost, {f['equivocations']} said twice, "
            f"{f['corrupt']} corrupt ledgers, {f['half_loaded']} half checkpoints; heard again "
            f"after {f['back_s_p50']:.1f} s (median), {f['back_s_max']:.1f} s at most, "
            f"{f['late']} times after more than 15 s"
        ),
    ),
    "T6b": Test(
        "a start cut short at each step, and with each file broken",
        "goes on as who it was, or one clear error",
        startup.measure,
        lambda f: (
            f"{f['interruptions']} interruptions, {f['harms']} broken files: "
            f"{len(f['faults'])} faults"
        ),
    ),
    "T7": Test(
        "its disk is full, and then is not",
        "alive, forwarding meanwhile, mended by itself, database sound",
        full_disk.measure,
        lambda f: (
            f"skipped: {f['skipped']}"
            if "skipped" in f
            else f"mended after {f['mended_s']:.1f} s with room, then {f['rounds_after']} rounds"
        ),
    ),
    "T9": Test(
        "its clock is wrong by seconds, by an hour, and right again",
        "no effect: no rule asks for the time",
        skew.measure,
        lambda f: (
            f"{f['rounds']} rounds under {len(f['offsets_s'])} clocks, "
            f"{f['rounds_incomplete']} incomplete, {f['barred']} barred, {f['rejected']} rejected"
        ),
    ),
    "T10": Test(
        "kill -9 at random steps, beside a run without",
        "the same words, rounds and weights, bit by bit; all of it accepted",
        resume.measure,
        lambda f: (
            f"{f['kills']} kills, {f['rounds']} rounds, {f['accepted']}/{f['messages']} accepted, "
            f"{len(f['faults'])} faults"
        ),
    ),
    "T11": Test(
        "200 messages at once over two hops",
        "100 % arrive",
        burst.measure,
        lambda f: f"{f['delivered']}/{f['sent']} within {f['within_s']:.1f} s",
    ),
    "T12": Test(
        "an hour among adversaries and strangers",
        "memory + <= 2 MB/h, descriptors flat, tables bounded, nobody honest barred",
        soak.measure,
        lambda f: (
            f"{f['slope_mb_per_h']:+.2f} MB/h, {f['rounds']} rounds in {f['seconds']:.0f} s, "
            f"{f['strangers']['came']} strangers, {len(f['wrong'])} things wrong; "
            f"{f['policies']} policies among the honest, who refused each other "
            f"{sum(f['honest_questioned'].values())} completions"
        ),
    ),
    "T13": Test(
        "scripted misbehaviour of a member, one after another",
        "each found out, honest peers lose nothing",
        misbehaviour.measure,
        lambda f: (
            f"{f['found_out']}/{f['misbehaviours']} found out ({f['deeds']} deeds, "
            f"{f['undetected']} undetected), {f['honest_penalised']} honest penalised, "
            f"{f['apart']} rounds apart"
        ),
    ),
    "T16": Test(
        "what a node runs, reads and listens on",
        "no pickle, no foreign code, the p2p port alone",
        hygiene.measure,
        lambda f: f"{f['modules']} modules, {len(f['listening'])} socket(s)",
    ),
}


def main() -> None:
    """Run the tests that were asked for, print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="the form that CI runs")
    parser.add_argument("--only", nargs="+", choices=list(TESTS), help="these tests alone")
    parser.add_argument("--json", action="store_true", help="print the last line only")
    parser.add_argument("--page", action="store_true", help="enter what was found in README.md")
    options = parser.parse_args()
    results = {}
    for name in options.only or TESTS:
        test = TESTS[name]
        began_s = time.monotonic()
        found = trio.run(lambda test=test: test.measure(short=options.short))
        found["wall_s"] = round(time.monotonic() - began_s, 1)
        results[name] = found
        if not options.json:
            mark = "skipped" if "skipped" in found else "ok" if found["passed"] else "MISSED"
            print(f"{name:<4} {test.what}\n     aim: {test.aim}\n     {mark}: {test.told(found)}")
            sys.stdout.flush()
        if options.page and not options.short:  # at once: the next one may take an hour
            enter(name, test, found)
    print(json.dumps({"suite": "hostile", "short": options.short, "tests": results}))
    sys.exit(not all(found["passed"] for found in results.values()))


def enter(name: str, test: Test, found: dict[str, Any]) -> None:
    """Write a test's row of the page anew."""
    missed = "" if found["passed"] or "skipped" in found else "**missed**: "
    row = (test.what, test.aim, missed + test.told(found))
    page = entered(PAGE.read_text("utf-8"), {name: row}, list(TESTS))
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
