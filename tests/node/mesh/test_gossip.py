"""The mesh over TCP: what the conformance suite cannot ask of memory."""

import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from multiaddr import Multiaddr

from node.faults import ConfigFault, Fault, NetworkFault
from node.mesh import Mesh, MeshSettings, no_event
from node.mesh.gossip import open_gossip_mesh
from node.mesh.host import build_host, close_host
from node.mesh.router import PROTOCOLS
from node.mesh.wire import varint

if TYPE_CHECKING:
    from conftest import Lab


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_restarted_node_is_heard_again(lab: "Lab") -> None:
    """Its new messages must not bear the numbers of its old ones."""
    member = lab.Member()

    async with lab.gossip_node(1, member) as hub:
        for life in (b"first", b"second"):
            async with lab.gossip_node(2, lab.Member(), peers=hub.addresses) as mesh:
                await lab.until(mesh.peers)
                for number in range(30):
                    await mesh.publish(b"%s %d" % (life, number))

        await lab.until(lambda: len(member.heard) == 60)


async def test_what_was_queued_is_sent_before_the_end(lab: "Lab") -> None:
    member = lab.Member()

    async with lab.gossip_node(1, member) as hub:
        async with lab.gossip_node(2, lab.Member(), peers=hub.addresses, linger_s=0.2) as mesh:
            await lab.until(mesh.peers)
            for number in range(50):
                await mesh.publish(b"%d" % number)

        await lab.until(lambda: len(member.heard) == 50)


async def test_a_late_joiner_is_told_the_last_few_seconds_and_what_follows(lab: "Lab") -> None:
    late = lab.Member()

    async with lab.gossip_node(1, lab.Member()) as early:
        await early.publish(b"before")
        async with lab.gossip_node(2, late, peers=early.addresses) as mesh:
            await lab.until(lambda: mesh.peers() and early.peers())
            await early.publish(b"after")
            await lab.until(lambda: len(late.heard) == 2)

    assert set(late.heard) == {b"before", b"after"}


async def test_the_others_hear_each_other_when_the_first_node_is_gone(lab: "Lab") -> None:
    members = [lab.Member() for _ in range(3)]
    meshes: list[Mesh] = []
    place = f"/ip4/127.0.0.1/tcp/{free_port()}"
    first = f"{place}/p2p/{lab.keypair(1).peer_id}"

    async with AsyncExitStack() as stack:
        for index, member in enumerate(members):
            node = lab.gossip_node(index + 2, member, peers=(first,))
            meshes.append(await stack.enter_async_context(node))
        async with lab.gossip_node(1, lab.Member(), listen=(place,)):
            await lab.until(lambda: all(len(mesh.peers()) == 3 for mesh in meshes))
        await lab.until(lambda: all(len(mesh.peers()) == 2 for mesh in meshes))

        for mesh in meshes:
            await mesh.publish(mesh.peer_id.public_key)
        await lab.until(lambda: all(len(member.heard) == 2 for member in members))

    for mesh, member in zip(meshes, members, strict=True):
        others = {one.peer_id.public_key for one in meshes if one is not mesh}
        assert set(member.heard) == others


async def test_a_restarted_node_finds_its_peers_without_the_first_node(
    lab: "Lab", tmp_path: Path
) -> None:
    path = tmp_path / "known_peers.json"

    async with lab.gossip_node(3, lab.Member()) as friend:
        async with lab.gossip_node(1, lab.Member(), peers=friend.addresses) as hub:
            node = lab.gossip_node(2, lab.Member(), peers=hub.addresses, known_peers_path=path)
            async with node as mesh:
                await lab.until(lambda: len(mesh.peers()) == 2)
        async with lab.gossip_node(2, lab.Member(), known_peers_path=path) as mesh:
            await lab.until(lambda: mesh.peers() == (friend.peer_id,))


async def test_a_node_whose_peer_is_away_works_alone_until_it_comes(lab: "Lab") -> None:
    port = free_port()
    member, first = lab.Member(), lab.Member()
    away = f"/ip4/127.0.0.1/tcp/{port}/p2p/{lab.keypair(1).peer_id}"

    async with lab.gossip_node(2, member, peers=(away,)) as mesh:
        await lab.until(lambda: len(member.told("dial_failed")) >= 3)
        await mesh.publish(b"alone")
        failures = member.told("dial_failed")
        assert {failure["step"] for failure in failures} == {"dial"}
        assert {failure["address"] for failure in failures} == {away}
        async with lab.gossip_node(1, first, listen=(f"/ip4/127.0.0.1/tcp/{port}",)):
            await lab.until(mesh.peers)
            await mesh.publish(b"together")
            await lab.until(lambda: b"together" in first.heard)
            assert member.told("peer_connected")[0]["peer"] == str(lab.keypair(1).peer_id)
        await lab.until(lambda: member.told("peer_disconnected"))


async def test_another_key_at_the_address_is_not_taken_for_the_peer(lab: "Lab") -> None:
    member = lab.Member()

    async with lab.gossip_node(1, lab.Member()) as impostor:
        address = impostor.addresses[0].replace(str(impostor.peer_id), str(lab.keypair(7).peer_id))
        async with lab.gossip_node(2, member, peers=(address,)) as mesh:
            await lab.until(lambda: member.told("dial_failed"))

            assert member.told("dial_failed")[0]["step"] == "handshake"
            assert mesh.peers() == ()


async def test_a_peer_of_another_swarm_is_named_as_such_and_let_go(lab: "Lab") -> None:
    member = lab.Member()

    async with lab.gossip_node(1, lab.Member(), topic="/other/messages") as other:
        node = lab.gossip_node(2, member, peers=other.addresses, dial_timeout_s=0.3)
        async with node as mesh:
            await lab.until(lambda: member.told("dial_failed"))

            assert member.told("dial_failed")[0]["step"] == "protocol"
            assert mesh.peers() == ()


async def test_a_host_name_is_dialled(lab: "Lab") -> None:
    async with lab.gossip_node(1, lab.Member()) as hub:
        address = hub.addresses[0].replace("/ip4/127.0.0.1/", "/dns4/localhost/")
        async with lab.gossip_node(2, lab.Member(), peers=(address,)) as mesh:
            await lab.until(mesh.peers)


async def test_a_lost_connection_is_made_again_and_both_hear_each_other(lab: "Lab") -> None:
    members = [lab.Member() for _ in range(2)]

    async with lab.gossip_swarm(members, line=False) as (hub, leaf):
        for number in range(3):
            await hub.host.disconnect(ID(leaf.peer_id.to_bytes()))
            await lab.until(lambda count=number: len(members[1].told("peer_connected")) > count + 1)
            await lab.until(lambda: hub.peers() and leaf.peers())
            await hub.publish(b"%d" % number)
            await leaf.publish(b"%d" % number)
            await lab.until(lambda count=number: len(members[0].heard) == count + 1)
            await lab.until(lambda count=number: len(members[1].heard) == count + 1)


async def test_leaves_that_a_full_hub_does_not_take_in_hear_everything_too(lab: "Lab") -> None:
    """In the library they are left out of the neighbourhood and of the gossip about it."""
    members = [lab.Member() for _ in range(5)]
    narrow = {"degree": 2, "degree_low": 1, "degree_high": 2, "connections_wanted": 1}

    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(lab.gossip_node(1, members[0], **narrow))
        leaves = [
            await stack.enter_async_context(
                lab.gossip_node(index + 1, member, peers=hub.addresses, **narrow)
            )
            for index, member in enumerate(members)
            if index
        ]
        await lab.until(lambda: len(hub.peers()) == 4)
        await trio.sleep(1.2)  # a heartbeat, in which the hub lets go of whom it has too many
        assert len(hub._router.neighbours(lab.topic)) <= 2
        for number in range(10):
            await leaves[number % 4].publish(b"%d" % number)
        await lab.until(lambda: len(members[0].heard) == 10)
        for at, member in enumerate(members[1:]):
            own = sum(number % 4 == at for number in range(10))
            await lab.until(lambda member=member, own=own: len(member.heard) == 10 - own)


@pytest.mark.parametrize("trickles", [False, True])
async def test_a_frozen_peer_holds_a_publish_up_for_one_moment_only(
    lab: "Lab", *, trickles: bool
) -> None:
    """It takes nothing off its streams, or a byte now and then; the others must not notice."""
    members = [lab.Member(), lab.Member()]
    slow = {"outbox_messages_max": 4, "outbox_wait_s": 0.2}
    topic = rpc_pb2.RPC.SubOpts(subscribe=True, topicid=lab.topic)
    hello = rpc_pb2.RPC(subscriptions=[topic]).SerializeToString()

    async def freeze(stream: Any) -> None:
        while trickles:
            await trio.sleep(0.05)
            await stream.muxed_stream.send_window_update(1)
        await trio.sleep_forever()

    async with lab.gossip_node(1, members[0], **slow) as mesh:
        frozen = build_host(lab.keypair(9), (), no_event)
        frozen.set_stream_handler(PROTOCOLS[0], freeze)
        async with lab.gossip_node(2, members[1], peers=mesh.addresses), frozen.run([]):
            place, _, _ = mesh.addresses[0].partition("/p2p/")
            mesh_id = ID(mesh.peer_id.to_bytes())
            await frozen.get_network().dial_addr(Multiaddr(place), mesh_id)
            stream = await frozen.new_stream(mesh_id, list(PROTOCOLS))
            await stream.write(varint(len(hello)) + hello)
            await lab.until(lambda: len(mesh.peers()) == 2)
            # Yamux takes some hundred KiB for a peer that reads nothing, the outbox four more.
            published = 0
            while not members[0].told("peer_lagged"):
                began_s = trio.current_time()
                await mesh.publish(bytes([published]) * 40_000)
                published += 1
            lagged_s = trio.current_time()
            assert 0.2 <= lagged_s - began_s < 1
            for _ in range(4):
                await mesh.publish(bytes([published]) * 40_000)
                published += 1
            assert trio.current_time() - lagged_s < 0.2
            await lab.until(lambda: len(members[1].heard) == published)
            await close_host(frozen, 1.0)

    assert members[0].told("peer_lagged") == [{"peer": str(lab.keypair(9).peer_id)}]
    assert 10 < published < 60
    assert mesh.counters()["outbox_full"] == 5


async def test_what_is_announced_is_what_others_are_told(lab: "Lab") -> None:
    """A container knows its own address only; the operator knows the one outside."""
    outside = "/dns4/trainer.example.org/tcp/4001"

    async with lab.gossip_node(1, lab.Member(), announce=(outside,)) as mesh:
        assert mesh.addresses == (f"{outside}/p2p/{mesh.peer_id}",)


async def test_listening_everywhere_announces_each_place(lab: "Lab") -> None:
    async with lab.gossip_node(1, lab.Member(), listen=("/ip4/0.0.0.0/tcp/0",)) as mesh:
        assert mesh.addresses
        assert not any(address.startswith("/ip4/0.") for address in mesh.addresses)


async def test_cancelled_it_is_closed_within_two_seconds(lab: "Lab") -> None:
    """As a signal does it, in the midst of a burst."""
    async with lab.gossip_node(1, lab.Member()) as hub:
        with trio.CancelScope() as scope:
            async with lab.gossip_node(2, lab.Member(), peers=hub.addresses) as mesh:
                await lab.until(mesh.peers)
                for number in range(100):
                    await mesh.publish(b"%d" % number)
                cancelled_s = trio.current_time()
                scope.cancel()
                await trio.sleep_forever()

        assert trio.current_time() - cancelled_s < 2
        await lab.until(lambda: not hub.peers())


async def test_an_error_in_the_block_comes_out_as_it_is(lab: "Lab") -> None:
    """And not in a group of groups, one for each nursery in between."""
    with pytest.raises(LookupError, match="the caller's"):
        async with lab.gossip_node(1, lab.Member()):
            raise LookupError("the caller's")


async def test_a_node_may_dial_without_listening(lab: "Lab") -> None:
    member = lab.Member()

    async with lab.gossip_node(1, member) as hub:
        node = lab.gossip_node(2, lab.Member(), listen=(), peers=hub.addresses)
        async with node as mesh:
            await lab.until(mesh.peers)
            await mesh.publish(b"from behind a wall")
            await lab.until(lambda: member.heard)

            assert mesh.addresses == ()


async def test_counters_leave_announcements_apart(lab: "Lab") -> None:
    member = lab.Member()

    async with lab.gossip_swarm([lab.Member(), member], line=False) as (mesh, hub):
        await mesh.publish(b"one")
        await lab.until(lambda: member.heard)
        await lab.until(lambda: hub.counters().get("address_accepted"))

        assert hub.counters()["accepted"] == 1
        assert mesh.counters()["published"] == 1


# --- what the operator got wrong ----------------------------------------------------------


@pytest.mark.parametrize("checkpoints", [*range(0, 60, 4)])
async def test_a_node_that_is_stopped_while_it_starts_ends(lab: "Lab", checkpoints: int) -> None:
    """At whatever step of its start: it waited for ever for a library that nobody had stopped."""
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:

            async def life() -> None:
                async with lab.gossip_node(1, lab.Member()):
                    await trio.sleep_forever()

            nursery.start_soon(life)
            for _ in range(checkpoints):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()


async def test_a_port_that_is_taken_is_told_even_by_another_node(lab: "Lab") -> None:
    """The library shares ports silently: each node would get a part of the other's callers."""
    async with lab.gossip_node(1, lab.Member()) as mesh:
        taken = mesh.addresses[0].partition("/p2p/")[0]
        with pytest.raises(NetworkFault, match="already in use") as fault:
            async with lab.gossip_node(2, lab.Member(), listen=(taken,)):
                pass

    assert taken in fault.value.cause
    assert "stop the program that has the port, or choose another" in fault.value.fix


@pytest.mark.parametrize(
    ("settings", "kind", "cause", "fix"),
    [
        ({"listen": ("x:1",)}, ConfigFault, "cannot listen on 'x:1'", "/ip4/0.0.0.0/tcp"),
        ({"listen": ("/dns4/localhost/tcp/0",)}, NetworkFault, "on /dns4", "ip4 or ip6"),
        ({"listen": ("/ip4/192.0.2.1/tcp/0",)}, NetworkFault, "Cannot assign", "this machine"),
        ({"announce": ("somewhere",)}, ConfigFault, "cannot announce 'somewhere'", "/dns4/"),
        ({"announce": ("/ip4/192.0.2.1/tcp/0",)}, ConfigFault, "port 0", "others reach"),
        ({"peers": ("nobody",)}, ConfigFault, "peer address 'nobody'", "copy the whole address"),
        ({"peers": ("/ip4/127.0.0.1/tcp/1",)}, ConfigFault, "does not say who", "append /p2p/"),
    ],
)
async def test_a_wrong_address_is_told_with_the_way_out(
    lab: "Lab", settings: dict[str, Any], kind: type[Fault], cause: str, fix: str
) -> None:
    with pytest.raises(kind) as fault:
        async with lab.gossip_node(1, lab.Member(), **settings):
            pass

    assert cause in fault.value.cause
    assert fix in fault.value.fix


@pytest.mark.parametrize("limit", [0, 61_441])
async def test_a_limit_that_no_frame_can_hold_is_our_bug(lab: Any, limit: int) -> None:
    opened = open_gossip_mesh(
        MeshSettings(),
        lab.keypair(1),
        "topic",
        lab.Member().validate,
        address_topic="addresses",
        message_bytes_max=limit,
    )
    with pytest.raises(ValueError, match=f"message_bytes_max is {limit}"):
        async with opened:
            pass
