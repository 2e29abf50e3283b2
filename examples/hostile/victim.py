"""A live node without a model: the real mesh, the real gate, the real ledger, in its own process.

    python examples/hostile/victim.py [--stock]

It prints one line of JSON when it listens, and answers each line that it is sent (`report`, `heard`
or `end`) with one. With `--stock` the same gate sits behind py-libp2p's own classes, with the
settings that its documentation shows: the positive control.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import ground
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from node.ledger import Ledger
from node.mesh import Decision, MeshSettings
from node.mesh.gossip import GossipMesh, open_gossip_mesh
from node.mesh.host import quieten
from node.mesh.wire import author_of
from node.round import open_desk
from node.settings import RoundSettings
from protocol.identity import PeerId

CUT_MAX = 100_000
"""Cuts that are written down between two reports."""

TICK_S = 0.01
"""How often it is noted how late the event loop is."""


class Victim:
    """What is watched while the node is attacked."""

    def __init__(self, directory: Path) -> None:
        self.epoch_ns = time.monotonic_ns()
        self.keypair = ground.keypair("victim")
        self.ledger = Ledger(directory / "ledger.db")
        self.desk = open_desk(
            self.keypair,
            ground.PARAMETERS,
            RoundSettings(),
            ledger=self.ledger,
            tell=self.tell,
            open_round=0,
        )
        self.events: Counter[str] = Counter()
        self.cut: list[dict[str, object]] = []
        self.rejected: Counter[str] = Counter()
        self.heard: list[tuple[str, int]] = []
        self.lag_ms_max = 0.0
        self.callers_max = 0
        self.mesh: GossipMesh | None = None

    def tell(self, name: str, fields: Mapping[str, object]) -> None:
        """Count an event; keep those of peers that were cut."""
        self.events[name] += 1
        if name == "frame_refused" and len(self.cut) < CUT_MAX:
            cut = {"reason": fields["reason"], "peer": str(fields["forwarder"])}
            self.cut.append({**cut, "at_ns": time.monotonic_ns()})

    def validate(self, data: bytes, forwarder: PeerId) -> Decision:
        """Ask the gate, and note what was accepted when."""
        decision = self.desk.gate.validate(data, forwarder)
        if decision is Decision.ACCEPT:
            self.heard.append((data[-16:].hex(), time.monotonic_ns()))
        elif decision is Decision.REJECT:
            self.rejected[str(forwarder)] += 1
        return decision

    async def watch(self) -> None:
        """Go from round to round by the clock, and note how late the event loop is."""
        while True:
            due_s = trio.current_time() + TICK_S
            await trio.sleep(TICK_S)
            self.lag_ms_max = max(self.lag_ms_max, 1000 * (trio.current_time() - due_s))
            now = ground.round_at(self.epoch_ns)
            if now > self.desk.gate.open_round:
                self.desk.gate.open(now)
            if self.mesh is not None:
                settled = self.mesh.host.swarm.door.settled()
                self.callers_max = max(self.callers_max, *settled.values(), 0)

    def report(self) -> dict[str, object]:
        """Return what was seen since the last report, and since the start."""
        found = {
            "rss_mb": resident_mb(),
            "lag_ms_max": round(self.lag_ms_max, 1),
            "callers_per_address_max": self.callers_max,
            "events": dict(self.events),
            "cut": self.cut,
            "rejected_max": max(self.rejected.values(), default=0),
            "refused": dict(self.desk.gate.counts()),
            "counters": {} if self.mesh is None else dict(self.mesh.counters()),
            "peers": 0 if self.mesh is None else len(self.mesh.peers()),
            "turned_away": {} if self.mesh is None else dict(self.mesh.host.swarm.door.refused),
        }
        self.lag_ms_max = 0.0
        self.cut = []
        return found


def resident_mb() -> float:
    """Return this process's memory, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


@asynccontextmanager
async def hardened(victim: Victim, options: argparse.Namespace) -> AsyncIterator[str]:
    """Open the node's own mesh."""
    async with open_gossip_mesh(
        MeshSettings(listen=(options.listen,)),
        victim.keypair,
        ground.TOPIC,
        victim.validate,
        address_topic=ground.ADDRESS_TOPIC,
        conduct_path=options.directory / "conduct.json",
        message_bytes_max=ground.PARAMETERS.message_bytes_max,
        on_event=victim.tell,
    ) as mesh:
        victim.mesh = mesh
        yield mesh.addresses[0]


@asynccontextmanager
async def stock(victim: Victim, options: argparse.Namespace) -> AsyncIterator[str]:
    """Open py-libp2p's own classes around the same gate."""
    identity = create_new_key_pair(victim.keypair.seed)
    host = new_host(key_pair=identity)
    router = GossipSub(
        protocols=[TProtocol("/meshsub/1.1.0")],
        degree=6,
        degree_low=4,
        degree_high=12,
        heartbeat_interval=1,
    )
    pubsub = Pubsub(host, router, strict_signing=True)

    def judge(forwarder: ID, message: rpc_pb2.Message) -> bool:
        peer = author_of(forwarder.to_bytes()) or victim.keypair.peer_id
        return victim.validate(message.data, peer) is not Decision.REJECT

    async with host.run([]), background_trio_service(pubsub), background_trio_service(router):
        await pubsub.wait_until_ready()
        await pubsub.subscribe(ground.TOPIC)
        pubsub.set_topic_validator(ground.TOPIC, judge, is_async_validator=False)
        await host.get_network().listen(Multiaddr(options.listen))
        yield str(host.get_addrs()[0])


async def serve(victim: Victim, options: argparse.Namespace) -> None:
    """Answer the process that started us, until it says so."""
    opened = stock(victim, options) if options.stock else hardened(victim, options)
    async with opened as address, trio.open_nursery() as nursery:
        nursery.start_soon(victim.watch)
        say({"address": address, "epoch_ns": victim.epoch_ns, "rss_mb": resident_mb()})
        while True:
            line = await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
            match line.strip():
                case "report":
                    say(victim.report())
                case "heard":
                    say({"heard": victim.heard})
                case _:
                    nursery.cancel_scope.cancel()
                    return


def say(line: dict[str, object]) -> None:
    """Report a line to the process that started us."""
    print(json.dumps(line), flush=True)


def main() -> None:
    """Be a node."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stock", action="store_true", help="py-libp2p's own classes")
    parser.add_argument("--listen", default="/ip4/127.0.0.1/tcp/0")
    options = parser.parse_args()
    quieten()
    with tempfile.TemporaryDirectory() as directory:
        options.directory = Path(directory)
        victim = Victim(options.directory)
        try:
            trio.run(serve, victim, options)
        finally:
            victim.ledger.close()


if __name__ == "__main__":
    main()
