"""Yamux with bounds: what a peer may have us hold unread, and how many streams it may open.

The library announces a window and does not keep to it: whatever a peer sends beyond it is kept.
Streams are accepted without count, each with a task. It does not know what streams carry.
"""

from typing import Any
from weakref import WeakKeyDictionary

import trio
from libp2p.abc import IMuxedConn, ISecureConn
from libp2p.peer.id import ID
from libp2p.stream_muxer import yamux
from libp2p.stream_muxer.muxer_multistream import MuxerMultistream
from libp2p.stream_muxer.yamux.yamux import Yamux

from node.mesh.allowance import Allowances

WINDOW_BYTES_MAX = 256 * 1024
"""Widest receive window of a stream, which is also the first one: a window that grows (the
library's does, to 16 MiB) is memory that a stranger may fill. At 50 ms this carries 5 MB/s."""

HELD_BYTES_MAX = 1024 * 1024
"""Bytes held unread for one connection, over all its streams: four full windows. An honest peer
has two to four streams."""

STREAMS_MAX = 16
"""Inbound streams of one connection at a time; an honest peer has one for gossip, and now and
then one for a question, identify or ping."""

STREAMS_RATE = 4.0
STREAMS_BURST = 32.0
"""Inbound streams that one connection may open per second, and at once."""

# Read by the library whenever it widens a window, and for each frame's announced length.
yamux.yamux.MAX_WINDOW_SIZE = WINDOW_BYTES_MAX


class HardenedYamux(Yamux):
    """Hangs up on a peer that sends more than it was given room for."""

    async def _read_data_body(self, length: int) -> bytes:
        """Read a frame's bytes, if there is room for them.

        Raises:
            trio.TooSlowError: There is none. It is the one error of this method upon which the
                library ends the connection; others leave it reading frames out of step.
        """
        if sum(map(len, self.stream_buffers.values())) + length > HELD_BYTES_MAX:
            raise trio.TooSlowError
        return await super()._read_data_body(length)

    async def _write_frame(self, data: bytes) -> None:
        """Write a frame whole, or hang up: after a part of one the peer reads on out of step."""
        async with self._write_lock:
            try:
                await self.secured_conn.write(data)
            except trio.Cancelled:
                with trio.CancelScope(shield=True):
                    await self.secured_conn.close()
                raise
        await trio.lowlevel.checkpoint()


class OneMuxer(MuxerMultistream):
    """Agrees on Yamux, ours; the library makes its own whichever class it was given."""

    async def new_conn(self, conn: ISecureConn, peer_id: ID) -> IMuxedConn:
        """Negotiate the muxer of a secured connection."""
        protocol, _ = await self._selector.select(conn, conn.is_initiator, self.negotiate_timeout)
        muxed = HardenedYamux(conn, peer_id, is_initiator=conn.is_initiator)
        return self._annotate_connection(muxed, conn, protocol)


def remote_address(connection: IMuxedConn) -> tuple[str, int] | None:
    """Return the address and port at the other end; None if they are not known any more."""
    return connection.get_remote_address() if isinstance(connection, Yamux) else None


class StreamQuota:
    """Counts the inbound streams of each connection."""

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._opened: WeakKeyDictionary[Any, Allowances] = WeakKeyDictionary()

    def enter(self, connection: IMuxedConn) -> str:
        """Count a new stream; say what is wrong with it, or nothing.

        `leave` must follow in every case.
        """
        count = self._open.get(connection, 0) + 1
        self._open[connection] = count
        opened = self._opened.get(connection)
        if opened is None:
            opened = Allowances(
                rate=STREAMS_RATE, burst=STREAMS_BURST, clock=trio.current_time, names_max=1
            )
            self._opened[connection] = opened
        if not opened.take(""):
            return "streams opened too fast"
        return "too many streams" if count > STREAMS_MAX else ""

    def leave(self, connection: IMuxedConn) -> None:
        """Note that a stream has ended."""
        self._open[connection] -= 1
