"""The library's connections and host, with each of their defects answered by one override.

It lets callers in as `node.mesh.door` says, keeps out whom `node.mesh.conduct` bars, and asks
peers nothing about themselves. Whom to dial, and what is said once connected, is decided elsewhere.
"""

from typing import Any

import trio
from libp2p.abc import IMuxedConn
from libp2p.host.basic_host import BasicHost
from libp2p.identity.identify_push.identify_push import ID_PUSH
from libp2p.io.abc import ReadWriteCloser
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction
from libp2p.stream_muxer.yamux.yamux import Yamux
from multiaddr import Multiaddr

from node.mesh.door import Door
from node.mesh.muxer import remote_address
from node.mesh.wire import author_of

INBOUND = "inbound"
"""The library's word for a connection that the other side opened."""


class _NoConnector(AutoConnector):
    """Never connects; `node.mesh.dialer` does."""

    async def maybe_connect(self) -> None:
        """Do nothing."""


class HardenedHost(BasicHost):
    """A host that neither asks peers to identify themselves nor believes what they push.

    The library reads the answer without a limit on its size, and keeps every address and protocol
    in it for as long as the process lives. Nothing here has a use for them.
    """

    def __init__(self, network: "HardenedSwarm", **options: Any) -> None:
        super().__init__(network, **options)
        self.swarm = network
        self.multiselect.handlers.pop(ID_PUSH, None)

    def _schedule_identify(self, peer_id: ID, *, reason: str) -> None:
        """Do nothing."""


class HardenedSwarm(Swarm):
    """Connections with limits, without a leak for each inbound one or dials of the library's own.

    Args:
        door: Who may come in.
        is_welcome: Whether a peer, proven, may connect or be connected to.
    """

    def __init__(self, *arguments: Any, door: Door, is_welcome: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.door = door
        self._is_welcome = is_welcome

    def dialled(self) -> list[ID]:
        """Return the peers that this node connected to by itself, longest connected first."""
        connections = [
            connection
            for connection in self.get_connections()
            if isinstance(connection, SwarmConn) and connection.direction is not Direction.INBOUND
        ]
        connections.sort(key=lambda connection: connection._created_at)  # noqa: SLF001 - it tells by no other name
        return list(dict.fromkeys(connection.muxed_conn.peer_id for connection in connections))

    def _init_connection_management(self) -> None:
        """Keep the library from dialling: it tries whoever it has heard of, half a thousand."""
        super()._init_connection_management()
        self.auto_connector = _NoConnector(self)

    async def close_peer(self, peer_id: ID) -> None:
        """Close the connections to a peer that are open now, and forget those alone.

        The library then forgets all, one that was made in the meantime too: it lives on, unknown.
        """
        async with trio.open_nursery() as nursery:
            for connection in self.get_connections(peer_id):
                nursery.start_soon(connection.close)

    async def _do_handle_inbound_connection(
        self,
        read_write_closer: ReadWriteCloser,
        maddr: Multiaddr,
        failure_event: Any,  # noqa: ARG002 - the library's signature
    ) -> None:
        """Serve an inbound connection, if the door lets it in, until it closes.

        The library's has no limit by address, so that one that keeps silent shuts out all others;
        and it waits until the whole swarm stops: after 250 connections in its lifetime a node
        accepts no more.
        """
        caller = read_write_closer.get_remote_address()
        scope = trio.CancelScope()
        if caller is None or not self.door.enter(caller, scope.cancel):
            await read_write_closer.close()
            return
        connection = RawConnection(read_write_closer, initiator=False)
        muxed: IMuxedConn | None = None
        try:
            with scope:
                muxed = await self.upgrade_inbound_raw_conn(connection, maddr)
            if isinstance(muxed, Yamux):
                await muxed.event_closed.wait()
        except SwarmException:
            pass  # it could not prove who it is, or is not welcome
        finally:
            self.door.leave(caller)
            with trio.CancelScope(shield=True):
                await connection.close()

    async def add_conn(self, muxed_conn: IMuxedConn, direction: str = "unknown") -> SwarmConn:
        """Take a connection whose peer is proven, if that peer is welcome and there is room.

        Raises:
            SwarmException: It is not; the connection is closed.
        """
        refusal = self._objection(muxed_conn, direction)
        if refusal:
            # Its own way of closing speaks Yamux, which nobody has begun to.
            await muxed_conn.secured_conn.close()  # type: ignore[attr-defined]  # Yamux alone is spoken
            raise SwarmException(refusal)
        return await super().add_conn(muxed_conn, direction)

    def _objection(self, muxed_conn: IMuxedConn, direction: str) -> str:
        peer = author_of(muxed_conn.peer_id.to_bytes())
        if peer is None or not self._is_welcome(peer):
            return "this peer is not let in"
        if direction == INBOUND:
            caller = remote_address(muxed_conn)
            if caller is None or not self.door.settle(caller):
                return "there are too many connections from there"
        return ""
