"""The gate keeps what is admitted, counts what is not, and blames nobody for being late."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.faults import DiskFault, IdentityFault
from node.gate import Gate
from node.ledger import Ledger
from node.mailbox import Mailbox
from node.mesh import Decision
from node.precedence import Precedence
from protocol.admission import Admission
from protocol.contribution import Contribution
from protocol.envelope import seal
from protocol.errors import Ignored
from protocol.evidence import is_evidence
from protocol.identity import Keypair, PeerId
from protocol.pace import Ending, Jump, Over, Pace, Waiting
from protocol.parameters import Parameters
from protocol.schedule import Schedule

Sealed = Callable[..., bytes]
Told = list[tuple[str, dict[str, object]]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def gate(
    parameters: Parameters, schedule: Schedule, keys: list[Keypair], tmp_path: Path, told: Told
) -> Iterator[Gate]:
    pace = Pace(keys[0].peer_id, contributions_per_author=2, round_s_max=10.0)
    pace.begin(5, 0.0)
    ledger = Ledger(tmp_path / "ledger.db")
    yield Gate(
        parameters=parameters,
        schedule=schedule,
        pace=pace,
        mailbox=Mailbox(authors_max=100),
        ledger=ledger,
        precedence=Precedence(keys[0].peer_id, ledger.records),
        tell=lambda name, fields: told.append((name, dict(fields))),
        open_round=5,
    )
    ledger.close()


def test_a_valid_message_is_forwarded_held_and_recorded(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    raw = sealed(keys[1], 5)

    decision = gate.validate(raw, keys[2].peer_id)

    assert decision is Decision.ACCEPT
    assert [one.author for one in gate._mailbox.take(5)] == [keys[1].peer_id]
    assert [one.raw for one in gate._ledger.envelopes(5)] == [raw]
    assert (gate.delivered, gate.admitted) == (1, 1)


def test_a_tampered_message_is_rejected_counted_and_told(
    gate: Gate, sealed: Sealed, keys: list[Keypair], told: Told
) -> None:
    raw = bytearray(sealed(keys[1], 5))
    raw[-1] ^= 1

    decision = gate.validate(bytes(raw), keys[2].peer_id)

    assert decision is Decision.REJECT
    assert gate.counts() == {"bad_signature": 1}
    assert gate._mailbox.take(5) == ()
    ((name, fields),) = told
    assert name == "message_refused"
    assert fields["reason"] == "bad_signature"
    assert fields["forwarder"] == str(keys[2].peer_id)


def test_a_late_message_is_forwarded_and_not_used(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    decision = gate.validate(sealed(keys[1], 4), keys[2].peer_id)

    assert decision is Decision.ACCEPT
    assert gate._mailbox.take(4) == ()
    assert gate._ledger.envelopes(4) == ()
    assert (gate.delivered, gate.admitted) == (1, 0)


def test_a_message_two_rounds_ahead_is_held_for_its_round(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    decision = gate.validate(sealed(keys[1], 7), keys[2].peer_id)

    assert decision is Decision.ACCEPT
    assert len(gate._mailbox.take(7)) == 1


@pytest.mark.parametrize("place", [6, 8])
def test_what_comes_while_a_round_is_trained_on_is_held_and_waited_for_no_more(
    gate: Gate, sealed: Sealed, keys: list[Keypair], place: int
) -> None:
    """The gate is a round further then; what it takes, the pace must know of."""
    author, pace = keys[1].peer_id, gate._pace
    gate.close_round(5)
    for prompt in (0, 1):
        gate.validate(sealed(keys[1], place, prompt), keys[2].peer_id)
    for round_index in range(6, place + 1):
        pace.begin(round_index, 0.0)

    assert len(gate._mailbox.take(place)) == 2
    assert pace.members() == (author,)
    assert pace.complete() == (author,)


def test_messages_far_ahead_are_ignored_and_still_move_the_pace(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    decisions = [gate.validate(sealed(key, 50), keys[4].peer_id) for key in keys[1:3]]

    assert decisions == [Decision.IGNORE, Decision.IGNORE]
    assert gate._pace.state(1.0) == Jump(50)


def alone_far_ahead(gate: Gate, me: PeerId) -> Pace:
    """Be done with a round that nobody else is near."""
    gate.open(40)
    gate._pace.begin(40, 0.0)
    for _ in range(2):
        gate._pace.contributed(me, 40)
    return gate._pace


def test_messages_long_past_are_ignored_and_their_authors_waited_for_where_they_are_the_many(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    """Whoever was cut off, and is faster, hears the others far behind it when it is back."""
    pace = alone_far_ahead(gate, keys[0].peer_id)

    decision = gate.validate(sealed(keys[1], 30), keys[1].peer_id)

    assert decision is Decision.IGNORE
    assert pace.state(1.0) == Waiting()
    assert pace.state(10.0) == Over(Ending.DEADLINE)


def test_whom_the_operator_bans_far_behind_is_waited_for_no_more(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    pace, banned = alone_far_ahead(gate, keys[0].peer_id), set[PeerId]()
    gate._is_welcome = lambda author: author not in banned
    gate.validate(sealed(keys[1], 30), keys[1].peer_id)

    banned.add(keys[1].peer_id)
    gate.heed()

    assert pace.coming() == ()
    assert pace.state(1.0) == Over(Ending.COMPLETE)


def test_what_others_say_again_of_rounds_long_past_makes_nobody_wait(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    pace = alone_far_ahead(gate, keys[0].peer_id)

    for number in range(20, 35):
        gate.validate(sealed(keys[1], number), keys[4].peer_id)

    assert pace.state(1.0) == Over(Ending.COMPLETE)


def test_a_copy_is_ignored_and_costs_nobody(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    gate.validate(sealed(keys[1], 5), keys[2].peer_id)

    decision = gate.validate(sealed(keys[1], 5), keys[3].peer_id)

    assert decision is Decision.IGNORE
    assert gate.counts() == {"duplicate": 1}


def test_what_arrives_after_a_round_was_closed_is_late(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    gate.validate(sealed(keys[1], 5), keys[2].peer_id)

    closed = gate.close_round(5)
    gate.validate(sealed(keys[3], 5), keys[2].peer_id)

    assert [one.author for one in closed] == [keys[1].peer_id]
    assert gate.recorded(5) == closed


def test_a_closed_round_is_read_back_as_it_was_trained(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    for key in keys[1:]:
        for at in (1, 0):
            gate.validate(sealed(key, 5, at), key.peer_id)

    closed = gate.close_round(5)

    assert len(closed) == 8
    assert gate.recorded(5) == closed


def test_own_messages_are_on_disk_before_they_are_published_and_are_recalled(
    gate: Gate,
    contribute: Callable[..., Contribution],
    parameters: Parameters,
    keys: list[Keypair],
) -> None:
    """A restarted node says the same again instead of sampling anew."""
    own = [contribute(keys[0], 5, at) for at in (0, 1)]
    raws = [raw for one in own for raw in seal(one, keys[0], parameters)]

    gate.admit_own(own, raws)

    assert list(gate.recall(5)) == raws
    assert gate._pace.complete() == (keys[0].peer_id,)
    assert gate.delivered == 0


def fill(ledger: Ledger) -> None:
    """Let SQLite find its disk full, as a real one would be: it may not take another page."""
    ledger._file.execute("PRAGMA max_page_count = 1")
    with contextlib.suppress(DiskFault):
        for number in range(1000):
            ledger.record(0, b"takes what room is left" + number.to_bytes(2, "big"))
    with contextlib.suppress(DiskFault):
        for number in range(1000):
            ledger.record_outcast(PeerId(number.to_bytes(32, "big")), 0, b"takes the rest")


def make_room(ledger: Ledger) -> None:
    ledger._file.execute("PRAGMA max_page_count = 1000000")


def test_on_a_full_disk_peers_messages_are_forwarded_and_nothing_is_closed_without_them(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    fill(gate._ledger)
    raws = [sealed(key, 5) for key in keys[1:]]
    decisions = [gate.validate(raw, keys[0].peer_id) for raw in raws]

    assert set(decisions) == {Decision.ACCEPT}
    with pytest.raises(DiskFault, match=r"ledger\.db"):
        gate.close_round(5)
    assert gate.open_round == 5

    make_room(gate._ledger)
    closed = gate.close_round(5)
    assert {one.author for one in closed} == {key.peer_id for key in keys[1:]}
    assert gate.recorded(5) == closed
    assert [one.raw for one in gate._ledger.envelopes(5)] == raws


def test_what_the_disk_refuses_is_held_up_to_a_bound(
    gate: Gate, sealed: Sealed, keys: list[Keypair], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond it messages are forwarded, but a round is never trained on what is not written."""
    monkeypatch.setattr("node.gate.UNWRITTEN_BYTES_MAX", len(sealed(keys[1], 5)))
    fill(gate._ledger)
    for key in keys[1:3]:
        assert gate.validate(sealed(key, 5), keys[0].peer_id) is Decision.ACCEPT

    make_room(gate._ledger)
    assert [one.author for one in gate.close_round(5)] == [keys[1].peer_id]


def two_faced(sealed: Sealed, key: Keypair) -> tuple[bytes, bytes]:
    """Two validly signed answers to one prompt."""
    return sealed(key, 5), sealed(key, 5, word=9)


def test_who_signs_two_answers_is_out_and_the_proof_is_told_once(
    gate: Gate, sealed: Sealed, keys: list[Keypair], told: Told
) -> None:
    first, second = two_faced(sealed, keys[1])
    decisions = [gate.validate(raw, keys[2].peer_id) for raw in (first, second, first)]

    assert decisions == [Decision.ACCEPT, Decision.IGNORE, Decision.IGNORE]
    (proof,) = gate.proofs()
    assert gate.proofs() == ()
    assert is_evidence(proof)
    assert gate.close_round(5) == ()
    assert gate.recorded(5) == ()
    assert [name for name, _ in told].count("author_cast_out") == 1


def test_evidence_from_another_convicts_here_too_and_survives_a_restart(
    gate: Gate, sealed: Sealed, keys: list[Keypair], parameters: Parameters, schedule: Schedule
) -> None:
    raws = two_faced(sealed, keys[1])
    witness = Admission(parameters, schedule)
    witness.admit(raws[0], round_index=5)
    with pytest.raises(Ignored) as caught:
        witness.admit(raws[1], round_index=5)
    assert caught.value.evidence is not None
    gate.validate(raws[0], keys[2].peer_id)

    assert gate.validate(caught.value.evidence, keys[2].peer_id) is Decision.ACCEPT
    assert gate.validate(caught.value.evidence, keys[2].peer_id) is Decision.IGNORE
    assert gate.close_round(5) == ()
    assert gate._ledger.outcasts() == {keys[1].peer_id: 5}


def test_forged_evidence_is_rejected_and_convicts_nobody(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    gate.validate(sealed(keys[1], 5), keys[2].peer_id)
    gate.validate(two_faced(sealed, keys[1])[1], keys[2].peer_id)
    (proof,) = gate.proofs()
    forged = proof[:-1] + bytes([proof[-1] ^ 1])
    fresh = Gate(
        parameters=gate._parameters,
        schedule=gate._schedule,
        pace=gate._pace,
        mailbox=Mailbox(authors_max=100),
        ledger=gate._ledger,
        precedence=gate._precedence,
        tell=lambda _name, _fields: None,
        open_round=5,
    )
    fresh._admission = Admission(gate._parameters, gate._schedule)

    assert fresh.validate(forged, keys[2].peer_id) is Decision.REJECT
    assert fresh._admission.outcasts == frozenset()
    assert fresh.validate(proof, keys[2].peer_id) is Decision.ACCEPT


def test_a_node_whose_own_key_equivocated_ends_with_the_way_out(
    gate: Gate, sealed: Sealed, keys: list[Keypair], contribute: Callable[..., Contribution]
) -> None:
    """As after a copied data directory: two nodes have signed with one key."""
    for raw in two_faced(sealed, keys[1]):
        gate.validate(raw, keys[2].peer_id)
    own = contribute(keys[1], 5, at=1)

    with pytest.raises(IdentityFault, match="two answers"):
        gate.admit_own([own], [sealed(keys[1], 5, at=1)])


def test_whom_the_operator_does_not_welcome_is_not_taken_and_its_forwarder_not_blamed(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    gate._admission._is_welcome = lambda author: author != keys[1].peer_id

    decisions = [gate.validate(sealed(key, 5), keys[0].peer_id) for key in keys[1:3]]

    assert decisions == [Decision.IGNORE, Decision.ACCEPT]
    assert gate.counts() == {"banned": 1}
    assert [one.author for one in gate.close_round(5)] == [keys[2].peer_id]


def again(gate: Gate) -> Gate:
    """The gate of the same node after a restart."""
    return Gate(
        parameters=gate._parameters,
        schedule=gate._schedule,
        pace=gate._pace,
        mailbox=Mailbox(authors_max=100),
        ledger=gate._ledger,
        precedence=gate._precedence,
        tell=lambda _name, _fields: None,
        open_round=gate.open_round,
    )


def test_who_contradicts_after_a_restart_what_it_said_before_is_out(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    first, second = two_faced(sealed, keys[1])
    gate.validate(first, keys[2].peer_id)
    restarted = again(gate)
    restarted.recall(5)

    assert restarted.validate(second, keys[2].peer_id) is Decision.IGNORE
    assert restarted.close_round(5) == restarted.recorded(5) == ()


def test_two_answers_in_a_ledger_can_be_recalled_and_read(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    """As a node left them that took the second one before it recalled the first."""
    for raw in two_faced(sealed, keys[1]):
        gate._ledger.record(5, raw)
    gate.recall(5)

    assert gate.close_round(5) == gate.recorded(5) == ()


def test_a_closed_round_is_what_it_was_closed_with_whatever_is_recorded_later(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    gate.validate(sealed(keys[1], 5), keys[0].peer_id)
    closed = gate.close_round(5)
    gate._ledger.record(5, sealed(keys[2], 5))

    assert gate.recorded(5) == closed
    assert len(closed) == 1


def test_what_found_no_room_is_no_part_of_its_round(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    gate._mailbox = Mailbox(authors_max=1)
    for key in keys[1:4]:
        gate.validate(sealed(key, 5), keys[0].peer_id)
    closed = gate.close_round(5)

    assert len(closed) == 1
    assert gate.recorded(5) == closed


def test_a_conviction_that_the_disk_refuses_is_written_before_the_round_is_closed(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    first, second = two_faced(sealed, keys[1])
    gate.validate(first, keys[2].peer_id)
    fill(gate._ledger)
    gate.validate(second, keys[2].peer_id)
    written = gate._ledger.outcasts()
    make_room(gate._ledger)
    gate.close_round(5)

    assert keys[1].peer_id not in written
    assert gate._ledger.outcasts()[keys[1].peer_id] == 5


def test_an_author_that_is_out_is_not_waited_for(
    gate: Gate, sealed: Sealed, keys: list[Keypair]
) -> None:
    for raw in two_faced(sealed, keys[1]):
        gate.validate(raw, keys[2].peer_id)

    assert keys[1].peer_id not in gate._pace.waiting_for()


def test_own_bytes_that_a_peer_brings_back_first_are_held_all_the_same(
    gate: Gate, sealed: Sealed, keys: list[Keypair], contribute: Callable[..., Contribution]
) -> None:
    """As after a lost ledger, when the swarm still knows what this node said."""
    raw = sealed(keys[0], 5)
    gate.validate(raw, keys[2].peer_id)
    gate.admit_own([contribute(keys[0], 5)], [raw])

    assert [one.author for one in gate.close_round(5)] == [keys[0].peer_id]
