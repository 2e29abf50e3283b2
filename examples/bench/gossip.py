"""Measure the mesh: N processes over loopback TCP, bursts of messages, every one counted.

    python examples/bench/gossip.py [--nodes 4] [--rounds 200]

Each node publishes a burst each round and goes on to the next once it holds everyone's; nothing
else runs, so CPU time is the network's alone. Two loads stand for the two modes: in a vertical
round of four shares a node publishes 4 contributions of about 2 KB, in a horizontal one 16 of
about 1 KB. The last line is JSON:

    delivered         share of (message, receiving node) pairs that arrived, of all expected
    repeated          deliveries of a message that was delivered before (must be 0)
    latency_ms_p50/95 publish to validate, between processes
    cpu_ms_delivered  CPU milliseconds of one node per message delivered to it, everything included
                      (its own publishing, copies received and forwarded, heartbeats)
    cpu_s_round       CPU seconds of one node per round
    idle_rss_mb       memory of a node that is connected and has not sent anything yet
"""

import argparse
import cProfile
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

import trio

from node.mesh import Decision, Mesh, MeshSettings
from node.mesh.gossip import open_gossip_mesh
from protocol.identity import Keypair, PeerId

LOADS = {"vertical": (4, 2048), "horizontal": (16, 1024)}
"""Messages a node publishes in a round, and their length in bytes."""

HEAD_BYTES = 20
ROUND_S_MAX = 10.0
"""After this a round's missing messages count as lost."""


class Node:
    """One node's process: it publishes, counts, and reports in lines of JSON."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.count, self.length = LOADS[options.load]
        self.random = Random(options.node)  # noqa: S311 - fills messages
        self.held: dict[int, set[tuple[int, int]]] = {}
        self.latencies_ms: list[float] = []
        self.repeated = 0
        self.changed = trio.Event()

    def validate(self, data: bytes, _forwarder: PeerId) -> Decision:
        """Count a message."""
        author, round_index, number = (int.from_bytes(data[at : at + 4], "big") for at in (0, 4, 8))
        sent_ns = int.from_bytes(data[12:HEAD_BYTES], "big")
        self.latencies_ms.append((time.monotonic_ns() - sent_ns) / 1e6)
        held = self.held.setdefault(round_index, set())
        self.repeated += (author, number) in held
        held.add((author, number))
        self.changed.set()
        return Decision.ACCEPT

    def message(self, round_index: int, number: int) -> bytes:
        """Return a message that says who sent it, which one it is, and when."""
        numbers = (self.options.node, round_index, number)
        head = b"".join(part.to_bytes(4, "big") for part in numbers)
        head += time.monotonic_ns().to_bytes(8, "big")
        return head + self.random.randbytes(self.length - HEAD_BYTES)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that a message or a peer may make true."""
        while not condition():
            self.changed = trio.Event()
            await self.changed.wait()

    async def run(self) -> None:
        """Join, publish in rounds, report."""
        keypair = Keypair.from_seed(bytes([self.options.node + 1]) * 32)
        async with open_gossip_mesh(
            MeshSettings(peers=tuple(self.options.peers)),
            keypair,
            "/bench/messages",
            self.validate,
            address_topic="/bench/addresses",
            on_event=lambda _name, _fields: self.changed.set(),
        ) as mesh:
            say({"addresses": mesh.addresses})
            await self.until(lambda: len(mesh.peers()) == self.options.nodes - 1)
            idle_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            await told({"ready": True})
            cpu_s, began_s = time.process_time(), time.monotonic()
            for round_index in range(self.options.rounds):
                await self.run_round(mesh, round_index)
            cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - began_s
            # Others may still need what we forward.
            await told({"done": True})
            say(
                {
                    "cpu_s": cpu_s,
                    "wall_s": wall_s,
                    "idle_rss_mb": idle_mb,
                    "delivered": sum(map(len, self.held.values())),
                    "repeated": self.repeated,
                    "latencies_ms": self.latencies_ms,
                    "counters": dict(mesh.counters()),
                }
            )

    async def run_round(self, mesh: Mesh, round_index: int) -> None:
        """Publish a burst, and wait for everyone else's."""
        for number in range(self.count):
            await mesh.publish(self.message(round_index, number))
        expected = (self.options.nodes - 1) * self.count
        with trio.move_on_after(ROUND_S_MAX):
            await self.until(lambda: len(self.held.get(round_index, ())) == expected)
        await trio.sleep(self.options.pause)


def say(line: dict) -> None:
    """Report a line to the process that started us."""
    print(json.dumps(line), flush=True)


async def told(line: dict) -> None:
    """Report a line, and wait for leave to go on."""
    say(line)
    await trio.to_thread.run_sync(sys.stdin.readline)


def work(options: argparse.Namespace) -> None:
    """Be one node."""
    node = Node(options)
    if options.profile and options.node == 1:
        profile = cProfile.Profile()
        profile.runcall(trio.run, node.run)
        profile.dump_stats(options.profile)
    else:
        trio.run(node.run)


def start(index: int, load: str, peers: list[str], options: argparse.Namespace) -> subprocess.Popen:
    """Start a node's process and return it."""
    command = [sys.executable, __file__, "--node", str(index), "--load", load]
    command += ["--nodes", str(options.nodes), "--rounds", str(options.rounds)]
    command += ["--pause", str(options.pause), "--peers", *peers]
    if options.profile:
        command += ["--profile", options.profile]
    return subprocess.Popen(  # noqa: S603 - starts this very file
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def hear(process: subprocess.Popen) -> dict:
    """Read one line of JSON from a node."""
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise SystemExit(f"a node ended early, with status {process.wait()}")
    return json.loads(line)


def tell(process: subprocess.Popen) -> None:
    """Let a node go on."""
    if process.stdin is not None:
        process.stdin.write("go\n")
        process.stdin.flush()


def measure(load: str, options: argparse.Namespace) -> dict:
    """Run one load through fresh processes and return its figures."""
    nodes = [start(0, load, [], options)]
    addresses = hear(nodes[0])["addresses"]
    nodes += [start(index, load, addresses, options) for index in range(1, options.nodes)]
    for node in nodes[1:]:
        hear(node)
    for _ in ("ready", "done"):
        for node in nodes:
            hear(node)
        for node in nodes:
            tell(node)
    reports = [hear(node) for node in nodes]
    for node in nodes:
        node.wait()
    return figures(load, reports, options)


def figures(load: str, reports: list[dict], options: argparse.Namespace) -> dict:
    """Sum the nodes' reports up."""
    count, length = LOADS[load]
    expected = options.nodes * (options.nodes - 1) * count * options.rounds
    delivered = sum(report["delivered"] for report in reports)
    latencies = sorted(one for report in reports for one in report["latencies_ms"])
    cpu_s = sum(report["cpu_s"] for report in reports)
    copies = sum(report["counters"].get("duplicate", 0) for report in reports) / delivered
    return {
        "load": load,
        "messages_per_node_round": count,
        "message_bytes": length,
        "delivered": delivered / expected,
        "expected": expected,
        "repeated": sum(report["repeated"] for report in reports),
        "copies_per_delivery": round(1 + copies, 2),
        "latency_ms_p50": round(statistics.median(latencies), 1),
        "latency_ms_p95": round(latencies[int(len(latencies) * 0.95)], 1),
        "cpu_ms_delivered": round(1000 * cpu_s / delivered, 3),
        "cpu_s_round": round(cpu_s / options.nodes / options.rounds, 4),
        "idle_rss_mb": round(max(report["idle_rss_mb"] for report in reports)),
        "wall_s": round(max(report["wall_s"] for report in reports), 1),
    }


HEADINGS = "load        a node and round  delivered to others      p50      p95  CPU per delivery"


def row(result: dict[str, Any]) -> str:
    """Return one load's figures as a row of the table."""
    size = f"{result['messages_per_node_round']} x {result['message_bytes']} B"
    arrived = round(result["delivered"] * result["expected"])
    share = f"{arrived}/{result['expected']}"
    return (
        f"{result['load']:<12}{size:<18}{share:<20}"
        f"{result['latency_ms_p50']:>6.0f} ms{result['latency_ms_p95']:>6.0f} ms"
        f"{result['cpu_ms_delivered']:>15.2f} ms"
    )


def main() -> None:
    """Measure each load, print its figures, end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between two rounds")
    parser.add_argument("--load", choices=[*LOADS], help="this load only")
    parser.add_argument("--profile", default="", help="cProfile of one node goes to this file")
    parser.add_argument("--node", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--peers", nargs="*", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.node is not None:
        work(options)
        return
    results = [measure(load, options) for load in ([options.load] if options.load else LOADS)]
    print(HEADINGS)
    for result in results:
        print(row(result), flush=True)
    print(
        json.dumps(
            {"bench": "gossip", "nodes": options.nodes, "rounds": options.rounds, "loads": results}
        )
    )


if __name__ == "__main__":
    main()
