"""A crowd of throw-away names takes what room is left, and nothing from whom a node knows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.ledger import Ledger
from node.mesh import Decision
from node.round import Desk, open_desk
from node.settings import RoundSettings
from node.work import Finding, Said
from protocol.constants import AUTHORS_HELD_MAX, AUTHORS_MAX
from protocol.contribution import Contribution
from protocol.envelope import seal
from protocol.identity import Keypair, PeerId
from protocol.pace import Ending, Over
from protocol.parameters import Parameters

CROWD = [Keypair.from_seed(number.to_bytes(32, "big")) for number in range(1000, 1300)]

Sealed = Callable[..., bytes]


@dataclass
class Stand:
    """A node's desk, its first key, and what others tell it."""

    desk: Desk
    keys: list[Keypair]
    sealed: Sealed
    contribute: Callable[..., Contribution]
    now: float = 0.0

    @property
    def me(self) -> PeerId:
        return self.keys[0].peer_id

    def hear(self, keys: Sequence[Keypair], round_index: int, *places: int) -> list[Decision]:
        """Be told what authors owe, or some places of it; each author speaks in turn."""
        return [
            self.desk.gate.validate(self.sealed(key, round_index, at), self.keys[1].peer_id)
            for key in keys
            for at in places or (0, 1)
        ]

    def speak(self, round_index: int) -> None:
        own = [self.contribute(self.keys[0], round_index, at) for at in (0, 1)]
        raws = [raw for one in own for raw in seal(one, self.keys[0], self.desk.parameters)]
        self.desk.gate.admit_own(own, raws)

    def begin(self, round_index: int) -> None:
        self.now += 1.0
        self.desk.pace.begin(round_index, self.now)

    def close(self, round_index: int) -> None:
        """Close a round at its deadline or before, and begin the next."""
        self.desk.pace.state(self.now + 1e6)
        self.desk.gate.close_round(round_index)
        self.begin(round_index + 1)

    def held(self, round_index: int) -> frozenset[PeerId]:
        return self.desk.mailbox.authors(round_index)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path / "ledger.db")) as opened:
        yield opened


@pytest.fixture
def trusted() -> set[PeerId]:
    return set()


@pytest.fixture
def banned() -> set[PeerId]:
    return set()


@pytest.fixture
def stand(
    parameters: Parameters,
    keys: list[Keypair],
    sealed: Sealed,
    contribute: Callable[..., Contribution],
    ledger: Ledger,
    trusted: set[PeerId],
    banned: set[PeerId],
) -> Stand:
    desk = open_desk(
        keys[0],
        parameters,
        RoundSettings(),
        ledger=ledger,
        tell=lambda _name, _fields: None,
        open_round=0,
        is_welcome=lambda author: author not in banned,
        is_trusted=trusted.__contains__,
    )
    made = Stand(desk, keys, sealed, contribute)
    made.begin(0)
    return made


def found(author: PeerId, outcome: str, round_index: int = 0) -> Finding:
    return Finding(
        author=str(author),
        round_index=round_index,
        prompt_index=3,
        index=0,
        contribution="ab" * 32,
        policy_digest="cd" * 32,
        prompt="",
        text="",
        tokens=(),
        ended=True,
        reward=None,
        deciding=Said(stage="replay", outcome=outcome, reason="any"),
    )


def test_names_that_come_two_rounds_early_keep_out_neither_this_node_nor_whom_it_has_heard(
    stand: Stand,
) -> None:
    stand.speak(0)
    stand.hear(stand.keys[1:2], 0)
    stand.close(0)
    stand.hear(CROWD[:AUTHORS_HELD_MAX], 3)
    for round_index in (1, 2):
        stand.speak(round_index)
        stand.hear(stand.keys[1:2], round_index)
        assert stand.desk.pace.state(stand.now) == Over(Ending.COMPLETE)
        stand.close(round_index)
    stand.speak(3)
    stand.hear(stand.keys[1:2], 3)

    assert stand.held(3) > {stand.me, stand.keys[1].peer_id}
    assert len(stand.held(3)) == AUTHORS_HELD_MAX
    assert stand.desk.pace.state(stand.now) == Over(Ending.COMPLETE)
    assert len(stand.desk.gate.close_round(3)) == 2 * AUTHORS_HELD_MAX


def test_for_whom_there_is_no_room_nobody_waits(stand: Stand) -> None:
    """It has said what it owes; that it is not held is known here only."""
    stand.hear(CROWD[: AUTHORS_HELD_MAX + 5], 0)
    stand.close(0)
    stand.speak(1)
    waiting_before = stand.desk.pace.waiting_for()
    stand.hear(CROWD[: AUTHORS_HELD_MAX + 5], 1)

    assert len(waiting_before) == AUTHORS_HELD_MAX + 5
    assert len(stand.held(1)) == AUTHORS_HELD_MAX
    assert stand.desk.pace.waiting_for() == ()


def test_among_strangers_who_comes_first_stays_and_all_are_forwarded(stand: Stand) -> None:
    decisions = stand.hear(CROWD[: AUTHORS_HELD_MAX + 1], 0)

    assert set(decisions) == {Decision.ACCEPT}
    assert stand.held(0) == {key.peer_id for key in CROWD[:AUTHORS_HELD_MAX]}


def test_a_stranger_finds_a_place_where_one_is_left(stand: Stand) -> None:
    stand.hear(CROWD[: AUTHORS_HELD_MAX - 1], 0)
    stand.hear(stand.keys[1:2], 0)

    assert stand.keys[1].peer_id in stand.held(0)


def test_places_go_to_the_operators_friends_then_to_records_then_to_whoever_was_heard(
    stand: Stand, ledger: Ledger, trusted: set[PeerId]
) -> None:
    """A crowd that was heard before, and refused, does not keep its places by being there."""
    friend, clean, heard, new = (key.peer_id for key in stand.keys[1:])
    trusted.add(friend)
    stand.hear(CROWD[:AUTHORS_HELD_MAX], 0)
    stand.hear(stand.keys[3:4], 0)
    ledger.record_findings(
        0,
        [found(key.peer_id, "refuse") for key in CROWD[:AUTHORS_HELD_MAX]]
        + [found(clean, "accept")],
    )
    stand.close(0)
    stand.hear(CROWD[:AUTHORS_HELD_MAX], 1)
    for number, key in enumerate(stand.keys[1:]):
        stand.hear([key], 1)
        assert key.peer_id in stand.held(1), number

    assert stand.held(1) >= {friend, clean, heard, new}
    assert len(stand.held(1)) == AUTHORS_HELD_MAX


def test_a_place_once_taken_by_a_known_author_is_not_lost_to_a_crowd(
    stand: Stand, ledger: Ledger
) -> None:
    ledger.record_findings(0, [found(stand.keys[1].peer_id, "accept")])
    stand.close(0)
    stand.hear(stand.keys[1:2], 1)
    stand.hear(CROWD[:AUTHORS_MAX], 1)

    assert stand.keys[1].peer_id in stand.held(1)
    assert len(stand.held(1)) == AUTHORS_HELD_MAX


def test_where_all_seats_are_taken_this_node_and_its_friends_take_one_and_strangers_do_not(
    stand: Stand, trusted: set[PeerId]
) -> None:
    trusted.add(stand.keys[1].peer_id)
    stand.hear(CROWD[:AUTHORS_MAX], 0, 0)
    stand.speak(0)
    friend = stand.hear(stand.keys[1:2], 0)
    stranger = stand.hear(stand.keys[2:3], 0)

    assert (friend, stranger) == ([Decision.ACCEPT] * 2, [Decision.IGNORE] * 2)
    assert stand.held(0) >= {stand.me, stand.keys[1].peer_id}
    assert stand.me not in stand.desk.pace.waiting_for()
    assert len(stand.desk.gate._admission._seats) == AUTHORS_MAX
    assert len(stand.desk.pace.members()) == AUTHORS_MAX - 1


def test_what_will_not_be_used_is_not_written_down(stand: Stand, ledger: Ledger) -> None:
    stand.hear(CROWD[:AUTHORS_MAX], 0)

    recorded = [one.raw for one in ledger.envelopes(0)]
    assert recorded == [
        stand.sealed(key, 0, at) for key in CROWD[:AUTHORS_HELD_MAX] for at in (0, 1)
    ]
    assert stand.desk.gate.recorded(0) == stand.desk.mailbox.take(0)


def test_names_that_are_cast_out_one_after_another_fill_no_more_of_the_disk(
    stand: Stand, ledger: Ledger
) -> None:
    for key in CROWD[: 2 * AUTHORS_HELD_MAX]:
        stand.hear([key], 0, 0)
        stand.desk.gate.validate(stand.sealed(key, 0, 0, word=9), stand.keys[1].peer_id)

    assert len(ledger.envelopes(0)) == AUTHORS_HELD_MAX
    assert stand.held(0) == frozenset()
    stand.speak(0)
    assert stand.held(0) == {stand.me}


def test_after_a_restart_the_same_authors_have_their_places(
    stand: Stand, ledger: Ledger, parameters: Parameters, keys: list[Keypair]
) -> None:
    stand.hear(keys[1:2], 0)
    stand.close(0)
    stand.hear(CROWD[:AUTHORS_HELD_MAX], 1)
    stand.speak(1)
    stand.hear(keys[1:2], 1)
    held = stand.desk.mailbox.take(1)

    again = open_desk(
        keys[0],
        parameters,
        RoundSettings(),
        ledger=ledger,
        tell=lambda _name, _fields: None,
        open_round=1,
    )
    again.gate.recall(1)

    assert again.mailbox.take(1) == held
    assert again.gate.close_round(1) == held == again.gate.recorded(1)


def test_a_conviction_holds_however_many_there_are_and_is_told_once(
    stand: Stand, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go, from admission and ledger alike."""
    monkeypatch.setattr("protocol.admission.OUTCASTS_MAX", 2)
    monkeypatch.setattr("node.ledger.ledger.OUTCASTS_MAX", 2)
    gate, forwarder = stand.desk.gate, stand.keys[1].peer_id
    for key in CROWD[:4]:
        stand.hear([key], 0, 0)
        gate.validate(stand.sealed(key, 0, 0, word=9), forwarder)
    *_, proof = gate.proofs()

    assert stand.hear(CROWD[2:4], 0, 1) == [Decision.IGNORE] * 2
    assert [gate.validate(proof, forwarder) for _ in range(3)] == [Decision.IGNORE] * 3
    assert gate._admission.outcasts == {key.peer_id for key in CROWD[2:4]}
    assert set(ledger.outcasts()) == gate._admission.outcasts


def test_a_banned_author_of_whom_nothing_waits_is_not_waited_for(
    stand: Stand, banned: set[PeerId]
) -> None:
    stand.hear(stand.keys[1:3], 0)
    stand.close(0)
    stand.speak(1)
    stand.hear(stand.keys[2:3], 1)
    before = stand.desk.pace.waiting_for()
    banned.add(stand.keys[1].peer_id)
    stand.desk.gate.heed()

    assert before == (stand.keys[1].peer_id,)
    assert stand.desk.pace.waiting_for() == ()
    assert stand.held(1) == {stand.me, stand.keys[2].peer_id}


def test_what_waits_of_an_author_goes_when_the_operator_bans_it(
    stand: Stand, banned: set[PeerId]
) -> None:
    stand.speak(0)
    stand.hear(stand.keys[1:3], 0)
    banned.add(stand.keys[1].peer_id)
    stand.desk.gate.heed()

    closed = stand.desk.gate.close_round(0)
    assert {one.author for one in closed} == {stand.me, stand.keys[2].peer_id}
    assert stand.desk.gate.recorded(0) == closed
