"""Where a peer's bytes become a contribution in hand, or a refusal that is counted.

Called by the mesh for every unique message, between two reads of a socket: admission decides,
the ledger keeps, the mailbox holds, pace is told. Nothing here looks at a model.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from node.faults import DiskFault, IdentityFault
from node.ledger import Ledger
from node.log import Event
from node.mailbox import Mailbox, canonical
from node.mesh import Decision
from node.precedence import Precedence
from protocol.admission import Admission, Admitted, everybody
from protocol.constants import WINDOW_ROUNDS
from protocol.contribution import Contribution
from protocol.envelope import open_part
from protocol.errors import Ignored, Reason, Rejected
from protocol.evidence import is_evidence, open_evidence
from protocol.identity import PeerId
from protocol.pace import Pace
from protocol.parameters import Parameters
from protocol.schedule import Schedule
from protocol.wholes import Whole, wholes

UNWRITTEN_BYTES_MAX = 16 * 1024 * 1024
"""Of messages that wait in memory while the disk refuses; others are forwarded only."""

UNWRITTEN_PROOFS_MAX = 4096
"""Convictions that wait likewise; beyond that the oldest are forgotten by a restart."""

PROOFS_MAX = 64
"""Evidence that waits to be told; the oldest goes first, and others tell it too."""


class Gate:
    """Admission with its consequences.

    Args:
        parameters: What the swarm agreed on.
        schedule: Whose prompts are whose.
        pace: Told who was heard, and where.
        mailbox: Where contributions wait for their round.
        ledger: Where their bytes survive a crash.
        precedence: Who makes room for whom; told who was heard when a round is opened.
        tell: Told of refusals.
        is_welcome: Whether the operator here takes anything of an author's.
        open_round: The round that contributions are still taken for; later ones are held,
            earlier ones forwarded but of no use here any more.
    """

    def __init__(
        self,
        *,
        parameters: Parameters,
        schedule: Schedule,
        pace: Pace,
        mailbox: Mailbox,
        ledger: Ledger,
        precedence: Precedence,
        tell: Event,
        open_round: int,
        is_welcome: Callable[[PeerId], bool] = everybody,
    ) -> None:
        self._parameters = parameters
        self._schedule = schedule
        self._admission = Admission(
            parameters,
            schedule,
            outcasts=ledger.outcasts(),
            is_welcome=is_welcome,
            rank=precedence.rank,
        )
        self._is_welcome = is_welcome
        self._proofs: deque[bytes] = deque(maxlen=PROOFS_MAX)
        self._pace = pace
        self._mailbox = mailbox
        self._ledger = ledger
        self._precedence = precedence
        self._tell = tell
        self._open_round = open_round
        self._unwritten: deque[tuple[int, bytes]] = deque()
        self._unwritten_bytes = 0
        self._convicted: deque[tuple[PeerId, int, bytes]] = deque(maxlen=UNWRITTEN_PROOFS_MAX)
        precedence.begin(open_round, self._company())
        self.refused: Counter[Reason] = Counter()
        self.delivered = 0
        self.admitted = 0

    @property
    def open_round(self) -> int:
        """The round that contributions are still taken for."""
        return self._open_round

    @property
    def has_heard(self) -> bool:
        """Whether any peer has proven to be in some round of this swarm."""
        return self.delivered + self.refused[Reason.ROUND_AHEAD] > 0

    def validate(self, data: bytes, forwarder: PeerId) -> Decision:
        """Decide about a peer's message, and keep what is worth keeping."""
        try:
            if is_evidence(data):
                author = self._admission.convict(data, round_index=self._open_round)
                self._cast_out(author, data)
                return Decision.ACCEPT
            admitted = self._admission.admit(
                data, round_index=self._open_round, forwarder=forwarder
            )
        except Rejected as refused:
            self._count(refused, forwarder)
            return Decision.REJECT
        except Ignored as refused:
            self._count(refused, forwarder)
            if refused.evidence is not None and refused.author is not None:
                self._cast_out(refused.author, refused.evidence)
                self._proofs.append(refused.evidence)
            elif refused.author is not None and refused.round_index is not None:  # proven
                self._pace.heard(refused.author, refused.round_index)
                self._mailbox.wake()
            return Decision.IGNORE
        self._keep(admitted, data)
        return Decision.ACCEPT

    def admit_own(self, contributions: Sequence[Contribution], raws: Sequence[bytes]) -> None:
        """Record this node's own messages before they are published, by everybody's rules.

        Raises:
            IdentityFault: Its key has signed two answers to one prompt, so nobody listens to it.
            DiskFault: The disk refuses.
        """
        if self._admission.is_outcast(contributions[0].author):
            raise IdentityFault(
                "This node's key has signed two answers to one prompt, which its swarm takes for "
                "fraud: nobody takes anything of its in this swarm any more.",
                fix="Perhaps its data directory was copied and two nodes ran. Move identity.key "
                "away; the node makes itself another.",
            )
        self._ledger.record_own(contributions[0].round_index, raws)
        for raw in raws:
            self._take_up(raw)

    def proofs(self) -> tuple[bytes, ...]:
        """Return evidence that is to be told to the swarm, each once."""
        told = tuple(self._proofs)
        self._proofs.clear()
        return told

    def recall(self, round_index: int) -> tuple[bytes, ...]:
        """Take up again what the ledger kept of a round; return this node's own messages."""
        kept = self._ledger.envelopes(round_index)
        for envelope in kept:
            self._take_up(envelope.raw)
        return tuple(envelope.raw for envelope in kept if envelope.own)

    def recall_company(self) -> None:
        """Tell the pace who took part in the rounds before the open one.

        A restarted node would else believe itself alone, and run on and on ahead of peers who
        wait for it in silence. They may have got into the round after this one meanwhile, and what
        they said of both is missed for good; so they are waited for from the one after that.
        """
        for author in self._company():
            if not self._admission.is_outcast(author) and self._is_welcome(author):
                self._pace.heard(author, self._open_round + 1)

    def _company(self) -> Iterator[PeerId]:
        """Yield whose messages of the rounds before the open one were recorded."""
        first = max(0, self._open_round - WINDOW_ROUNDS)
        for round_index in range(first, self._open_round):
            for envelope in self._ledger.envelopes(round_index):
                yield open_part(envelope.raw, self._parameters).author

    def recorded(self, round_index: int) -> tuple[Contribution, ...]:
        """Return what a closed round was frozen with, in the canonical order.

        Whatever else is recorded of it (what came late, found no room, or was signed by who was
        cast out or banned since) is no part of it.
        """
        frozen = self._ledger.frozen(round_index)
        read = self.read([one.raw for one in self._ledger.envelopes(round_index)], round_index)
        return canonical(
            one.contribution for key, one in read.items() if frozen is None or key in frozen
        )

    def read(self, raws: Iterable[bytes], round_index: int) -> dict[bytes, Whole]:
        """Return the valid contributions of a round among messages, by their digests."""
        return wholes(raws, self._parameters, self._schedule, round_index)

    def takes(self, author: PeerId) -> bool:
        """Whether the operator here takes anything of an author's."""
        return self._is_welcome(author)

    def close_round(self, round_index: int) -> tuple[Contribution, ...]:
        """Freeze a round; return its contributions in the canonical order.

        What arrives for it from now on is late. Nothing else can run in between, so the
        ledger and the returned contributions are the same set.

        Raises:
            DiskFault: The disk refuses; nothing is closed, and it may be tried again.
        """
        while self._unwritten:
            self._ledger.record(*self._unwritten[0])
            self._unwritten_bytes -= len(self._unwritten.popleft()[1])
        while self._convicted:
            self._ledger.record_outcast(*self._convicted[0])
            self._convicted.popleft()
        contributions = self._mailbox.take(round_index)
        self._ledger.close_round(round_index, [one.digest() for one in contributions])
        self.open(round_index + 1)
        return contributions

    def open(self, round_index: int) -> None:
        """Take contributions for this round from now on."""
        self._open_round = round_index
        self._pace.open(round_index)
        self._admission.advance(round_index)
        self._precedence.begin(round_index, self._admission.heard_before)
        self._mailbox.forget_before(round_index)

    def counts(self) -> Mapping[str, int]:
        """Refusals by reason, for reports."""
        return {reason.value: count for reason, count in sorted(self.refused.items())}

    def _cast_out(self, author: PeerId, proof: bytes) -> None:
        """Take nothing of an author's any more, what already waits included."""
        self._pace.cast_out(author, open_evidence(proof).round_index)
        self._forget(author)
        self._tell("author_cast_out", {"author": str(author), "round": self._open_round})
        try:
            self._ledger.record_outcast(author, self._open_round, proof)
        except DiskFault:
            self._convicted.append((author, self._open_round, proof))

    def heed(self) -> None:
        """Hold nothing of authors that the operator listens to no more, and wait for none."""
        waited_for = (*self._pace.members(), *self._pace.coming())
        for author in self._mailbox.all_authors().union(waited_for):
            if not self._is_welcome(author):
                self._forget(author)

    def _forget(self, author: PeerId) -> None:
        """Hold nothing of an author's, and wait for nothing."""
        self._mailbox.drop(author)
        self._pace.forget(author)
        self._mailbox.wake()

    def _take_up(self, raw: bytes) -> None:
        """Hold what is recorded already, unless it is held."""
        try:
            admitted = self._admission.admit(raw, round_index=self._open_round)
        except Ignored as refused:
            if refused.evidence is not None and refused.author is not None:
                self._cast_out(refused.author, refused.evidence)
                self._proofs.append(refused.evidence)
            return
        self._has_place(admitted)
        self._hold(admitted)

    def _keep(self, admitted: Admitted, data: bytes) -> None:
        round_index, author = admitted.round_index, admitted.author
        if self._has_place(admitted) and not self._record(round_index, data):
            self._mailbox.turn_away(round_index, author)  # the ledger would have half of it
        self._hold(admitted)
        if admitted.contribution is not None:
            self.delivered += 1
            self.admitted += not admitted.late

    def _has_place(self, admitted: Admitted) -> bool:
        """Whether a message is of use here: its round is open or to come, and has room for it."""
        if admitted.displaced is not None:
            self._forget(admitted.displaced)
        return not admitted.late and self._mailbox.reserve(admitted.round_index, admitted.author)

    def _record(self, round_index: int, data: bytes) -> bool:
        """Whether the ledger holds a message, or will before its round is closed."""
        try:
            self._ledger.record(round_index, data)
        except DiskFault:  # told by whoever closes the round and cannot
            if self._unwritten_bytes + len(data) > UNWRITTEN_BYTES_MAX:
                return False
            self._unwritten.append((round_index, data))
            self._unwritten_bytes += len(data)
        return True

    def _hold(self, admitted: Admitted) -> None:
        """Hold a contribution that is whole, if there is room, and tell the pace in any case.

        Nobody waits for who found no room: what it owes has come.
        """
        if admitted.contribution is None:
            self._pace.heard(admitted.author, admitted.round_index)
        else:
            if not admitted.late:
                self._mailbox.offer(admitted.contribution)
            self._pace.contributed(admitted.author, admitted.round_index)
        self._mailbox.wake()

    def _count(self, refused: Rejected | Ignored, forwarder: PeerId) -> None:
        self.refused[refused.reason] += 1
        self._tell(
            "message_refused",
            {
                "reason": refused.reason.value,
                "detail": refused.detail,
                "author": str(refused.author) if refused.author else None,
                "forwarder": str(forwarder),
            },
        )
