"""The library's GossipSub router, with each of its defects answered by one override.

Who is whose neighbour (GRAFT, PRUNE, heartbeat) is left to the library. Messages do not pass
through here: `node.mesh.pubsub` checks them, asks this room who should have them, and queues them.
"""

import math
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.score import ScoreParams

from node.mesh.outbox import Outbox
from node.mesh.settings import MeshSettings
from node.mesh.wire import CONTROL_IDS_MAX

PROTOCOLS = (TProtocol("/meshsub/1.1.0"), TProtocol("/meshsub/1.0.0"))
"""Not 1.2: its IDONTWANT doubles the frames and hardly saves a copy. Not 1.3 and later: theirs is
an extension handshake that nothing here uses."""

HEARTBEAT_S = 1
GOSSIP_WINDOW = 5
"""Heartbeats for which a message is offered to non-neighbours and replayed to newcomers."""
GOSSIP_HISTORY = 10
"""Heartbeats for which it can be asked for."""
PRUNE_BACK_OFF_S = 10
UNSUBSCRIBE_BACK_OFF_S = 2

OFFERS_MAX = CONTROL_IDS_MAX // 2
"""Ids of one topic in one IHAVE: both topics of a swarm may have one in the same frame."""

FAITHFUL = 2
"""Peers that this node dialled itself to whom it sends every message, neighbours or not. A crowd
that surrounds a node comes to it; whom it dials, the operator or the past have chosen."""

_SPAM_MAX = 20.0
"""What the library holds against a peer for floods of GRAFT, IHAVE and IWANT, at which its GRAFTs
are refused. Invalid messages are counted elsewhere: the library forgets them on disconnecting."""

_SCORING = ScoreParams(
    publish_threshold=-_SPAM_MAX,
    gossip_threshold=-_SPAM_MAX / 2,
    graylist_threshold=-_SPAM_MAX,
    # Peer exchange would let a stranger choose whom we dial.
    accept_px_threshold=math.inf,
)


class HardenedGossipSub(GossipSub):
    """Keeps the neighbours; see the module.

    Args:
        settings: Degrees.
        dialled: Whom this node has connected to by itself, longest connected first.
        random: Chooses among peers where any would do.
    """

    def __init__(
        self, settings: MeshSettings, *, dialled: Callable[[], list[ID]], random: Random
    ) -> None:
        super().__init__(
            protocols=PROTOCOLS,
            degree=settings.degree,
            degree_low=settings.degree_low,
            degree_high=settings.degree_high,
            gossip_window=GOSSIP_WINDOW,
            gossip_history=GOSSIP_HISTORY,
            heartbeat_interval=HEARTBEAT_S,
            prune_back_off=PRUNE_BACK_OFF_S,
            unsubscribe_back_off=UNSUBSCRIBE_BACK_OFF_S,
            score_params=_SCORING,
            # It slows the heartbeat from 1 s to 30 s or 60 s in a small swarm.
            adaptive_gossip_enabled=False,
            # It drops a node's own bursts above 10 messages a second, and blames the node.
            spam_protection_enabled=False,
            # It wants neighbours from three networks, which a machine of one's own cannot offer.
            eclipse_protection_enabled=False,
        )
        self._dialled = dialled
        self._random = random
        self._turns: Counter[str] = Counter()

    def neighbours(self, topic: str) -> set[ID]:
        """Return who is sent every message of a topic."""
        return self.mesh.get(topic, set()) | self._faithful(topic)

    def recipients(self, topic: str) -> list[ID]:
        """Return who is sent a message of our own: the neighbours, and others up to degree_high.

        A node whose neighbours are few (pruned by a hub that has its fill) would otherwise wait
        for the next heartbeat to be heard at all.
        """
        neighbours = self.neighbours(topic)
        others = sorted(self._subscribers(topic) - neighbours, key=ID.to_bytes)
        room = max(0, self.degree_high - len(neighbours))
        return [*neighbours, *self._random.sample(others, min(room, len(others)))]

    def remember(self, serialized: bytes) -> None:
        """Keep a message for those who ask or come later.

        Parsed anew, since a message taken out of an RPC keeps all of that RPC in memory.
        """
        self.mcache.put(rpc_pb2.Message.FromString(serialized))

    async def publish(self, msg_forwarder: ID, pubsub_msg: rpc_pb2.Message) -> None:
        """Not used: the library's way keeps copies against equivocation and for strangers."""
        raise NotImplementedError("messages leave through HardenedPubsub")

    async def handle_rpc(self, rpc: rpc_pb2.RPC, sender_peer_id: ID) -> None:
        """Let the library handle control entries about our own topics only.

        Others would fill its tables of back-offs and rates, which are kept per topic for ever.
        Signed peer records are dropped unread: verifying one costs as much as a message.
        """
        lean = rpc_pb2.RPC()
        control, ours = rpc.control, self.mesh
        lean.control.ihave.extend(one for one in control.ihave if one.topicID in ours)
        lean.control.graft.extend(one for one in control.graft if one.topicID in ours)
        lean.control.prune.extend(one for one in control.prune if one.topicID in ours)
        lean.control.iwant.extend(control.iwant)
        await super().handle_rpc(lean, sender_peer_id)

    async def handle_graft(self, graft_msg: rpc_pb2.ControlGraft, sender_peer_id: ID) -> None:
        """Take a neighbour in, unless there are enough; the library takes in whoever asks."""
        topic = graft_msg.topicID
        neighbours = self.mesh.get(topic, set())
        if sender_peer_id not in neighbours and len(neighbours) >= self.degree_high:
            await self.emit_prune(topic, sender_peer_id, False, False)  # noqa: FBT003 - the library's signature
            return
        await super().handle_graft(graft_msg, sender_peer_id)

    async def handle_iwant(self, iwant_msg: rpc_pb2.ControlIWant, sender_peer_id: ID) -> None:
        """Queue the messages asked for one by one; the library puts all into one huge RPC."""
        if self._check_iwant_rate_limit(sender_peer_id):
            self._queue(sender_peer_id, iwant_msg.messageIDs, asked=True)

    async def send_recent_messages(self, peer_id: ID, topic: str) -> None:
        """Queue what a newcomer missed; the library writes to the stream beside its own sender."""
        self._queue(peer_id, self.mcache.window(topic))

    async def flush_pending_messages(self, peer_id: ID) -> None:
        """Do nothing: messages are not held back for peers that may never subscribe."""

    async def emit_control_message(self, control_msg: rpc_pb2.ControlMessage, to_peer: ID) -> None:
        """Send control entries without the signed peer record that costs its reader a check."""
        self.send_rpc(to_peer, rpc_pb2.RPC(control=control_msg), priority=True)

    def _perform_opportunistic_grafting(self, topic: str, peers_to_graft: Any) -> int:  # noqa: ARG002 - the library's signature
        """Graft nobody; the library goes past degree_high here, and who comes in is the crowd.

        Every score is 0 but those of floods: no stranger is ever better than a neighbour.
        """
        return 0

    def _handle_topic_heartbeat(
        self,
        topic: str,
        current_peers: set[ID],
        is_fanout: bool = False,  # noqa: FBT001, FBT002 - the library's signature
        peers_to_gossip: Any = None,
    ) -> tuple[set[ID], bool]:
        """Offer what we hold to peers in prune back-off too.

        Left out of both neighbourhood and gossip, the leaves of a full hub hear nothing at all.
        """
        kept = super()._handle_topic_heartbeat(topic, current_peers, is_fanout, None)
        others = sorted(self._subscribers(topic) - current_peers, key=ID.to_bytes)
        message_ids = self.mcache.window(topic)
        if peers_to_gossip is not None and message_ids and others:
            message_ids = message_ids[-OFFERS_MAX:]
            for peer_id in self._take_turns(topic, others):
                peers_to_gossip[peer_id][topic] = message_ids
        return kept

    def _take_turns(self, topic: str, others: list[ID]) -> list[ID]:
        """Return whose turn it is to be offered messages, so that nobody is left out by chance.

        Drawn anew each heartbeat, as the library does it, one peer in eight of a small swarm
        would hear of a message in none of its `GOSSIP_WINDOW` heartbeats.
        """
        count = max(self.degree, math.ceil(len(others) / (GOSSIP_WINDOW - 1)))
        start = self._turns[topic] % len(others)
        self._turns[topic] += count
        return [*others[start:], *others[:start]][:count]

    def _faithful(self, topic: str) -> set[ID]:
        """Return the first few of those whom this node dialled and who are subscribed."""
        subscribers = self._subscribers(topic)
        return set([peer for peer in self._dialled() if peer in subscribers][:FAITHFUL])

    def _subscribers(self, topic: str) -> set[ID]:
        if self.pubsub is None:
            return set()
        return self.pubsub.peer_topics.get(topic, set()) & self.pubsub.peers.keys()

    def _queue(self, peer_id: ID, message_ids: Any, *, asked: bool = False) -> None:
        """Queue those of the messages that we still hold, as far as there is room."""
        outbox = None if self.pubsub is None else self.pubsub.peer_queues.get(peer_id)
        if not isinstance(outbox, Outbox):
            return
        for message_id in message_ids:
            if asked and not outbox.may_ask(message_id):
                continue
            message = self.mcache.get(message_id)
            if message is not None and not outbox.push_message(
                message_id, message.SerializeToString()
            ):
                return
