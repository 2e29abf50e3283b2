"""When a round is over for a node: driven by progress, bounded by a clock.

A pure state machine. It counts contributions and is told the time; who may contribute, what
the contributions hold and what a node does with them are not known here. README.md states
the rules in the order of `Pace.state`.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from protocol.constants import AUTHORS_MAX, ROUNDS_AHEAD_MAX, WINDOW_ROUNDS
from protocol.identity import PeerId
from protocol.stragglers import Stragglers

QUORUM_MIN = 2
"""Changing breaks: who can be moved. One author alone moves nobody who has company."""

QUORUM_DIVISOR = 2
"""Changing breaks: who can be moved. Half of the others must be ahead before one follows."""

PARDONS = 1
"""Changing breaks: nothing on the wire. Deadlines an author may cost and be waited for again
upon any sign of life; after that it must complete a round first."""

GRACE_DIVISOR = 4
"""Changing breaks: nothing on the wire. The part of a deadline that is added for those who
completed the round before: they may have come from there a whole deadline after this node."""

LATE_RUN = 3
"""Changing breaks: nothing on the wire. Rounds that an author must complete late, one after
another, to be waited for again as one that has cost a single deadline: nobody waits for it, so
that it has no other way to show that it is there."""

LAPSES_PARDONED = 4
"""Changing breaks: nothing on the wire. Deadlines that new authors may cost before any is tried."""

TRIAL_MAX = 8
"""Changing breaks: nothing on the wire. Most rounds that an author on trial must have completed
to be waited for, so that a new name for each round costs more than a deadline is worth."""

LAPSE_ROUNDS = 64
"""Changing breaks: nothing on the wire. Rounds after which one lapse is forgotten."""


class Ending(StrEnum):
    """Why a round is over."""

    COMPLETE = "complete"
    """Everyone who was waited for contributed."""
    OVERTAKEN = "overtaken"
    """Everyone else did, and went on without waiting for this node."""
    DEADLINE = "deadline"
    """The time was up."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The round goes on."""


@dataclass(frozen=True, slots=True)
class Over:
    """The round is over: train on what it brought, then begin the next."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Jump:
    """The swarm is elsewhere: leave this round as it is, and begin that one."""

    round_index: int


@dataclass(slots=True)
class _Member:
    """What is remembered of one author.

    Args:
        last_round: The latest round it was heard in.
        whole_from: The first round all of whose messages can have reached this node: not the
            one in which it was first heard, nor one in which it was heard beyond the window.
        given_up: Whether it is no longer waited for.
        strikes: Deadlines it cost since it last completed a round in time.
        completed: Rounds that it completed, in time or within the window.
        completed_last: The latest that it completed in time.
        late_last: The latest that it completed late, and the last of so many in a row.
        late_run: How many.
        counts: Whole contributions per round, from the oldest of the window on.
    """

    last_round: int
    whole_from: int
    given_up: bool = False
    strikes: int = 0
    completed: int = 0
    completed_last: int = -1
    late_last: int = -1
    late_run: int = 0
    counts: dict[int, int] = field(default_factory=dict)


class Pace:
    """Says when this node's round is over, and where it should be instead.

    Args:
        me: This node; it is always waited for, unless overtaken.
        contributions_per_author: Prompts that each author answers in a round.
        round_s_max: The longest that a round may last, in seconds; a quarter more while it lacks
            who completed the one before.
        authors_min: Authors, this node included, without whose contributions a round does not
            end before its deadline, so that a swarm started together stays together. A
            deadline or a jump lowers it to what was there.
        round_index: The round that will begin first: what comes for it counts before it does.
    """

    def __init__(
        self,
        me: PeerId,
        *,
        contributions_per_author: int,
        round_s_max: float,
        authors_min: int = 1,
        round_index: int = 0,
    ) -> None:
        if contributions_per_author < 1 or round_s_max <= 0 or authors_min < 1:
            raise ValueError(
                "contributions_per_author, round_s_max and authors_min must be positive, got"
                f" {contributions_per_author}, {round_s_max}, {authors_min}"
            )
        self._me = me
        self._contributions_per_author = contributions_per_author
        self._round_s_max = round_s_max
        self._authors_min = authors_min
        self._cast_out = 0
        self._lapses, self._lapsed_in = 0, round_index
        self._members: dict[PeerId, _Member] = {}
        self._behind = Stragglers()
        self._mine: dict[int, int] = {}
        self._has_begun = False
        self._began_s = 0.0
        self._verdict: Over | Jump | None = None
        self.round_index = self._open_round = round_index

    def open(self, round_index: int) -> None:
        """Count contributions for this round and the two after it, before it begins.

        The one before is over by then, and its training may take long.
        """
        self._open_round = max(self._open_round, round_index)

    def begin(self, round_index: int, now: float) -> None:
        """Start a round: the next one, the target of a jump, or the first of this process.

        Args:
            round_index: 0-based; never below the current one.
            now: Seconds on any monotonic clock.
        """
        if round_index < self.round_index:
            raise ValueError(f"round {round_index} after round {self.round_index}")
        if self._has_begun and round_index > self.round_index + 1:
            self._authors_min = 1
        self._has_begun = True
        self.round_index = round_index
        self.open(round_index)
        self._began_s = now
        self._verdict = None
        self._cast_out = 0
        self._behind.begin(round_index)
        if self._lapses and round_index >= self._lapsed_in + LAPSE_ROUNDS:
            self._lapses, self._lapsed_in = self._lapses - 1, round_index
        self._mine = {index: n for index, n in self._mine.items() if index >= round_index}
        oldest = round_index - WINDOW_ROUNDS
        self._members = {a: m for a, m in self._members.items() if m.last_round >= oldest}
        for member in self._members.values():
            member.counts = {i: n for i, n in member.counts.items() if i >= oldest}

    def heard(self, author: PeerId, round_index: int) -> None:
        """Note that an author signed something for a round: any proven message counts."""
        if author == self._me or round_index > self.round_index + ROUNDS_AHEAD_MAX:
            return
        known = self._members.get(author)
        latest = round_index if known is None else max(round_index, known.last_round)
        self._behind.heard(author, latest, here=self._open_round)
        if round_index < self._open_round - WINDOW_ROUNDS:
            return
        member = self._seated(author, round_index)
        if member is None:
            return
        member.last_round = latest
        if round_index > self._open_round + WINDOW_ROUNDS:
            member.whole_from = max(member.whole_from, round_index + 1)
        if round_index >= self.round_index and member.strikes <= PARDONS:
            member.given_up = False

    def forget(self, author: PeerId) -> None:
        """Wait no more for an author of whom nothing is taken any more."""
        self._members.pop(author, None)
        self._behind.forget(author)

    def cast_out(self, author: PeerId, round_index: int) -> None:
        """Forget an author that gave two answers in a round; wait for nobody in its place in this.

        Else whoever closed the round before it was found out is a whole deadline ahead of those
        who heard of it in time. In the next round all wait for their number alike.
        """
        member = self._members.get(author)
        latest = round_index if member is None else max(round_index, member.last_round)
        self._cast_out += latest >= self.round_index
        self.forget(author)

    def contributed(self, author: PeerId, round_index: int) -> None:
        """Count one more whole contribution that was admitted; each must be told once."""
        last = self._open_round + WINDOW_ROUNDS
        if author == self._me:
            if self.round_index <= round_index <= last:
                self._mine[round_index] = self._mine.get(round_index, 0) + 1
            return
        self.heard(author, round_index)
        member = self._members.get(author)
        if member is None or not self.round_index - WINDOW_ROUNDS <= round_index <= last:
            return
        member.counts[round_index] = member.counts.get(round_index, 0) + 1
        if member.counts[round_index] == self._contributions_per_author:
            member.completed += 1
            if round_index >= self._open_round:
                self._completed_in_time(member, round_index)
            else:
                self._completed_late(member, round_index)

    def _completed_in_time(self, member: _Member, round_index: int) -> None:
        member.given_up = False
        member.strikes = 0
        member.completed_last = max(member.completed_last, round_index)

    def _completed_late(self, member: _Member, round_index: int) -> None:
        """Nobody waited for it, and its round was over: it lives, and is as fast as the others."""
        member.late_run = member.late_run + 1 if round_index == member.late_last + 1 else 1
        member.late_last = round_index
        if member.late_run >= LATE_RUN:
            member.strikes = min(member.strikes, PARDONS)
        if member.strikes <= PARDONS:
            member.given_up = False

    def state(self, now: float) -> Waiting | Over | Jump:
        """Tell whether the round goes on; the first other answer stands until `begin`."""
        if self._verdict is None:
            self._verdict = self._judge(time_is_up=self.time_left_s(now) == 0)
        return self._verdict or Waiting()

    def _judge(self, *, time_is_up: bool) -> Over | Jump | None:
        target = self._quorum_round()
        if target is not None:
            return Jump(target)
        alone_behind = self._lone_round()
        if alone_behind is not None and (time_is_up or self._is_done_and_needs_few()):
            return Jump(alone_behind)
        waiting = self.waiting_for()
        is_whole = len(self.complete()) + self._cast_out >= self._authors_min
        if not waiting and is_whole and not self._is_ahead_of_most():
            return Over(Ending.COMPLETE)
        if waiting == (self._me,) and self._is_overtaken():
            return Over(Ending.OVERTAKEN)
        if time_is_up:
            if not waiting and is_whole:
                self._behind.cost_a_deadline()
            self._give_up()
            return Over(Ending.DEADLINE)
        return None

    def time_left_s(self, now: float) -> float:
        """Return the seconds until the round's deadline; 0 from then on."""
        return max(0.0, self._began_s + self._patience_s() - now)

    def _patience_s(self) -> float:
        """How long the round may last: longer while somebody may be held up in the last one.

        Who waits there for one of whom nobody else knows comes here a whole deadline late. That
        is no later than this node's own deadline, and must not be too late. Where most of those
        that are complete here have gone on, it is this node that is held up.
        """
        last = self.round_index - 1
        missing = (self._members[one] for one in self.waiting_for() if one != self._me)
        is_held_up = any(member.completed_last == last for member in missing)
        present = [self._members[one] for one in self.complete() if one != self._me]
        gone_on = sum(member.last_round > self.round_index for member in present)
        has_grace = is_held_up and 2 * gone_on <= len(present)
        return self._round_s_max * (1 + 1 / GRACE_DIVISOR if has_grace else 1)

    def waiting_for(self) -> tuple[PeerId, ...]:
        """Return the authors whose contributions the round lacks, this node's too; sorted."""
        authors = [self._me, *self._expected()]
        return tuple(sorted(author for author in authors if not self._is_complete(author)))

    def complete(self) -> tuple[PeerId, ...]:
        """Return the authors whose contributions to the round are all held; sorted."""
        authors = [self._me, *self._members]
        return tuple(sorted(author for author in authors if self._is_complete(author)))

    def members(self) -> tuple[PeerId, ...]:
        """Return the other authors that are remembered; sorted."""
        return tuple(sorted(self._members))

    def coming(self) -> tuple[PeerId, ...]:
        """Return who comes after this node, and may have it wait for its deadline; sorted."""
        return self._behind.coming(self.round_index)

    def _is_complete(self, author: PeerId) -> bool:
        if author == self._me:
            count = self._mine.get(self.round_index, 0)
        else:
            count = self._members[author].counts.get(self.round_index, 0)
        return count >= self._contributions_per_author

    def _expected(self) -> list[PeerId]:
        """Others heard in the last two rounds, unless given up, partly missed or on trial."""
        last = self.round_index + WINDOW_ROUNDS
        return [
            author
            for author, member in self._standing().items()
            if member.last_round <= last
            and member.whole_from <= self.round_index
            and not member.given_up
            and member.completed >= self._lapses - LAPSES_PARDONED
        ]

    def _standing(self) -> dict[PeerId, _Member]:
        """Others heard in the last two rounds, or later ones."""
        oldest = self.round_index - WINDOW_ROUNDS
        return {a: m for a, m in self._members.items() if m.last_round >= oldest}

    def _quorum_round(self) -> int | None:
        """The latest round, beyond the window, that enough members have reached."""
        rounds = sorted((m.last_round for m in self._standing().values()), reverse=True)
        quorum = max(QUORUM_MIN, -(-len(rounds) // QUORUM_DIVISOR))
        if len(rounds) < quorum or rounds[quorum - 1] <= self.round_index + WINDOW_ROUNDS:
            return None
        return rounds[quorum - 1]

    def _lone_round(self) -> int | None:
        """The round of the only other author, if it is beyond the window.

        With two or more out there a quorum speaks; this is how one enters a swarm of one.
        """
        rounds = [member.last_round for member in self._standing().values()]
        if len(rounds) == 1 and rounds[0] > self.round_index + WINDOW_ROUNDS:
            return rounds[0]
        return None

    def _is_done_and_needs_few(self) -> bool:
        """Whether nothing is left to do here, and the swarm may be as small as it looks.

        Whoever is to wait for more than one other has perhaps only heard the liar among them first.
        """
        return self._authors_min <= QUORUM_MIN and self._is_complete(self._me)

    def _is_ahead_of_most(self) -> bool:
        """Whether more come after this node than are with it: it waits for them."""
        last_rounds = [member.last_round for member in self._standing().values()]
        return self._behind.outnumber(last_rounds, self.round_index)

    def _is_overtaken(self) -> bool:
        """Whether all others are done and gone: nobody waits for what this node still owes."""
        expected = self._expected()
        return bool(expected) and all(
            self._members[author].last_round > self.round_index for author in expected
        )

    def _give_up(self) -> None:
        """Wait no longer for those who cost this deadline, nor for more than were there.

        One that is already in a later round has given its sign of life; it may have lost a
        message. Doing so again and again is no excuse. New names are cheap: where one after
        another costs a deadline, all that come after them are on trial first.
        """
        missing = [self._members[one] for one in self.waiting_for() if one != self._me]
        for member in missing:
            member.strikes += 1
            member.given_up = member.last_round <= self.round_index or member.strikes > PARDONS
        if missing and all(member.completed < TRIAL_MAX for member in missing):
            self._lapses = min(self._lapses + 1, LAPSES_PARDONED + TRIAL_MAX)
            self._lapsed_in = self.round_index
        self._authors_min = max(1, min(self._authors_min, len(self.complete())))

    def _seated(self, author: PeerId, round_index: int) -> _Member | None:
        """Return what is remembered of an author; None if there is no room for another.

        Who claims to be beyond the window makes room for those within it.
        """
        if author in self._members:
            return self._members[author]
        last = self.round_index + WINDOW_ROUNDS
        if len(self._members) >= AUTHORS_MAX and round_index <= last:
            beyond = (a for a, m in self._members.items() if m.last_round > last)
            self._members.pop(next(beyond, author), None)
        if len(self._members) >= AUTHORS_MAX:
            return None
        member = _Member(round_index, round_index + 1)
        self._members[author] = member
        return member
