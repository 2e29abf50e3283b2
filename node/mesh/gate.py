"""What becomes of one message: the checks in order of their cost, and the one question asked.

It does not know streams or queues: a parsed message and its forwarder go in, a fate comes out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from libp2p.pubsub.pb import rpc_pb2

from node.mesh.allowance import Allowances
from node.mesh.mesh import Decision
from node.mesh.seen import SeenIds
from node.mesh.wire import checked_bytes, shape
from protocol.identity import PeerId

Judge = Callable[[bytes, PeerId, PeerId], Decision]
"""Asked once about each message of a topic: its data, who forwarded it, who signed it."""


AUTHOR_RATE = 1000.0
AUTHOR_BURST = 8192.0
"""Signed messages of one author that are looked at, per second and at once. The largest round that
a swarm can agree on is 4096 messages of an author; a neighbour may hold two of them."""


class JudgeError(Exception):
    """A judge raised, or gave no decision. Its cause is a bug of ours, and no peer's fault."""


class Fate(Enum):
    """What became of a message; the values are the names under which they are counted."""

    DUPLICATE = "duplicate"
    """Seen before: the common case, since every neighbour may send a copy."""
    FOREIGN = "foreign_topic"
    """Of a topic that is not ours."""
    OWN = "own_returned"
    """Our own, from before a restart."""
    HURRIED = "author_hurried"
    """Of an author that has just signed more than its share; the id is not remembered."""
    FORGED = "forged"
    """Not signed by the author that it names; the forwarder should have noticed."""
    ACCEPTED = "accepted"
    IGNORED = "ignored"
    REJECTED = "rejected"


_FATE_OF = {
    Decision.ACCEPT: Fate.ACCEPTED,
    Decision.IGNORE: Fate.IGNORED,
    Decision.REJECT: Fate.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Passage:
    """One message's fate.

    Args:
        fate: What became of it.
        message_id: Its author and sequence number.
        author: Who claims to have sent it; None where that was not looked at.
        topic: Its topic; empty where that was not looked at.
        serialized: The bytes to forward; empty unless it was accepted.
    """

    fate: Fate
    message_id: bytes
    author: PeerId | None = None
    topic: str = ""
    serialized: bytes = b""


class Gate:
    """Decides what becomes of messages, and remembers which it has seen.

    Args:
        own: Who we are.
        judges: What to ask about each topic's messages.
        message_bytes_max: Longest message.
        seen: Remembers ids.
        clock: Seconds that never step back.
    """

    def __init__(
        self,
        *,
        own: PeerId,
        judges: Mapping[str, Judge],
        message_bytes_max: int,
        seen: SeenIds,
        clock: Callable[[], float],
    ) -> None:
        self._own = own
        self._judges = judges
        self._message_bytes_max = message_bytes_max
        self._seen = seen
        self._authors = Allowances(rate=AUTHOR_RATE, burst=AUTHOR_BURST, clock=clock)

    def pass_through(self, message: rpc_pb2.Message, forwarder: PeerId) -> Passage:
        """Check a message and, if it is new, well-formed and signed, ask its topic's judge.

        Raises:
            FrameError: Its form is one that no honest implementation sends.
            JudgeError: The judge failed.
        """
        message_id = message.from_id + message.seqno
        # [IGNORE] It was seen before: most often true, and the cheapest to tell.
        if self._seen.has(message_id):
            return Passage(Fate.DUPLICATE, message_id)
        # [REJECT] Its fields have the lengths that every member's have.
        shaped = shape(message, topics=self._judges, message_bytes_max=self._message_bytes_max)
        # [IGNORE] It is of another topic.
        if shaped is None:
            return Passage(Fate.FOREIGN, message_id)
        author, topic = shaped
        # [IGNORE] It names us as its author: we know our own.
        if author == self._own:
            return Passage(Fate.OWN, message_id)
        # [IGNORE] Its author has not signed more than its share, by signatures that held: nobody
        # uses up another's share by writing in its name.
        if not self._authors.has(author):
            return Passage(Fate.HURRIED, message_id, author, topic)
        # [REJECT] Its author signed it. Only then is its id remembered, or a forger could make
        # us deaf to a message that is yet to come.
        serialized = checked_bytes(message, author)
        if serialized is None:
            return Passage(Fate.FORGED, message_id, author, topic)
        self._seen.add(message_id)
        self._authors.charge(author, 1.0)
        fate = self._ask(topic, message.data, forwarder, author)
        kept = serialized if fate is Fate.ACCEPTED else b""
        return Passage(fate, message_id, author, topic, kept)

    def _ask(self, topic: str, data: bytes, forwarder: PeerId, author: PeerId) -> Fate:
        try:
            return _FATE_OF[self._judges[topic](data, forwarder, author)]
        except Exception as error:  # no hostile bytes: our bug must not pass for a peer's
            raise JudgeError(f"the judge of {topic} failed") from error
