"""Swarms of both kinds, opened alike, and what watches them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from node.mesh import Decision, Mesh, MeshSettings
from node.mesh.gossip import GossipMesh, open_gossip_mesh
from node.mesh.memory import open_memory_swarm
from protocol.identity import Keypair, PeerId

TOPIC = "/test/messages"
ADDRESS_TOPIC = "/test/addresses"


def keypair(index: int) -> Keypair:
    return Keypair.from_seed(bytes([index]) * 32)


@dataclass
class Member:
    """A node that writes down what it is handed."""

    decide: Callable[[bytes], Decision] = lambda _data: Decision.ACCEPT
    heard: list[bytes] = field(default_factory=list)
    forwarders: list[PeerId] = field(default_factory=list)
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def validate(self, data: bytes, forwarder: PeerId) -> Decision:
        self.heard.append(data)
        self.forwarders.append(forwarder)
        return self.decide(data)

    def on_event(self, name: str, fields: Mapping[str, object]) -> None:
        self.events.append((name, dict(fields)))

    def told(self, name: str) -> list[dict[str, object]]:
        return [fields for told, fields in self.events if told == name]


async def until(condition: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Wait for a condition, failing the test if it does not come true."""
    with trio.fail_after(within_s):
        while not condition():  # noqa: ASYNC110 - any condition, told by nobody
            await trio.sleep(0.01)


@asynccontextmanager
async def gossip_node(
    index: int, member: Member, *, topic: str = TOPIC, **settings: Any
) -> AsyncIterator[GossipMesh]:
    """Open one node over TCP, impatient so that tests are short."""
    own = ("known_peers_path", "conduct_path", "is_allowed", "answer", "question_protocol")
    options = {name: settings.pop(name) for name in own if name in settings}
    impatient = {"redial_s_min": 0.1, "redial_s_max": 0.5, "dial_timeout_s": 5.0} | settings
    async with open_gossip_mesh(
        MeshSettings(**impatient),
        keypair(index),
        topic,
        member.validate,
        address_topic=ADDRESS_TOPIC,
        on_event=member.on_event,
        **options,
    ) as mesh:
        yield mesh


@asynccontextmanager
async def gossip_swarm(members: Sequence[Member], *, line: bool) -> AsyncIterator[list[Mesh]]:
    """Open nodes over TCP, each dialling the one before it, or all of them."""
    async with AsyncExitStack() as stack:
        meshes: list[Mesh] = []
        for index, member in enumerate(members):
            known = meshes[-1:] if line else meshes
            peers = tuple(mesh.addresses[0] for mesh in known)
            node = gossip_node(index + 1, member, peers=peers, connections_wanted=1)
            meshes.append(await stack.enter_async_context(node))
        await until(lambda: all_linked(meshes, line=line))
        yield meshes


@asynccontextmanager
async def memory_swarm(members: Sequence[Member], *, line: bool) -> AsyncIterator[list[Mesh]]:
    """Join members in memory, each linked to the one before it, or to all of them."""
    async with open_memory_swarm(seed=1) as swarm:
        meshes: list[Mesh] = []
        for index, member in enumerate(members):
            mesh = swarm.join(keypair(index + 1).peer_id, member.validate)
            for other in meshes[:-1] if line else ():
                swarm.cut(mesh.peer_id, other.peer_id)
            meshes.append(mesh)
        yield meshes


def all_linked(meshes: Sequence[Mesh], *, line: bool) -> bool:
    ends = (0, len(meshes) - 1)
    full = len(meshes) - 1
    wanted = [(1 if at in ends else 2) if line else full for at in range(len(meshes))]
    return [len(mesh.peers()) for mesh in meshes] == wanted


class Lab:
    """What the tests of this folder share, since they cannot import each other."""

    Member = Member
    until = staticmethod(until)
    keypair = staticmethod(keypair)
    gossip_node = staticmethod(gossip_node)
    gossip_swarm = staticmethod(gossip_swarm)
    topic = TOPIC
    address_topic = ADDRESS_TOPIC


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture(params=[memory_swarm, gossip_swarm], ids=["memory", "gossip"])
def open_swarm(request: pytest.FixtureRequest) -> Any:
    """Either kind: `async with open_swarm(members, line=...) as meshes`."""
    return request.param
