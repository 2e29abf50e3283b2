"""The gate before forwarding: cheap checks in order of cost, over bounded memory.

What passes is forwarded and kept; `Rejected` may cost the forwarder, `Ignored` costs nobody.
Only what any peer can check without a model is asked here. README.md numbers the rules.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from protocol.assembly import Assembly
from protocol.constants import (
    AUTHORS_MAX,
    CONVICTIONS_MAX,
    OUTCASTS_MAX,
    PENDING_BYTES_MAX,
    WINDOW_ROUNDS,
)
from protocol.contribution import Contribution
from protocol.envelope import (
    Part,
    check_cut,
    check_kinship,
    check_signature,
    check_size,
    join_parts,
    open_part,
)
from protocol.errors import Ignored, Reason, Refused, Rejected
from protocol.evidence import check_evidence, open_evidence
from protocol.identity import PeerId
from protocol.parameters import Parameters
from protocol.puzzle import solves
from protocol.schedule import Schedule
from protocol.stragglers import News


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """One message that passed: forward it.

    Args:
        author: Who signed it.
        round_index: The round it is for; within two rounds of the current one.
        prompt_index: The prompt it answers.
        contribution: The whole contribution; None for a valid part of one not yet whole.
        late: Whether its round is already over here: forwarded, but of no use for training.
        displaced: Who gave its seat up for the author, and is as if never heard.
    """

    author: PeerId
    round_index: int
    prompt_index: int
    contribution: Contribution | None
    late: bool
    displaced: PeerId | None = None


@dataclass(slots=True)
class _RoundMemory:
    """What was seen of one round; bounded by authors, their quota and the parts of each."""

    messages: dict[PeerId, set[bytes]] = field(default_factory=dict)
    assembly: Assembly = field(default_factory=Assembly)

    def drop(self, author: PeerId) -> None:
        """Forget all that an author said."""
        self.messages.pop(author, None)
        self.assembly.drop(author)


def everybody(_author: PeerId) -> bool:
    """Listen to whoever speaks."""
    return True


Rank = Callable[[PeerId], int]
"""How well an author is known here; where there is no room for all, the higher stay."""


def as_equals(_author: PeerId) -> int:
    """Know nobody better than others."""
    return 0


def giving_way(newcomer: PeerId, seated: Iterable[PeerId], rank: Rank) -> PeerId | None:
    """Return who makes room for a newcomer, where there is none left; None where nobody does.

    Among equals who came first stays: whoever comes last of the lowest goes, and only for a higher.

    Args:
        newcomer: Whoever has no room yet.
        seated: Who has, in the order of coming.
        rank: How well each is known.
    """
    lowest, found = rank(newcomer), None
    for one in seated:
        at = rank(one)
        if at < lowest or (found is not None and at == lowest):
            lowest, found = at, one
    return found


class Admission:
    """Decides on every message of a swarm's contribution topic, own ones included.

    Args:
        parameters: The swarm's.
        schedule: Says whose prompts are whose.
        outcasts: Authors that are known to have equivocated in this swarm, in the order in which
            they were convicted.
        is_welcome: Whether the operator here listens to an author; nobody else may be told.
        rank: Who gives its seat up for whom.
        pending_bytes_max: Of all parts that wait for their siblings.
    """

    def __init__(
        self,
        parameters: Parameters,
        schedule: Schedule,
        *,
        outcasts: Iterable[PeerId] = (),
        is_welcome: Callable[[PeerId], bool] = everybody,
        rank: Rank = as_equals,
        pending_bytes_max: int = PENDING_BYTES_MAX,
    ) -> None:
        self._parameters = parameters
        self._swarm = parameters.digest()
        self._schedule = schedule
        self._pending_bytes_max = pending_bytes_max
        self._round_index = 0
        self._rounds: dict[int, _RoundMemory] = {}
        self._seats: dict[PeerId, int] = {}
        self._ahead: dict[PeerId, int] = {}
        self._behind = News()
        self._outcasts: dict[PeerId, None] = {}
        for author in outcasts:
            self._cast_out(author)
        self._is_welcome = is_welcome
        self._rank = rank
        self._convictions = 0

    def admit(self, data: bytes, *, round_index: int, forwarder: PeerId | None = None) -> Admitted:
        """Return what a message is, or raise why it is not forwarded.

        The refusal names author and round only where the signature has proven them.

        Args:
            data: The gossip message.
            round_index: The current round; it never goes back.
            forwarder: Who handed the message over; None where nobody is to be told from others.

        Raises:
            Rejected: Objectively invalid.
            Ignored: Not wanted here or now.
        """
        self.advance(round_index)
        # [REJECT] Its size is within the swarm's limit.
        check_size(data, self._parameters)
        # [IGNORE] It is of this version and this swarm.
        check_kinship(data, self._swarm)
        # [REJECT] It is an envelope in its one canonical encoding.
        part = open_part(data, self._parameters)
        # [REJECT] It is cut where contributions are cut.
        check_cut(part, self._parameters)
        # [IGNORE] If its round is over for longer than the window, its author itself brings it, and
        # was not known so far.
        self._check_past_is_new(part, forwarder)
        # [IGNORE] These very bytes were not admitted before.
        message = hashlib.sha256(data).digest()
        self._check_unseen(part, message)
        # [IGNORE] If it is beyond the window, its author was not known to be that far.
        self._check_ahead_is_new(part)
        # [IGNORE] Its author is not known to have equivocated.
        self._check_not_outcast(part.author)
        # [IGNORE] Its author is one that the operator here listens to.
        self._check_welcome(part.author)
        # [REJECT] Its author's key solves the swarm's puzzle.
        self._check_solves(part.author)
        # [IGNORE] There is room to remember its author.
        self._check_seat(part)
        # [REJECT] The prompt is its author's in that round.
        self._check_prompt(part)
        # [REJECT] Its author signed it.
        check_signature(part)
        try:
            contribution, displaced = self._admit_proven(part, message)
        except Refused as refused:
            refused.author, refused.round_index = part.author, part.round_index
            if refused.evidence is not None:
                self._cast_out(part.author)
            raise
        return Admitted(
            author=part.author,
            round_index=part.round_index,
            prompt_index=part.prompt_index,
            contribution=contribution,
            late=part.round_index < self._round_index,
            displaced=displaced,
        )

    def _admit_proven(
        self, part: Part, message: bytes
    ) -> tuple[Contribution | None, PeerId | None]:
        """Check what only a proven author can be held to; memory is written last."""
        # [IGNORE] It is neither further ahead nor further behind than the window.
        self._check_within_window(part)
        memory = self._rounds.get(part.round_index) or _RoundMemory()
        # [IGNORE] It is the first that its author signed for this round, prompt and part.
        memory.assembly.check_first(part)
        # [IGNORE] Its author answers no more prompts than it may.
        self._check_quota(part, memory)
        payload = memory.assembly.payload_with(part)
        # [IGNORE] There is room for a part that must wait.
        self._check_room(part, payload)
        contribution = self._open_whole(part, payload, memory)

        self._rounds[part.round_index] = memory
        displaced = self._seat(part)
        memory.messages.setdefault(part.author, set()).add(message)
        if contribution is None:
            memory.assembly.keep(part)
        else:
            memory.assembly.close(part, broken=False)
        return contribution, displaced

    def _seat(self, part: Part) -> PeerId | None:
        """Give a part's author a seat; return whose it was, if none was left."""
        displaced = None
        if part.author not in self._seats and len(self._seats) >= AUTHORS_MAX:
            displaced = giving_way(part.author, self._seats, self._rank)
            assert displaced is not None  # `_check_seat` has asked
            del self._seats[displaced]
            self._ahead.pop(displaced, None)
            for held in self._rounds.values():
                held.drop(displaced)
        self._seats[part.author] = max(part.round_index, self._seats.get(part.author, 0))
        return displaced

    def convict(self, data: bytes, *, round_index: int) -> PeerId:
        """Return whom a message of evidence convicts, from now on out; or raise why it does not.

        Args:
            data: The gossip message; one for which `evidence.is_evidence` holds.
            round_index: The current round; it never goes back.

        Raises:
            Rejected: It proves nothing.
            Ignored: Not wanted here or now.
        """
        self.advance(round_index)
        # [IGNORE] It is of this version and this swarm.
        check_kinship(data, self._swarm)
        # [REJECT] It is evidence in its one canonical encoding.
        evidence = open_evidence(data)
        # [IGNORE] Its author is not out already.
        self._check_not_outcast(evidence.author)
        # [REJECT] Its author's key solves the swarm's puzzle.
        self._check_solves(evidence.author)
        # [IGNORE] Its author has a seat, or not too many without one were convicted this round.
        known = evidence.author in self._seats
        if not known and self._convictions >= CONVICTIONS_MAX:
            raise Ignored(Reason.CROWDED, f"{self._convictions} convictions")
        # [REJECT] Its statements contradict each other, and its author signed both.
        check_evidence(evidence)
        self._convictions += not known
        self._cast_out(evidence.author)
        return evidence.author

    @property
    def heard_before(self) -> frozenset[PeerId]:
        """Authors of whom something was admitted for the last rounds before the current one."""
        past = (held for index, held in self._rounds.items() if index < self._round_index)
        return frozenset(author for held in past for author in held.messages)

    @property
    def outcasts(self) -> frozenset[PeerId]:
        """Authors that are known to have equivocated in this swarm."""
        return frozenset(self._outcasts)

    def is_outcast(self, author: PeerId) -> bool:
        """Whether an author is known to have equivocated in this swarm."""
        return author in self._outcasts

    def _cast_out(self, author: PeerId) -> None:
        while len(self._outcasts) >= OUTCASTS_MAX:
            del self._outcasts[next(iter(self._outcasts))]
        self._outcasts[author] = None

    def _check_welcome(self, author: PeerId) -> None:
        if not self._is_welcome(author):
            raise Ignored(Reason.BANNED, author.short)

    def _check_solves(self, author: PeerId) -> None:
        if not solves(author, self._parameters):
            raise Rejected(Reason.UNSOLVED, author.short)

    def _check_not_outcast(self, author: PeerId) -> None:
        if author in self._outcasts:
            raise Ignored(Reason.OUTCAST, author.short)

    def advance(self, round_index: int) -> None:
        """Forget what rounds before the window held, and who was heard in none since.

        Raises:
            ValueError: If the round goes back.
        """
        if round_index == self._round_index:
            return
        if round_index < self._round_index:
            raise ValueError(f"round {round_index} after round {self._round_index}")
        self._round_index = round_index
        oldest = round_index - WINDOW_ROUNDS
        self._rounds = {index: held for index, held in self._rounds.items() if index >= oldest}
        self._seats = {author: last for author, last in self._seats.items() if last >= oldest}
        # Claims live for one round, so that a crowd of liars cannot keep the table for ever.
        self._ahead.clear()
        self._convictions = 0

    def _is_ahead(self, part: Part) -> bool:
        return part.round_index > self._round_index + WINDOW_ROUNDS

    def _is_past(self, part: Part) -> bool:
        return part.round_index < self._round_index - WINDOW_ROUNDS

    def _check_past_is_new(self, part: Part, forwarder: PeerId | None) -> None:
        """Pass on to the pace who is behind now: others could say again what was said long ago."""
        if not self._is_past(part):
            return
        is_here = part.author == forwarder
        if not is_here or not self._behind.is_news(part.author, part.round_index):
            raise Ignored(Reason.ROUND_PAST, f"{part.round_index} in {self._round_index}")

    def _check_unseen(self, part: Part, message: bytes) -> None:
        memory = self._rounds.get(part.round_index)
        if memory is not None and message in memory.messages.get(part.author, ()):
            raise Ignored(Reason.DUPLICATE, f"prompt {part.prompt_index}")

    def _check_ahead_is_new(self, part: Part) -> None:
        if self._is_ahead(part) and part.round_index <= self._ahead.get(part.author, -1):
            raise Ignored(Reason.AHEAD_KNOWN, f"{part.round_index} in {self._round_index}")

    def _check_seat(self, part: Part) -> None:
        if self._is_past(part):
            return  # it needs none: of stragglers the latest are remembered
        seats = self._ahead if self._is_ahead(part) else self._seats
        if part.author in seats or part.author in self._seats or len(seats) < AUTHORS_MAX:
            return
        if seats is self._ahead or giving_way(part.author, seats, self._rank) is None:
            raise Ignored(Reason.CROWDED, f"{len(seats)} authors")

    def _check_prompt(self, part: Part) -> None:
        if self._is_ahead(part) or self._is_past(part):
            return  # the beacon's walk there would cost more than the message is worth
        if not self._schedule.is_assigned(part.round_index, part.author, part.prompt_index):
            raise Rejected(Reason.FOREIGN_PROMPT, f"{part.prompt_index} of {part.author.short}")

    def _check_within_window(self, part: Part) -> None:
        where = f"{part.round_index} in {self._round_index}"
        if self._is_past(part):
            self._behind.note(part.author, part.round_index, here=self._round_index)
            raise Ignored(Reason.ROUND_PAST, where)
        if self._is_ahead(part):
            self._ahead[part.author] = part.round_index
            raise Ignored(Reason.ROUND_AHEAD, where)

    def _check_quota(self, part: Part, memory: _RoundMemory) -> None:
        prompts = memory.assembly.prompts_of(part.author)
        quota = self._parameters.prompts_per_author
        if part.prompt_index not in prompts and len(prompts) >= quota:
            raise Ignored(Reason.OVER_QUOTA, f"{quota} prompts")

    def _check_room(self, part: Part, payload: bytes | None) -> None:
        pending = sum(held.assembly.pending_bytes for held in self._rounds.values())
        if payload is None and pending + len(part.payload) > self._pending_bytes_max:
            raise Ignored(Reason.PARTS_FULL, f"{pending} bytes wait")

    def _open_whole(
        self, part: Part, payload: bytes | None, memory: _RoundMemory
    ) -> Contribution | None:
        """Open the payload if it is whole.

        A whole that its parts' forwarders could not see is not theirs to answer for: each of
        them held other parts, and each part was valid.
        """
        if payload is None:
            return None
        try:
            # [REJECT] The whole is named by its digest and keeps every rule of content.
            return join_parts(part, payload, self._parameters)
        except Rejected as refused:
            if part.part_count == 1:
                raise
            # [IGNORE] If it came in parts, only its author is to blame.
            memory.assembly.close(part, broken=True)
            raise Ignored(Reason.BROKEN_WHOLE, str(refused)) from refused
