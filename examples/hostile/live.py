"""Start a node in a process of its own, talk with it, and be an honest peer of its."""

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import ground
import trio

from node.mesh import Decision, MeshSettings
from node.mesh.gossip import GossipMesh, open_gossip_mesh
from protocol.identity import PeerId

VICTIM = Path(__file__).with_name("victim.py")
ANSWER_S = 30.0
"""A node that does not answer its own starter for so long is as good as dead."""


class Live:
    """A node's process, seen from outside."""

    def __init__(self, process: subprocess.Popen[str], hello: dict[str, Any]) -> None:
        self.process = process
        self.address: str = hello["address"]
        self.epoch_ns: int = hello["epoch_ns"]
        self.rss_mb: float = hello["rss_mb"]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.split("/")[4])

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; it may be frozen."""
        return self.process.poll() is None

    async def ask(self, what: str) -> dict[str, Any]:
        """Ask it for a line of JSON.

        Raises:
            TimeoutError: It does not answer.
        """
        with trio.move_on_after(ANSWER_S):
            line = await trio.to_thread.run_sync(self._ask, what, abandon_on_cancel=True)
            if line:
                return dict(json.loads(line))
        raise TimeoutError(f"the node did not answer {what!r}")

    def _ask(self, what: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(what + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self.process.stdout.readline()


@contextmanager
def live_node(*, stock: bool = False, listen: str = "/ip4/127.0.0.1/tcp/0") -> Iterator[Live]:
    """Start a node, and end it."""
    command = [sys.executable, str(VICTIM), "--listen", listen, *(["--stock"] if stock else [])]
    process = subprocess.Popen(  # noqa: S603 - starts the file beside this one
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if stock else None,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"the node did not start: exit code {process.wait()}")
    try:
        yield Live(process, json.loads(line))
    finally:
        process.kill()
        process.communicate()


class Honest:
    """A well-behaved peer that writes down when it has said what."""

    def __init__(self, mesh: GossipMesh, live: Live, keypair: Any) -> None:
        self.mesh = mesh
        self.live = live
        self.keypair = keypair
        self.sent: dict[str, int] = {}
        self._said: dict[int, int] = {}

    async def say(self) -> str:
        """Publish the next contribution that this round still has room for; return its mark."""
        while True:
            now = ground.round_at(self.live.epoch_ns)
            place = self._said.get(now, 0)
            if place < ground.PARAMETERS.prompts_per_author:
                break
            await trio.sleep(0.05)
        self._said = {now: place + 1}
        data = ground.message(self.keypair, now, place)
        mark = data[-16:].hex()
        self.sent[mark] = time.monotonic_ns()
        await self.mesh.publish(data)
        return mark

    async def is_served(self, within_s: float = 2.0) -> float | None:
        """Say something; return after how many seconds the node has taken it, or None."""
        began_s = trio.current_time()
        with trio.move_on_after(within_s):
            mark = await self.say()
            while True:
                heard = await self.live.ask("heard")
                if any(one == mark for one, _ in heard["heard"]):
                    return trio.current_time() - began_s
                await trio.sleep(0.01)
        return None


@asynccontextmanager
async def honest_peer(live: Live, name: str = "honest", **settings: Any) -> AsyncIterator[Honest]:
    """Join the node, as any peer does, and wait until it is there."""
    keypair = ground.keypair(name)

    def validate(_data: bytes, _forwarder: PeerId) -> Decision:
        return Decision.ACCEPT

    async with open_gossip_mesh(
        MeshSettings(peers=(live.address,), redial_s_min=0.1, redial_s_max=0.5, **settings),
        keypair,
        ground.TOPIC,
        validate,
        address_topic=ground.ADDRESS_TOPIC,
        message_bytes_max=ground.PARAMETERS.message_bytes_max,
    ) as mesh:
        with trio.move_on_after(10):
            while not mesh.peers():  # noqa: ASYNC110 - told by nobody
                await trio.sleep(0.005)
        yield Honest(mesh, live, keypair)
