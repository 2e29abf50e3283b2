"""A libp2p host as we want it: one transport, one kind of encryption, one muxer, no surprises.

It does not listen or dial by itself: `node.mesh.gossip` says when, `node.mesh.dialer` whom.
"""

import errno
import logging
import socket
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version

import trio
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.transport.tcp.tcp import TCP
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr

from node.faults import NetworkFault
from node.mesh.conduct import Conduct
from node.mesh.door import Door, DoorLimits
from node.mesh.mesh import OnEvent
from node.mesh.muxer import OneMuxer, StreamQuota
from node.mesh.releases import check_release
from node.mesh.settings import MeshSettings
from node.mesh.swarm import HardenedHost, HardenedSwarm
from protocol.identity import Keypair, PeerId

CONNECTIONS_MAX = 1024
"""Open connections, in and out. Below the usual limit of 1024 descriptors minus our own files the
system refuses first; what matters is that silent strangers do not use up a small number."""

UPGRADE_S = 5.0
"""How long either side of a connection may take to prove who it is."""


def build_host(
    keypair: Keypair,
    announce: Sequence[Multiaddr],
    on_event: OnEvent,
    *,
    settings: MeshSettings | None = None,
    conduct: Conduct | None = None,
    is_allowed: Callable[[PeerId], bool] = lambda _peer: True,
) -> HardenedHost:
    """Return a host with our identity that neither listens nor runs yet.

    Args:
        keypair: Its Ed25519 key is the libp2p identity.
        announce: Addresses to tell others instead of those listened on; none means those.
        on_event: Told of streams that were refused.
        settings: How many callers may stay; None takes the defaults.
        conduct: Who is barred; None bars nobody.
        is_allowed: Whether a peer may connect at all.

    Raises:
        ConfigFault: The installed library is not one that this was made for.
    """
    check_release(version("libp2p"), on_event)
    quieten()
    settings = settings or MeshSettings()
    held = conduct or Conduct(None, clock=trio.current_time, wall=time.time, on_event=on_event)
    swarm = _build_swarm(
        keypair,
        door=Door(_limits(settings), is_barred=held.bars_host, clock=trio.current_time),
        is_welcome=lambda peer: is_allowed(peer) and not held.bars_peer(peer),
    )
    host = HardenedHost(
        swarm,
        announce_addrs=list(announce) or None,
        disable_identify_address_discovery=True,
    )
    _guard_streams(swarm, on_event)
    return host


def _limits(settings: MeshSettings) -> DoorLimits:
    return DoorLimits(
        per_address=settings.callers_per_address,
        per_network=settings.callers_per_network,
        in_all=settings.callers_max,
    )


def _build_swarm(
    keypair: Keypair, *, door: Door, is_welcome: Callable[[PeerId], bool]
) -> HardenedSwarm:
    identity = create_new_key_pair(keypair.seed)
    peer_id = ID.from_pubkey(identity.public_key)
    peerstore = PeerStore()
    peerstore.add_key_pair(peer_id, identity)
    noise = NoiseTransport(identity, noise_privkey=create_noise_key_pair().private_key)
    # Noise alone: the library also offers plaintext, over which anyone who knows a public key
    # passes for its owner.
    muxers = {TProtocol(YAMUX): Yamux}
    upgrader = TransportUpgrader({NOISE: noise}, muxers)
    upgrader.muxer_multistream = OneMuxer(muxers, upgrader.muxer_multistream.negotiate_timeout)
    return HardenedSwarm(
        peer_id,
        peerstore,
        upgrader,
        transports=[TCP()],
        # The dialler has its own patience.
        retry_config=RetryConfig(max_retries=0),
        connection_config=ConnectionConfig(
            max_connections=CONNECTIONS_MAX,
            high_watermark=CONNECTIONS_MAX,
            low_watermark=0,
            min_connections=0,
            inbound_upgrade_timeout=UPGRADE_S,
            outbound_upgrade_timeout=UPGRADE_S,
        ),
        door=door,
        is_welcome=is_welcome,
    )


def _guard_streams(swarm: Swarm, on_event: OnEvent) -> None:
    """Let nothing that a stream's handler raises, of whatever protocol, reach the host.

    In the library it does, and ends the process: negotiation, identify and ping all read bytes
    of strangers. A peer that opens more streams than it can have a use for is hung up on.
    """
    inner = swarm.common_stream_handler
    quota = StreamQuota()

    async def guarded(stream: INetStream) -> None:
        connection = stream.muxed_conn
        cause = quota.enter(connection)
        try:
            if cause:
                await connection.close()
            else:
                await inner(stream)
        except Exception as error:  # noqa: BLE001 - hostile decoding: no peer may end the process
            cause = type(error).__name__
            await stream.reset()
        finally:
            quota.leave(connection)
            if cause:
                on_event("stream_refused", {"peer": str(connection.peer_id), "cause": cause})

    swarm.set_stream_handler(guarded)


def quieten() -> None:
    """Keep the library's own logs from flooding stderr; what matters is told as events.

    Its root logger is set up at import; some modules write to the root of all loggers.
    """
    for name in ("libp2p", "multiaddr", "zeroconf"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def check_free(address: Multiaddr) -> None:
    """Raise unless an address can be listened on.

    The library listens with SO_REUSEPORT, with which two processes of one user share a port and
    each gets a part of the other's callers. A socket without it finds out.

    Raises:
        NetworkFault: The port is taken, not permitted, or the address is not this machine's.
    """
    protocols = [protocol.name for protocol in address.protocols()]
    if protocols not in (["ip4", "tcp"], ["ip6", "tcp"]):
        raise NetworkFault(
            f"cannot listen on {address}",
            fix="listen on an address like /ip4/0.0.0.0/tcp/4001 (ip4 or ip6, then tcp)",
        )
    family = socket.AF_INET if protocols[0] == "ip4" else socket.AF_INET6
    host, port = address.value_for_protocol(protocols[0]), address.value_for_protocol("tcp")
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port or 0)))
        except OSError as error:
            raise NetworkFault(
                f"cannot listen on {address}: {error.strerror}", fix=_way_out(error)
            ) from error


def _way_out(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "stop the program that has the port, or choose another (0: any free one)"
        case errno.EACCES:
            return "choose a port above 1023, which needs no privilege"
        case errno.EADDRNOTAVAIL:
            return "listen on an address of this machine; /ip4/0.0.0.0 stands for all of them"
        case _:
            return "choose another address to listen on"


async def close_host(host: HardenedHost, patience_s: float) -> None:
    """Close all connections at once, then the host; whatever is left after a while is dropped.

    The library closes them one after another, at 0.2 s each.
    """
    with trio.move_on_after(patience_s):
        async with trio.open_nursery() as nursery:
            for connection in host.get_network().get_connections():
                nursery.start_soon(connection.close)
        await host.close()
