"""The library's insides are overridden, so its release matters."""

import inspect
from importlib.metadata import version
from typing import Any

import pytest
from libp2p.host.basic_host import BasicHost
from libp2p.network.swarm import Swarm
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.stream_muxer.muxer_multistream import MuxerMultistream
from libp2p.stream_muxer.yamux.yamux import Yamux

from node.faults import ConfigFault
from node.mesh.mesh import no_event
from node.mesh.muxer import HardenedYamux, OneMuxer
from node.mesh.outbox import Outbox
from node.mesh.pubsub import HardenedPubsub
from node.mesh.releases import TESTED, check_release
from node.mesh.router import HardenedGossipSub
from node.mesh.swarm import HardenedHost, HardenedSwarm


def test_the_installed_release_is_one_that_was_tested() -> None:
    assert version("libp2p") in TESTED


def test_a_patch_that_was_not_tested_is_told_and_used() -> None:
    events: list[str] = []

    check_release("0.8.99", lambda name, _fields: events.append(name))

    assert events == ["libp2p_untested"]


@pytest.mark.parametrize("installed", ["0.7.0", "0.9.0", "1.0.0", "0.80.1"])
def test_another_minor_release_is_refused_with_the_way_out(installed: str) -> None:
    with pytest.raises(ConfigFault, match=f"libp2p {installed} is installed") as fault:
        check_release(installed, no_event)

    assert 'pip install "libp2p==0.8.1"' in fault.value.fix


OVERRIDES: dict[str, tuple[type[Any], type[Any], set[str]]] = {
    "pubsub": (
        HardenedPubsub,
        Pubsub,
        {
            "stream_handler",
            "continuously_read_stream",
            "push_msg",
            "publish",
            "handle_sending_messages",
            "_handle_new_peer",
            "_handle_dead_peer",
            "get_hello_packet",
        },
    ),
    "router": (
        HardenedGossipSub,
        GossipSub,
        {
            "publish",
            "handle_rpc",
            "handle_graft",
            "handle_iwant",
            "send_recent_messages",
            "flush_pending_messages",
            "emit_control_message",
            "_perform_opportunistic_grafting",
            "_handle_topic_heartbeat",
        },
    ),
    "outbox": (Outbox, RpcQueue, {"push", "close", "__len__"}),
    "host": (HardenedHost, BasicHost, {"_schedule_identify"}),
    "swarm": (
        HardenedSwarm,
        Swarm,
        {
            "_init_connection_management",
            "close_peer",
            "_do_handle_inbound_connection",
            "add_conn",
        },
    ),
    "muxer": (HardenedYamux, Yamux, {"_read_data_body"}),
    "negotiation": (OneMuxer, MuxerMultistream, {"new_conn"}),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_every_override_still_overrides_something(name: str) -> None:
    """A method that the library has renamed would leave its defect unanswered, silently."""
    ours, theirs, methods = OVERRIDES[name]
    own = {one for one, _ in inspect.getmembers(theirs, callable)} & vars(ours).keys()

    assert own - {"__init__", "__doc__", "__module__"} >= methods
    for method in methods:
        expected = list(inspect.signature(getattr(theirs, method)).parameters)
        assert (
            list(inspect.signature(getattr(ours, method)).parameters)[: len(expected)] == expected
        )
