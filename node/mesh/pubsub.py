"""The library's Pubsub, with each of its defects answered by one override.

It reads peers' frames, asks whether a message is to be forwarded, and fills the outboxes. It does
not know what a message means, nor how peers are found.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from time import time_ns

import trio
from libp2p.abc import IHost, INetStream
from libp2p.host.exceptions import HostException
from libp2p.io.exceptions import IOException
from libp2p.network.connection.exceptions import RawConnError
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.rpc_queue import RpcQueue

from node.mesh.conduct import Conduct
from node.mesh.fares import Fares
from node.mesh.gate import Fate, Gate, Judge, JudgeError, Passage
from node.mesh.mesh import OnEvent
from node.mesh.muxer import remote_address
from node.mesh.outbox import Outbox
from node.mesh.router import HardenedGossipSub
from node.mesh.seen import SeenIds
from node.mesh.settings import MeshSettings
from node.mesh.wire import (
    FRAME_BYTES_MAX,
    SUBSCRIPTIONS_MAX,
    FrameError,
    FrameReader,
    StreamEndedError,
    author_of,
    count_ids,
    parse_frame,
    signed_message,
)
from protocol.identity import Keypair, PeerId

_WATCH_BYTES = 1024
"""Read at a time from streams on which no peer has anything to say."""


class HardenedPubsub(Pubsub):
    """Frames in, questions asked, frames out; see the module.

    Args:
        host: The libp2p host, not yet listening.
        router: Who is whose neighbour.
        keypair: Signs our messages; the host's own.
        settings: Limits.
        conduct: What is held against whom; told of faults.
        message_bytes_max: Longest message.
        judges: What to ask about each topic's messages; other topics are refused.
        counted_as: What to put before the name of each topic's counters.
        on_event: Told what happened.
        on_bug: Handed a judge's failure, which must end the mesh.
        on_peers: Called when a peer has come, gone or changed its subscriptions.
        random: Spreads waits.
    """

    router: HardenedGossipSub

    def __init__(
        self,
        host: IHost,
        router: HardenedGossipSub,
        *,
        keypair: Keypair,
        settings: MeshSettings,
        conduct: Conduct,
        message_bytes_max: int,
        judges: Mapping[str, Judge],
        counted_as: Mapping[str, str],
        on_event: OnEvent,
        on_bug: Callable[[JudgeError], None],
        on_peers: Callable[[], None],
        random: Random,
    ) -> None:
        super().__init__(
            host,
            router,
            max_subscriptions_per_rpc=SUBSCRIPTIONS_MAX,
            max_inbound_rpc_size=FRAME_BYTES_MAX,
            allowed_topics=set(judges),
        )
        self.seen_messages.stop()  # its thread
        seen = SeenIds(trio.current_time)
        self.seen_messages = seen  # type: ignore[assignment]  # has `has` and `add`, no thread
        self._gate = Gate(
            own=keypair.peer_id,
            judges=judges,
            message_bytes_max=message_bytes_max,
            seen=seen,
            clock=trio.current_time,
        )
        self._conduct = conduct
        self._fares = Fares(trio.current_time)
        # The library counts on from whole seconds: a node that sent more than one message a
        # second and restarts would repeat ids that its peers have seen.
        self.counter = time_ns()
        self.counts: Counter[str] = Counter()
        self._counted_as = counted_as
        self._keypair = keypair
        self._settings = settings
        self._on_event = on_event
        self._on_bug = on_bug
        self._on_peers = on_peers
        self._random = random
        self._inbound: Counter[ID] = Counter()

    def subscribers(self, topic: str) -> list[PeerId]:
        """Return the peers that we can write to and that are subscribed to a topic, in order."""
        reachable = self.peer_topics.get(topic, set()) & self.peers.keys()
        authors = (author_of(peer_id.to_bytes()) for peer_id in reachable)
        return sorted(author for author in authors if author is not None)

    def _count(self, name: str, topic: str) -> None:
        self.counts[self._counted_as.get(topic, "") + name] += 1

    # Frames in

    async def stream_handler(self, stream: INetStream) -> None:
        """Read a peer's frames until they end; whatever goes wrong in between is that peer's fault.

        In the library one malformed frame raises through the host and ends the process.
        """
        peer_id = stream.muxed_conn.peer_id
        self._inbound[peer_id] += 1
        try:
            await self.continuously_read_stream(stream)
        except (IOException, RawConnError, StreamEndedError):
            # The peer left, or its connection broke. It must know that we no longer read.
            await stream.reset()
        except JudgeError as failure:
            self._on_bug(failure)
        except FrameError as refusal:
            await self._expel(stream, refusal.reason)
        except Exception as error:  # noqa: BLE001 - hostile decoding: no peer may end the process
            # Perhaps the library, surprised by a connection that broke: no proof of a fault.
            await self._expel(stream, f"unreadable: {type(error).__name__}", proven=False)
        finally:
            # Two connections made at once bring two streams, of which the peer drops one.
            self._inbound[peer_id] -= 1
            if not self._inbound[peer_id]:
                # Its next stream begins with its subscriptions; until then we know of none.
                del self._inbound[peer_id]
                self._forget_all_subscriptions(peer_id)
                self._on_peers()

    async def continuously_read_stream(self, stream: INetStream) -> None:
        """Take frame after frame, each wholly before the next is read.

        Raises:
            FrameError: The peer broke a rule that no honest implementation breaks.
        """
        peer_id = stream.muxed_conn.peer_id
        forwarder = author_of(peer_id.to_bytes())
        if forwarder is None:
            raise FrameError("peer is not an Ed25519 identity")
        payers = (peer_id, remote_host(stream))
        reader = FrameReader(stream)
        while self.manager.is_running:
            rpc = parse_frame(await reader.next_frame())
            self.counts["frames_received"] += 1
            # In line, not in a task each: tasks are kept in a list that is searched for each
            # new one, and unread data must fill the sender's window, not our memory.
            fates = [self._take(peer_id, forwarder, message) for message in rpc.publish]
            for subscription in rpc.subscriptions:
                self.handle_subscription(peer_id, subscription)
            if rpc.subscriptions:
                self._on_peers()
            if rpc.HasField("control"):
                await self.router.handle_rpc(rpc, peer_id)
            # Slowed down, not cut short: what is not read yet waits at its sender.
            await trio.sleep(self._fares.pay(payers, fates, ids=count_ids(rpc)))

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        """Check one message; the library's entrance to what reading a frame does."""
        forwarder = author_of(msg_forwarder.to_bytes())
        if forwarder is not None:
            self._take(msg_forwarder, forwarder, msg)

    def _take(self, peer_id: ID, forwarder: PeerId, message: rpc_pb2.Message) -> Fate:
        """Pass one message through the gate, and on if it is to be; return its fate.

        Raises:
            FrameError: Its form is wrong, or the forwarder has sent too much that is invalid.
        """
        passage = self._gate.pass_through(message, forwarder)
        self._count(passage.fate.value, passage.topic)
        match passage.fate:
            case Fate.DUPLICATE:
                self._note_holder(peer_id, passage.message_id)
            case Fate.ACCEPTED:
                self._forward(peer_id, passage)
            case Fate.FORGED | Fate.REJECTED:
                if self._conduct.note_invalid(forwarder):
                    raise FrameError("too many invalid messages")
        return passage.fate

    def _forward(self, peer_id: ID, passage: Passage) -> None:
        """Queue a message for every neighbour but those who surely have it."""
        self.router.remember(passage.serialized)
        for neighbour in self.router.neighbours(passage.topic):
            if neighbour == peer_id or author_of(neighbour.to_bytes()) == passage.author:
                continue
            outbox = self.peer_queues.get(neighbour)
            if isinstance(outbox, Outbox):
                queued = outbox.push_message(passage.message_id, passage.serialized)
                self._count("forwarded" if queued else "outbox_full", passage.topic)

    def _note_holder(self, peer_id: ID, message_id: bytes) -> None:
        """Do not send a message to a peer that has just sent it to us."""
        outbox = self.peer_queues.get(peer_id)
        if isinstance(outbox, Outbox):
            outbox.forget(message_id)

    async def _expel(self, stream: INetStream, reason: str, *, proven: bool = True) -> None:
        """Hang up on a peer, and do not let it in for a while if it is proven to be at fault."""
        peer_id = stream.muxed_conn.peer_id
        self.counts["frames_refused"] += 1
        self._on_event("frame_refused", {"reason": reason, "forwarder": str(peer_id)})
        forwarder = author_of(peer_id.to_bytes())
        if forwarder is not None and (proven or self._conduct.note_invalid(forwarder)):
            self._conduct.cut(forwarder, remote_host(stream), reason)
        await self.host.disconnect(peer_id)

    # Frames out

    async def publish(self, topic_id: str | list[str], data: bytes) -> None:
        """Sign a message and queue it for every recipient, waiting where there is no room."""
        topic = topic_id if isinstance(topic_id, str) else topic_id[0]
        self.counter += 1
        message, serialized = signed_message(
            data, topic=topic, seqno=self.counter, keypair=self._keypair
        )
        message_id = message.from_id + message.seqno
        self.seen_messages.add(message_id)
        self.router.remember(serialized)
        self._count("published", topic)
        recipients = self.router.recipients(topic)
        late = [peer for peer in recipients if not self._queue(peer, message_id, serialized)]
        deadline = trio.current_time() + self._settings.outbox_wait_s
        for peer_id in late:
            if not await self._queue_by(deadline, peer_id, message_id, serialized):
                self._count("outbox_full", topic)
        await trio.lowlevel.checkpoint()

    def _queue(self, peer_id: ID, message_id: bytes, serialized: bytes) -> bool:
        """Queue a message for a peer; False if it must wait. A peer that has left need not."""
        outbox = self.peer_queues.get(peer_id)
        if not isinstance(outbox, Outbox) or outbox.closed:
            return True
        return outbox.push_message(message_id, serialized)

    async def _queue_by(
        self, deadline: float, peer_id: ID, message_id: bytes, serialized: bytes
    ) -> bool:
        """Queue a message for a peer once there is room; False if there is none in time."""
        while not self._queue(peer_id, message_id, serialized):
            outbox = self.peer_queues[peer_id]
            if not isinstance(outbox, Outbox) or outbox.lags:
                return False
            with trio.move_on_at(deadline) as patience:
                await outbox.wait_for_room()
            if patience.cancelled_caught:
                outbox.note_lag()
                self._on_event("peer_lagged", {"peer": str(peer_id)})
        return True

    async def drain(self, patience_s: float) -> None:
        """Wait until what is queued has been handed to the network, but not for ever."""
        with trio.move_on_after(patience_s):
            for outbox in list(self.peer_queues.values()):
                if isinstance(outbox, Outbox):
                    await outbox.wait_until_idle()

    async def handle_sending_messages(
        self, peer_id: ID, stream: INetStream, queue: RpcQueue
    ) -> None:
        """Write one peer's frames: the only task that writes to this stream.

        The library has others write beside it, and long writes of two tasks interleave.
        """
        if not isinstance(queue, Outbox):
            raise TypeError("every peer's queue is an Outbox")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, stream, queue)
            with suppress(IOException, RawConnError):
                while (frame := await queue.next_frame()) is not None:
                    await stream.write(frame)
                    self.counts["frames_sent"] += 1
            nursery.cancel_scope.cancel()
        await stream.reset()
        if self.peers.get(peer_id) is stream:
            self._handle_dead_peer(peer_id)

    async def _watch(self, stream: INetStream, outbox: Outbox) -> None:
        """Notice that our stream to a peer has ended, though nothing comes in on it.

        The library notices when it next writes. Until then a peer that reconnects within a
        moment counts as having a stream, is opened no other, and never hears of us again.
        """
        try:
            while await stream.read(_WATCH_BYTES):
                pass
        except StreamEOF:
            if stream.muxed_conn.is_established:
                return  # it only said that it will not write to us here
        except (IOException, RawConnError):
            pass
        outbox.close()

    # Peers coming and going

    async def _handle_new_peer(self, peer_id: ID) -> None:
        """Open our stream to a peer, with an outbox that holds bursts.

        Raises:
            SwarmException: It could not be opened; the library then tries again. Of other errors
                it would only take note, and never write to that peer.
        """
        if peer_id in self.peers or author_of(peer_id.to_bytes()) is None:
            return
        try:
            stream = await self.host.new_stream(peer_id, self.protocols)
        except (HostException, IOException) as error:
            raise SwarmException(f"no gossip stream to {peer_id}") from error
        if peer_id in self.peers:
            # Two connections were opened at once, and each told us of the peer.
            await stream.reset()
            return
        outbox = Outbox(
            messages_max=self._settings.outbox_messages_max,
            linger_s=self._settings.linger_s,
            random=self._random,
        )
        outbox.push(self.get_hello_packet())
        self.router.add_peer(peer_id, stream.get_protocol())
        self.peers[peer_id] = stream
        self.peer_queues[peer_id] = outbox
        self.manager.run_task(self.handle_sending_messages, peer_id, stream, outbox)
        await self._send_recent_messages_to_new_peer(peer_id)
        self._on_peers()

    def _handle_dead_peer(self, peer_id: ID) -> None:
        """Forget our stream to a peer, and open another if it is still connected.

        The library also forgets what the peer subscribed to, which a peer whose own stream is
        well will never tell again.
        """
        connected = self._peer_is_connected(peer_id)
        self._clear_pending_announce_retries_for_peer(peer_id)
        self._replayed_recent_topics.pop(peer_id, None)
        if not connected:
            self._forget_all_subscriptions(peer_id)
        if self.peers.pop(peer_id, None) is not None:
            self.peer_queues.pop(peer_id).close()
            self.router.remove_peer(peer_id)
        if connected:
            self._schedule_peer_stream_retry(peer_id)
        self._on_peers()

    def get_hello_packet(self) -> rpc_pb2.RPC:
        """Return our subscriptions, without the signed record that costs its reader a check."""
        return rpc_pb2.RPC(
            subscriptions=[
                rpc_pb2.RPC.SubOpts(subscribe=True, topicid=topic) for topic in self.topic_ids
            ]
        )


def remote_host(stream: INetStream) -> str | None:
    """Return the address at the other end of a stream, or None if it is not known any more."""
    remote = remote_address(stream.muxed_conn)
    return None if remote is None else remote[0]
