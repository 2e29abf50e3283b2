"""What one neighbour lacks of a round and another holds: asked, and answered from the ledger.

It judges nothing: what an answer brings must pass whatever gossip must pass, and that is the
caller's to see to.
"""

from collections.abc import Iterable

from node.faults import Fault
from node.ledger import Ledger
from node.log import Event
from node.mesh import Mesh
from protocol.envelope import open_part
from protocol.errors import Refused
from protocol.exchange import Answer, Question, answer_to, open_answer, open_question
from protocol.identity import PeerId
from protocol.parameters import Parameters


class Exchange:
    """Questions to neighbours, and answers to theirs.

    Args:
        parameters: What the swarm agreed on.
        ledger: What is held of each round.
        tell: Told of what neighbours should not have sent.
    """

    def __init__(self, parameters: Parameters, ledger: Ledger, tell: Event) -> None:
        self._parameters = parameters
        self._swarm = parameters.digest()
        self._ledger = ledger
        self._tell = tell

    def held(self, round_index: int) -> list[bytes]:
        """Return the messages of a round that the ledger holds."""
        return [one.raw for one in self._ledger.envelopes(round_index)]

    def answer(self, data: bytes, asker: PeerId) -> bytes:
        """Return what a neighbour lacks; nothing where it asks for what is no question of ours.

        Nor where the ledger cannot be read: that is for whoever closes the round to say.
        """
        try:
            return self._answer_to(open_question(data, self._swarm)).to_bytes()
        except Refused as refused:
            self._refuse("question_refused", refused, asker)
        except Fault:
            pass
        return b""

    def _answer_to(self, question: Question) -> Answer:
        """Read no more of a round than an answer has room for: gossip waits meanwhile."""
        frozen = self._ledger.frozen(question.round_index)
        names = frozenset(question.names)
        held = self._ledger.envelopes_besides(question.round_index, names)
        if frozen is None:
            return answer_to(question, held, None)
        counted = (raw for raw in held if open_part(raw, self._parameters).digest in frozen)
        return answer_to(question, counted, sorted(frozen))

    async def ask(
        self, mesh: Mesh, peer: PeerId, round_index: int, held: Iterable[bytes]
    ) -> Answer | None:
        """Ask a neighbour what it holds of a round besides.

        Args:
            mesh: Which carries the question.
            peer: The neighbour.
            round_index: 0-based round.
            held: Messages of that round that are held here.

        Returns:
            Its answer; None where it gave none that can be read.
        """
        question = Question.about(self._swarm, round_index, held)
        data = await mesh.ask(peer, question.to_bytes())
        if not data:
            return None
        longest = self._parameters.message_bytes_max
        try:
            return open_answer(data, question, message_bytes_max=longest)
        except Refused as refused:
            self._refuse("answer_refused", refused, peer)
            return None

    def _refuse(self, event: str, refused: Refused, peer: PeerId) -> None:
        self._tell(
            event,
            {"reason": refused.reason.value, "detail": refused.detail, "peer": str(peer)},
        )
