"""A minute of two attackers that renew their identities, and one honest peer among them.

Honest messages must arrive, all and soon; each identity must be cut after ten refusals; memory must
stay where it was. Two forms: attackers with one address each, whose renewal soon ends at the door,
and attackers with a fresh address for each identity, who are let in for as long as they like.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ground
import trio
from intruder import HUNG_UP, Intruder, frame, intruder
from live import Honest, Live, honest_peer, live_node

SECONDS = 60.0
HONEST_PAUSE_S = 0.25
BATCH = 16
"""Messages in a frame; more would end the connection at once, which is not what a flood wants."""

IDENTITY_S = 3.0
"""How long an identity goes on that is merely ignored, before it too is renewed."""

DELIVERED_S = 10.0
"""After this an honest message counts as lost."""

LATENCY_MS_MAX, REFUSALS_MAX, RSS_MB_MAX = 100.0, 10, 64.0


def refused(one: Intruder, now: int, number: int) -> bytes:
    """Return a signed message whose envelope is not: to be rejected."""
    data = ground.message(one.keypair, now, number % 8, salt=number)
    return one.signed(data[:-1] + bytes([data[-1] ^ 1]))


def forged(one: Intruder, now: int, number: int) -> bytes:
    """Return a message that its author has not signed: to be rejected."""
    return one.signed(
        ground.message(one.keypair, now, number % 8, salt=number), signature=bytes(64)
    )


def ignored(one: Intruder, now: int, number: int) -> bytes:
    """Return an answer to a prompt that was answered before: to be ignored."""
    return one.signed(ground.message(one.keypair, now, number % 8, salt=number))


FLOODS: tuple[Callable[[Intruder, int, int], bytes], ...] = (refused, forged, ignored)


async def attack(options: argparse.Namespace) -> None:
    """Flood a node for so long, as one identity after another; report what came of it."""
    counts: Counter[str] = Counter()
    until_s = trio.current_time() + options.seconds
    with trio.move_on_at(until_s):
        while True:
            number = counts["tried"]
            counts["tried"] += 1
            third = number if options.renew_address else 0
            source = f"127.{options.network}.{third // 200}.{third % 200 + 1}"
            key = ground.keypair(f"flood {options.network} {number}")
            with suppress(HUNG_UP):
                async with intruder(key, source, options.address) as one:
                    counts["let_in"] += 1
                    with trio.move_on_after(IDENTITY_S):
                        await pour(one, FLOODS[number % len(FLOODS)], options.epoch_ns, counts)
            await trio.sleep(0.05)
    print(json.dumps(counts), flush=True)


async def pour(
    one: Intruder, make: Callable[..., bytes], epoch_ns: int, counts: Counter[str]
) -> None:
    """Write frames of sixteen messages for as long as the node takes them."""
    stream = await one.stream()
    number = 0
    while True:
        now = ground.round_at(epoch_ns)
        batch = [make(one, now, number + index) for index in range(BATCH)]
        number += BATCH
        await stream.write(frame(b"".join(batch)))
        counts["written"] += BATCH


@contextmanager
def attackers(
    live: Live, seconds: float, *, renew_address: bool
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start two attackers in processes of their own, and end them."""
    started = []
    for network in (70, 71):
        command = [sys.executable, __file__, "--address", live.address]
        command += ["--epoch-ns", str(live.epoch_ns), "--seconds", str(seconds)]
        command += ["--network", str(network), *(["--renew-address"] if renew_address else [])]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603 - this very file
        )
    try:
        yield started
    finally:
        for one in started:
            one.kill()
            one.wait()
            if one.stdout is not None:
                one.stdout.close()


async def said(process: subprocess.Popen[str]) -> dict[str, int]:
    """Return what an attacker reports at its end."""
    assert process.stdout is not None
    with trio.move_on_after(30):
        line = await trio.to_thread.run_sync(process.stdout.readline, abandon_on_cancel=True)
        return dict(json.loads(line)) if line else {}
    return {}


async def talk(honest: Honest, seconds: float) -> None:
    """Publish four messages a second."""
    until_s = trio.current_time() + seconds
    while trio.current_time() < until_s:
        await honest.say()
        await trio.sleep(HONEST_PAUSE_S)


async def flooded(*, seconds: float, renew_address: bool, stock: bool) -> dict[str, Any]:
    """Return what an honest peer notices of a flood, and what the node does about it."""
    with live_node(stock=stock) as live:
        async with honest_peer(live) as honest:
            await talk(honest, 2.0)
            before = await live.ask("report")
            cpu_s = time.process_time()
            with attackers(live, seconds, renew_address=renew_address) as started:
                await talk(honest, seconds)
                reports = [await said(one) for one in started]
            cpu_s = time.process_time() - cpu_s
            heard = await settled(live, honest)
            report = await live.ask("report") if live.is_alive else {}
    latencies = sorted(
        (heard[mark] - sent_ns) / 1e6 for mark, sent_ns in honest.sent.items() if mark in heard
    )
    return {
        "alive": bool(report),
        "sent": len(honest.sent),
        "delivered": len(latencies),
        "latency_ms_p50": round(statistics.median(latencies), 1) if latencies else None,
        "latency_ms_p95": round(latencies[int(0.95 * len(latencies))], 1) if latencies else None,
        "latency_ms_max": round(latencies[-1], 1) if latencies else None,
        "lag_ms_max": report.get("lag_ms_max"),
        "rss_mb": round(report["rss_mb"] - before["rss_mb"], 1) if report else None,
        "identities_cut": len(report.get("cut", [])),
        "rejected_by_gate_max": report.get("rejected_max"),
        "events": report.get("events"),
        "turned_away": report.get("turned_away"),
        "counters": report.get("counters"),
        "attackers": reports,
        "honest_cpu_s": round(cpu_s, 1),
    }


async def settled(live: Live, honest: Honest) -> dict[str, int]:
    """Return when the node took which message, once it has taken all or time is up."""
    heard: dict[str, int] = {}
    with trio.move_on_after(DELIVERED_S), suppress(TimeoutError):
        while not honest.sent.keys() <= heard.keys():
            heard = dict((await live.ask("heard"))["heard"])
            await trio.sleep(0.2)
    return heard


async def measure(*, short: bool) -> dict[str, Any]:
    """Return the figures of both floods; in the long form, the library's own classes' as well."""
    seconds = 4.0 if short else SECONDS
    one = await flooded(seconds=seconds, renew_address=True, stock=False)
    forms = {"an address for each identity": one}
    if not short:
        forms["an address for each attacker"] = await flooded(
            seconds=seconds, renew_address=False, stock=False
        )
        forms["stock"] = await flooded(seconds=seconds, renew_address=True, stock=True)
    refusals = one["counters"].get("forged", 0) + one["counters"].get("rejected", 0)
    ours = [form for name, form in forms.items() if name != "stock"]
    return {
        **{name: one[name] for name in ("sent", "delivered", "latency_ms_p95", "rss_mb")},
        "refusals_max": max(form["rejected_by_gate_max"] for form in ours),
        "refusals_per_identity": round(refusals / max(1, one["identities_cut"]), 2),
        "forms": forms,
        "passed": all(
            form["delivered"] == form["sent"]
            and form["latency_ms_p95"] <= LATENCY_MS_MAX
            and form["rejected_by_gate_max"] <= REFUSALS_MAX
            and form["rss_mb"] <= RSS_MB_MAX
            for form in ours
        ),
    }


def main() -> None:
    """Be an attacker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", required=True)
    parser.add_argument("--epoch-ns", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--network", type=int, default=70, help="second number of its addresses")
    parser.add_argument("--renew-address", action="store_true")
    trio.run(attack, parser.parse_args())


if __name__ == "__main__":
    main()
