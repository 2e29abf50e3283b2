"""What the rest of the node knows of the swarm: publish bytes, be asked about bytes.

A mesh carries one topic's messages to every peer that shares the topic, and a question to one
neighbour at a time. It does not know what the bytes mean, which round it is, or who may be
trusted; it asks `Validate` once about every message it has not seen, and does as it is told.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

from protocol.constants import ANSWER_BYTES_MAX, QUESTION_BYTES_MAX
from protocol.identity import PeerId


class Decision(Enum):
    """The answer to "shall I forward this?"."""

    ACCEPT = "accept"
    """Valid and wanted: forwarded to the other peers."""
    IGNORE = "ignore"
    """Not wanted here or now: not forwarded, and nobody is to blame."""
    REJECT = "reject"
    """Objectively invalid: not forwarded, and whoever forwarded it should have known."""


Validate = Callable[[bytes, PeerId], Decision]
"""Asked once about each unique message, with its payload and the peer that handed it to us.

It is also how messages are delivered: there is no queue of them to read. It runs between two
reads of a socket, so it must be cheap and must not block; what it raises is a bug of ours and
ends the mesh. A node's own messages are not shown to it.
"""

Answer = Callable[[bytes, PeerId], bytes]
"""Asked for an answer to a neighbour's question; b"" means none.

Synchronous, cheap; what it raises is a bug of ours and ends the mesh, as with `Validate`.
"""


def no_answer(_question: bytes, _asker: PeerId) -> bytes:
    """Answer nothing."""
    return b""


def check_question(question: bytes) -> None:
    """Raise unless a question may be put to a neighbour.

    Raises:
        ValueError: It is empty or too long.
    """
    if not 1 <= len(question) <= QUESTION_BYTES_MAX:
        raise ValueError(f"a question has 1 to {QUESTION_BYTES_MAX} bytes, not {len(question)}")


def checked_answer(answer: Answer, question: bytes, asker: PeerId) -> bytes:
    """Return the answer to a question, ours to give.

    Raises:
        ValueError: It is too long: a bug of ours.
        Exception: Whatever `answer` raised: a bug of ours.
    """
    given = answer(question, asker)
    if len(given) > ANSWER_BYTES_MAX:
        raise ValueError(f"an answer has at most {ANSWER_BYTES_MAX} bytes, not {len(given)}")
    return given


OnEvent = Callable[[str, Mapping[str, object]], None]
"""Told what happened: a past-tense name (`peer_connected`) and its fields."""


def no_event(_name: str, _fields: Mapping[str, object]) -> None:
    """Let an event pass unrecorded."""


class Mesh(Protocol):
    """One node's membership of the swarm."""

    @property
    def peer_id(self) -> PeerId:
        """Who we are to the others."""
        ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """Multiaddrs under which others can dial us, each ending in `/p2p/<peer id>`."""
        ...

    async def publish(self, data: bytes) -> None:
        """Hand one message, which the caller has validated, to every peer that wants it.

        Returns once each peer's queue has taken it, so a burst is paced and never thinned out.

        Raises:
            ValueError: It is longer than a message may be; the caller should have split it.
        """
        ...

    async def ask(self, peer: PeerId, question: bytes) -> bytes:
        """Put a question to one neighbour; b"" where it does not answer.

        It may be gone, busy, unable, too slow, or its answer too long.

        Raises:
            ValueError: The question is empty or too long.
        """
        ...

    def peers(self) -> tuple[PeerId, ...]:
        """Peers that are connected and subscribed to our topic, in the order of their ids."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Count what passed since the start: published, accepted, ignored, rejected, refused."""
        ...
