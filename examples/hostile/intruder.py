"""A stranger on the wire: libp2p's handshakes, then whatever bytes it likes, from any address.

Every address of 127.0.0.0/8 is this machine's, so one attacker has as many as a botnet.
"""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import ground
import trio
from libp2p.abc import INetStream, IRawConnection
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.stream_muxer.yamux import yamux
from libp2p.transport.tcp.tcp import TCP
from multiaddr import Multiaddr

from node.mesh import no_event
from node.mesh.addresses import Address
from node.mesh.host import build_host, close_host
from node.mesh.router import PROTOCOLS
from node.mesh.swarm import HardenedHost
from node.mesh.wire import publish_field, signed_message, varint
from protocol.identity import Keypair

HUNG_UP = Exception
"""A stranger is hung up on in as many ways as the library has layers."""


class From(TCP):
    """TCP that dials from an address of one's choice."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source

    async def dial(self, maddr: Multiaddr) -> IRawConnection:
        """Dial from the source."""
        return await self.dial_with_source(maddr, (self._source, 0))


class Intruder:
    """One identity at one address, connected to one node."""

    def __init__(self, host: HardenedHost, keypair: Keypair, target: ID) -> None:
        self.host = host
        self.keypair = keypair
        self.target = target
        self._seqno = 0

    @property
    def connection(self) -> Any:
        """The Yamux connection to the node; raises IndexError when there is none any more."""
        return self.host.get_network().get_connections(self.target)[0].muxed_conn

    async def stream(self) -> INetStream:
        """Open a gossip stream to the node."""
        return await self.host.new_stream(self.target, list(PROTOCOLS))

    def signed(self, data: bytes, /, *, topic: str = ground.TOPIC, **changes: Any) -> bytes:
        """Return a signed gossip message as a publish field, some fields replaced afterwards."""
        self._seqno += 1
        made, _ = signed_message(data, topic=topic, seqno=self._seqno, keypair=self.keypair)
        for name, value in changes.items():
            setattr(made, name, value)
        return publish_field(made.SerializeToString())

    async def is_cut(self, within_s: float = 2.0) -> float | None:
        """Return after how many seconds the node has hung up; None if it has not."""
        began_s = trio.current_time()
        with trio.move_on_after(within_s):
            while self.host.get_network().get_connections(self.target):  # noqa: ASYNC110 - told by nobody
                await trio.sleep(0.002)
            return trio.current_time() - began_s
        return None

    async def raw(
        self, kind: int, flags: int, stream_id: int, length: int, body: bytes = b""
    ) -> None:
        """Write one Yamux frame, whatever it says of itself."""
        head = struct.pack(yamux.YAMUX_HEADER_FORMAT, 0, kind, flags, stream_id, length)
        await self.connection._write_frame(head + body)  # noqa: SLF001 - no rule is kept here


def frame(rpc: bytes) -> bytes:
    """Return a frame of the gossip protocol."""
    return varint(len(rpc)) + rpc


def hello(*topics: str) -> bytes:
    """Return the frame that subscribes to topics."""
    subscriptions = [
        rpc_pb2.RPC.SubOpts(subscribe=True, topicid=topic) for topic in topics or (ground.TOPIC,)
    ]
    return frame(rpc_pb2.RPC(subscriptions=subscriptions).SerializeToString())


def control(**parts: Any) -> bytes:
    """Return a frame of control entries."""
    return frame(rpc_pb2.RPC(control=rpc_pb2.ControlMessage(**parts)).SerializeToString())


@asynccontextmanager
async def intruder(
    keypair: Keypair, source: str, address: str, *, listens: bool = False
) -> AsyncIterator[Intruder]:
    """Connect to a node; with `listens`, take its gossip stream and read it to nowhere."""

    async def sink(stream: INetStream) -> None:
        with suppress(HUNG_UP):
            while listens:
                await stream.read(65_536)

    host = build_host(keypair, (), no_event)
    host.swarm.transport_manager._transports[:] = [From(source)]  # noqa: SLF001 - no way to choose
    if listens:
        host.set_stream_handler(PROTOCOLS[0], sink)
    place = Address.parse(address)
    assert place.peer is not None
    target = ID(place.peer.to_bytes())
    failure: Exception | None = None
    async with host.run([]):
        try:
            where = Multiaddr(f"/{place.kind}/{place.host}/tcp/{place.port}")
            await host.get_network().dial_addr(where, target)
            yield Intruder(host, keypair, target)
        except Exception as error:  # noqa: BLE001 - raised below, out of the library's groups
            failure = error
        finally:
            with trio.CancelScope(shield=True):
                await close_host(host, 0.5)
    if failure is not None:
        raise failure
