"""Two hundred messages at once, over two hops: all must arrive, though nobody asks for them."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import ground
import trio

from node.mesh import Decision, MeshSettings
from node.mesh.gossip import GossipMesh, open_gossip_mesh
from protocol.identity import PeerId

COUNT = 200
PATIENCE_S = 30.0


async def measure(*, short: bool) -> dict[str, object]:  # noqa: ARG001 - it is short enough
    """Return how many of a burst arrive at the far end of a line of three, and how soon."""
    heard: list[set[bytes]] = [set() for _ in range(3)]
    async with AsyncExitStack() as stack:
        meshes: list[GossipMesh] = []
        for index, kept in enumerate(heard):
            peers = tuple(mesh.addresses[0] for mesh in meshes[-1:])
            # One connection is wanted, or the ends would find each other and need no middle.
            settings = MeshSettings(peers=peers, connections_wanted=1)
            mesh = open_gossip_mesh(
                settings,
                ground.keypair(f"burst {index}"),
                ground.TOPIC,
                keeping(kept),
                address_topic=ground.ADDRESS_TOPIC,
            )
            meshes.append(await stack.enter_async_context(mesh))
        with trio.move_on_after(PATIENCE_S):
            while [len(mesh.peers()) for mesh in meshes] != [1, 2, 1]:  # noqa: ASYNC110 - told by nobody
                await trio.sleep(0.01)
        began_s = trio.current_time()
        for number in range(COUNT):
            await meshes[0].publish(b"%04d" % number + bytes(1000))
        published_s = trio.current_time() - began_s
        with trio.move_on_after(PATIENCE_S):
            while len(heard[2]) < COUNT:  # noqa: ASYNC110 - told by nobody
                await trio.sleep(0.01)
        within_s = trio.current_time() - began_s
    return {
        "sent": COUNT,
        "delivered": len(heard[2]),
        "published_s": round(published_s, 3),
        "within_s": round(within_s, 3),
        "passed": len(heard[2]) == COUNT,
    }


def keeping(kept: set[bytes]) -> Callable[[bytes, PeerId], Decision]:
    """Return a judge that keeps everything."""

    def validate(data: bytes, _forwarder: PeerId) -> Decision:
        kept.add(data)
        return Decision.ACCEPT

    return validate
