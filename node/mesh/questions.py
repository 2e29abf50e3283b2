"""One question to one neighbour, and its answer, over a stream of their own beside gossip.

The asker writes a length (an unsigned LEB128 integer) and the question, and closes its side; the
neighbour writes a length and the answer, and closes. A stranger can ask as well as a member, so
that every length is checked before memory is taken, every exchange has an end, and nobody is
answered more often than an honest asker has use for. It does not know what is asked or answered,
nor whom to ask.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID

from node.mesh.allowance import Allowances
from node.mesh.conduct import Conduct, block_of
from node.mesh.gate import JudgeError
from node.mesh.mesh import Answer, OnEvent, check_question, checked_answer
from node.mesh.muxer import remote_address
from node.mesh.swarm import HardenedHost
from node.mesh.wire import FrameError, FrameReader, StreamEndedError, author_of, varint
from protocol.constants import ANSWER_BYTES_MAX, QUESTION_BYTES_MAX
from protocol.identity import PeerId

ASK_S = 5.0
"""How long one exchange may take in all, on either side; then its stream is reset."""

ANSWER_PAUSE_S = 1.0
ANSWER_BURST = 3.0
"""A peer, and an address, is answered once in so many seconds, and so often at once. An honest
asker puts a question to somebody every two seconds at most."""

ANSWERS_PER_S = 8.0
"""Answers in all, and as many at once: each reads a round from the ledger between two reads of the
gossip's sockets, and names and addresses cost a crowd little."""

ANSWERS_MAX = 4
"""Answers that are written at a time: 2 MiB are held for askers that read slowly."""
ANSWERS_PER_ADDRESS_MAX = 2
"""The same to one address, so that no single one keeps all others from being answered."""

QUICK_S = 0.2
PAUSE_PER_S = 6.0
"""Who took longer than a moment to be answered waits so many times as long for its next answer, and
its address too: else two that read slowly would keep all others from being answered."""

_PIECE_BYTES = 16 * 1024
"""Written at a time: gossip to the same peer waits for no more than this."""
_PIECE_S = 2.0
"""How long the network may take for a piece before the connection is given up."""
_WINDOW_S = 0.01
"""How often a full window is looked at, as the library does."""


class Questions:
    """Both sides of the exchange.

    Args:
        host: The libp2p host; handed the protocol's handler.
        protocol: The libp2p protocol; empty: nothing is asked or answered.
        answer: Gives our answers.
        conduct: What is held against whom; told of frames that no honest peer sends.
        counts: Where is counted what was asked, answered and refused.
        on_event: Told what was refused.
        on_bug: Handed the failure of `answer`, which must end the mesh.
    """

    def __init__(
        self,
        host: HardenedHost,
        protocol: str,
        answer: Answer,
        *,
        conduct: Conduct,
        counts: Counter[str],
        on_event: OnEvent,
        on_bug: Callable[[JudgeError], None],
    ) -> None:
        self._host = host
        self._protocol = TProtocol(protocol)
        self._answer = answer
        self._conduct = conduct
        self._counts = counts
        self._on_event = on_event
        self._on_bug = on_bug
        self._allowances = Allowances(
            rate=1 / ANSWER_PAUSE_S, burst=ANSWER_BURST, clock=trio.current_time
        )
        self._in_all = Allowances(rate=ANSWERS_PER_S, burst=ANSWERS_PER_S, clock=trio.current_time)
        self._served: set[PeerId] = set()
        self._writing: Counter[str] = Counter()
        if protocol:
            host.set_stream_handler(self._protocol, self._serve)

    # Our questions

    async def ask(self, peer: PeerId, question: bytes) -> bytes:
        """Put a question to a peer that is connected; b"" where it does not answer.

        Raises:
            ValueError: The question is empty or too long.
        """
        check_question(question)
        self._counts["questions_asked"] += 1
        with trio.move_on_after(ASK_S) as patience:
            try:
                answer = await self._put(ID(peer.to_bytes()), question)
            except Exception:  # noqa: BLE001 - hostile decoding: no peer may end the process
                answer = b""
        return b"" if patience.cancelled_caught else answer

    async def _put(self, peer_id: ID, question: bytes) -> bytes:
        """Open a stream, and go through one exchange on it.

        Raises:
            Exception: The peer left, does not speak the protocol, or speaks it wrongly.
        """
        stream: Any  # the library's interface lacks what its streams have
        await trio.lowlevel.checkpoint()
        # Of a peer that is gone the library would try to find and dial an address.
        if not self._protocol or not self._host.get_network().get_connections(peer_id):
            return b""
        stream = await self._host.new_stream(peer_id, [self._protocol])
        try:
            await _write(stream, question)
            await stream.close_write()
            return await FrameReader(stream, ANSWER_BYTES_MAX).next_frame()
        except FrameError as refusal:
            await self._blame(stream, refusal.reason)
            return b""
        finally:
            await _reset(stream)

    # Their questions

    async def _serve(self, stream: INetStream) -> None:
        """Answer one question, or refuse it; nothing that a peer does raises."""
        asker = author_of(stream.muxed_conn.peer_id.to_bytes())
        answered = False
        try:
            # One at a time: else one that reads slowly would take up all the room there is.
            if asker is not None and asker not in self._served and self._admits(stream, asker):
                answered = await self._answer_one(stream, asker)
        except JudgeError as failure:
            self._on_bug(failure)
        finally:
            # Who sent too much that is malformed is hung up on, and this very task cancelled.
            self._counts["questions_answered" if answered else "questions_refused"] += 1
            if not answered:
                await _reset(stream)

    async def _answer_one(self, stream: INetStream, asker: PeerId) -> bool:
        """Answer within the time that there is; False if that was not possible.

        Raises:
            JudgeError: `answer` failed.
        """
        answered = False
        began_s = trio.current_time()
        self._served.add(asker)
        try:
            with trio.move_on_after(ASK_S):
                answered = await self._exchange(stream, asker)
        except JudgeError:
            raise
        except FrameError as refusal:
            await self._blame(stream, refusal.reason)
        except Exception:  # noqa: BLE001 - hostile decoding: no peer may end the process
            return False  # mostly a connection that broke: no proof of a fault
        finally:
            self._served.discard(asker)
            took_s = trio.current_time() - began_s
            if took_s > QUICK_S:
                self._charge(stream, asker, PAUSE_PER_S * took_s / ANSWER_PAUSE_S)
        return answered

    def _admits(self, stream: INetStream, asker: PeerId) -> bool:
        """Say whether a peer, its address and all together may ask now, and note that they have."""
        has_leave = all(self._allowances.has(name) for name in (asker, _block(stream)))
        if not has_leave or not self._in_all.take(""):
            return False
        self._charge(stream, asker, 1.0)
        return True

    def _charge(self, stream: INetStream, asker: PeerId, answers: float) -> None:
        for name in (asker, _block(stream)):
            self._allowances.charge(name, answers)

    async def _exchange(self, stream: INetStream, asker: PeerId) -> bool:
        """Read a question and write our answer; False if there is no room for one now.

        Raises:
            FrameError: It is none that an honest peer sends.
            JudgeError: `answer` failed.
        """
        reader = FrameReader(stream, QUESTION_BYTES_MAX)
        question = await reader.next_frame()
        if not question:
            raise FrameError("empty question")
        # An asker that does not close its side would leave us a stream to remember.
        await reader.expect_end()
        block = _block(stream)
        if self._writing.total() >= ANSWERS_MAX or self._writing[block] >= ANSWERS_PER_ADDRESS_MAX:
            return False
        self._writing[block] += 1
        try:
            await _write(stream, self._ask_ours(question, asker))
            await stream.close()
        finally:
            self._writing -= Counter((block,))  # also forgets a block that has none
        return True

    def _ask_ours(self, question: bytes, asker: PeerId) -> bytes:
        try:
            return checked_answer(self._answer, question, asker)
        except Exception as error:  # no hostile bytes: our bug must not pass for a peer's
            raise JudgeError("the answer to a question failed") from error

    async def _blame(self, stream: INetStream, reason: str) -> None:
        """Hold a malformed frame against who wrote it, and hang up on too many."""
        peer_id = stream.muxed_conn.peer_id
        self._on_event("stream_refused", {"peer": str(peer_id), "cause": reason})
        peer = author_of(peer_id.to_bytes())
        if peer is not None and self._conduct.note_invalid(peer):
            remote = remote_address(stream.muxed_conn)
            self._conduct.cut(peer, None if remote is None else remote[0], reason)
            await self._host.disconnect(peer_id)


def _block(stream: INetStream) -> str:
    """Return what stands for the addresses that the peer has for nothing."""
    remote = remote_address(stream.muxed_conn)
    return "" if remote is None else block_of(remote[0])


async def _write(stream: Any, payload: bytes) -> None:
    """Write one frame, in pieces none of which is cut short by a cancellation.

    After a part of a piece the connection could carry nothing else, and a peer that reads slowly
    would cost us gossip with it as well. So it is waited here until there is room for a piece; then
    only a network that takes nothing can hold it up.

    Raises:
        StreamEndedError: The network took nothing for a while; the connection is closed.
    """
    frame = varint(len(payload)) + payload
    muxed = stream.muxed_stream
    for at in range(0, len(frame), _PIECE_BYTES):
        piece = frame[at : at + _PIECE_BYTES]
        await trio.lowlevel.checkpoint()
        while muxed.send_window < len(piece) and not muxed.send_closed:  # noqa: ASYNC110 - no event
            await trio.sleep(_WINDOW_S)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _PIECE_S) as patience:
            await stream.write(piece)
        if patience.cancelled_caught:
            raise StreamEndedError


async def _reset(stream: INetStream) -> None:
    """Forget a stream, on both sides, even if we are being cancelled."""
    with trio.CancelScope(shield=True, deadline=trio.current_time() + _PIECE_S):
        await stream.reset()
