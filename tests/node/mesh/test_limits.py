"""How many may come, how fast they are read, and who is not let in: at live nodes over loopback."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from libp2p.abc import IHost, IRawConnection
from libp2p.host.exceptions import HostException
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.transport.tcp.tcp import TCP
from multiaddr import Multiaddr

from node.mesh import Decision, Mesh, no_event
from node.mesh.fares import PEER_BURST, USELESS
from node.mesh.host import build_host, close_host
from node.mesh.router import PROTOCOLS
from node.mesh.wire import publish_field, signed_message, varint
from protocol.identity import Keypair

if TYPE_CHECKING:
    from conftest import Lab


class FromElsewhere(TCP):
    """Dials from another address of this machine: all of 127.0.0.0/8 is."""

    async def dial(self, maddr: Multiaddr) -> IRawConnection:
        return await self.dial_with_source(maddr, ("127.0.0.9", 0))


@asynccontextmanager
async def caller(mesh: Mesh, number: int) -> AsyncIterator[IHost]:
    host = build_host(Keypair.from_seed(bytes([number]) * 32), (), no_event)
    host.swarm.transport_manager._transports[:] = [FromElsewhere()]
    refusal: SwarmException | None = None
    async with host.run([]):
        place, _, _ = mesh.addresses[0].partition("/p2p/")
        try:
            await host.get_network().dial_addr(Multiaddr(place), ID(mesh.peer_id.to_bytes()))
            yield host
        except SwarmException as error:
            refusal = error
        finally:
            with trio.CancelScope(shield=True):
                await close_host(host, 1.0)
    if refusal is not None:
        raise refusal


async def is_let_in(mesh: Mesh, number: int) -> bool:
    """Whether a caller can open a stream; the refusal may come during the handshake or after."""
    try:
        async with caller(mesh, number) as host:
            await host.new_stream(ID(mesh.peer_id.to_bytes()), list(PROTOCOLS))
    except* (SwarmException, HostException):
        let_in = False
    else:
        let_in = True
    return let_in


def connections(mesh: Any) -> int:
    return len(mesh.host.get_network().get_connections())


async def test_one_address_has_eight_connections_whatever_its_names(lab: "Lab") -> None:
    """And whoever calls from another address is served as before."""
    async with AsyncExitStack() as stack:
        node, honest = lab.Member(), lab.Member()
        mesh = await stack.enter_async_context(lab.gossip_node(1, node))
        for number in range(20, 28):
            await stack.enter_async_context(caller(mesh, number))
        for number in range(28, 32):
            assert not await is_let_in(mesh, number)
        assert connections(mesh) == 8
        assert mesh.host.swarm.door.settled() == {"127.0.0.9": 8}
        other = await stack.enter_async_context(lab.gossip_node(2, honest, peers=mesh.addresses))
        await lab.until(other.peers)
        await other.publish(b"served")
        await lab.until(lambda: node.heard)


async def test_callers_that_keep_silent_shut_nobody_out(lab: "Lab") -> None:
    """Not even from their own address: they make way for whoever speaks."""
    async with AsyncExitStack() as stack:
        mesh = await stack.enter_async_context(lab.gossip_node(1, lab.Member()))
        port = int(mesh.addresses[0].split("/")[4])
        for _ in range(50):
            silent = await trio.open_tcp_stream("127.0.0.1", port, local_address="127.0.0.9")
            await stack.enter_async_context(silent)
        with trio.fail_after(2):
            assert await is_let_in(mesh, 20)

        assert mesh.host.swarm.door.refused["made_way"] >= 40


async def test_who_is_not_allowed_is_not_connected(lab: "Lab") -> None:
    friend = lab.keypair(20).peer_id

    node = lab.gossip_node(1, lab.Member(), is_allowed=lambda peer: peer == friend)

    async with node as mesh, caller(mesh, 20):
        assert connections(mesh) == 1
        assert not await is_let_in(mesh, 21)
        assert connections(mesh) == 1


async def test_a_bar_outlasts_a_restart(lab: "Lab", tmp_path: Path) -> None:
    path = tmp_path / "conduct.json"
    member = lab.Member()

    async with lab.gossip_node(1, member, conduct_path=path) as mesh, caller(mesh, 20) as host:
        stream = await host.new_stream(ID(mesh.peer_id.to_bytes()), list(PROTOCOLS))
        await stream.write(b"\xff" * 12)
        await lab.until(lambda: member.told("barred"))
    async with lab.gossip_node(1, lab.Member(), conduct_path=path) as mesh:
        assert mesh.conduct.bars_peer(lab.keypair(20).peer_id)
        assert not await is_let_in(mesh, 20)
        assert await is_let_in(mesh, 21)


async def test_what_is_ignored_is_read_slowly_and_nobody_else_waits(lab: "Lab") -> None:
    """A flood that breaks no rule costs its sender time, and the node a share that is fixed."""
    node = lab.Member(lambda data: Decision.ACCEPT if data == b"served" else Decision.IGNORE)
    free = int(PEER_BURST / USELESS)

    async with lab.gossip_swarm([node, lab.Member()], line=False) as (mesh, other):
        async with caller(mesh, 20) as host:
            stream = await host.new_stream(ID(mesh.peer_id.to_bytes()), list(PROTOCOLS))
            for number in range(2 * free):
                made, _ = signed_message(
                    b"of no use", topic=lab.topic, seqno=number, keypair=lab.keypair(20)
                )
                rpc = publish_field(made.SerializeToString())
                await stream.write(varint(len(rpc)) + rpc)
            await lab.until(lambda: len(node.heard) > free)
            began_s = trio.current_time()
            await other.publish(b"served")
            await lab.until(lambda: b"served" in node.heard)

            assert trio.current_time() - began_s < 1
            assert len(node.heard) < free + 40
        assert node.told("frame_refused") == []
