from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from protocol.admission import Admission, giving_way
from protocol.constants import AUTHORS_MAX
from protocol.contribution import Completion
from protocol.envelope import open_part
from protocol.errors import Ignored, Reason, Refused, Rejected
from protocol.identity import PeerId

if TYPE_CHECKING:
    from conftest import SmallSwarm


def refusal(
    admission: Admission, data: bytes, round_index: int = 0, *, forwarder: PeerId | None = None
) -> Refused:
    with pytest.raises(Refused) as raised:
        admission.admit(data, round_index=round_index, forwarder=forwarder)
    return raised.value


def reason(admission: Admission, data: bytes, round_index: int = 0) -> Reason:
    return refusal(admission, data, round_index).reason


# --- what passes --------------------------------------------------------------------------


def test_an_honest_message_is_admitted_with_its_contribution(swarm: "SmallSwarm") -> None:
    admitted = swarm.admission().admit(swarm.messages(3)[0], round_index=0)

    assert admitted.contribution == swarm.contribution(3)
    assert (admitted.author, admitted.round_index) == (swarm.keypair(3).peer_id, 0)
    assert admitted.prompt_index == swarm.contribution(3).prompt_index
    assert not admitted.late


def test_a_whole_honest_round_is_admitted(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()

    for number in range(6):
        for place in range(2):
            message = swarm.messages(number, 4, place, salt=place)[0]
            assert admission.admit(message, round_index=4).contribution is not None


def test_text_and_horizontal_swarms_admit_theirs(
    swarm: "SmallSwarm", text_swarm: "SmallSwarm"
) -> None:
    for kind in (text_swarm, swarm.with_(mode="horizontal")):
        assert kind.admission().admit(kind.messages()[0], round_index=0).contribution


# --- size, kinship, form ------------------------------------------------------------------


def test_an_empty_or_oversized_message_is_rejected(swarm: "SmallSwarm") -> None:
    assert reason(swarm.admission(), b"") is Reason.BAD_SIZE
    assert reason(swarm.admission(), bytes(48 * 1024 + 1)) is Reason.BAD_SIZE


def test_messages_of_another_version_or_swarm_cost_nobody(swarm: "SmallSwarm") -> None:
    other = swarm.with_(temperature=0.9).messages()[0]
    message = swarm.messages()[0]

    assert reason(swarm.admission(), other) is Reason.OTHER_SWARM
    assert reason(swarm.admission(), message[:1] + b"\x02" + message[2:]) is Reason.OTHER_VERSION


def test_malformed_and_uncanonical_messages_are_rejected(swarm: "SmallSwarm") -> None:
    message = swarm.messages()[0]

    assert reason(swarm.admission(), message[:-1]) is Reason.MALFORMED
    assert reason(swarm.admission(), b"\xdc\x00\x0a" + message[1:]) is Reason.NOT_CANONICAL


def test_a_part_that_no_honest_cut_makes_is_rejected(swarm: "SmallSwarm") -> None:
    message = swarm.resealed(swarm.messages()[0], part_count=2)

    assert reason(swarm.admission(), message) is Reason.BAD_PART


# --- the window ---------------------------------------------------------------------------


@pytest.mark.parametrize(("round_index", "late"), [(8, True), (9, True), (10, False), (12, False)])
def test_rounds_within_two_of_ours_are_admitted(
    swarm: "SmallSwarm", round_index: int, *, late: bool
) -> None:
    admitted = swarm.admission().admit(swarm.messages(0, round_index)[0], round_index=10)

    assert admitted.contribution == swarm.contribution(0, round_index)
    assert admitted.late is late


def test_a_round_long_over_is_ignored(swarm: "SmallSwarm") -> None:
    refused = refusal(swarm.admission(), swarm.messages(0, 7)[0], round_index=10)

    assert refused.reason is Reason.ROUND_PAST
    assert isinstance(refused, Ignored)


def test_a_round_long_over_is_taken_for_a_sign_of_life_once(swarm: "SmallSwarm") -> None:
    """Who comes after must be heard by whom it follows; what was said once can be said again."""
    admission, author = swarm.admission(), swarm.keypair(0).peer_id

    signs = [
        refusal(admission, swarm.messages(0, number)[0], round_index=10, forwarder=author)
        for number in (5, 5, 4, 6)
    ]

    assert {refused.reason for refused in signs} == {Reason.ROUND_PAST}
    assert [(refused.author, refused.round_index) for refused in signs] == [
        (author, 5),
        (None, None),
        (None, None),
        (author, 6),
    ]


def test_a_round_long_over_without_a_signature_proves_nothing(swarm: "SmallSwarm") -> None:
    part = replace(open_part(swarm.messages()[0], swarm.parameters), round_index=3)

    refused = refusal(
        swarm.admission(), part.to_bytes(), round_index=10, forwarder=swarm.keypair(0).peer_id
    )

    assert refused.reason is Reason.BAD_SIGNATURE
    assert refused.author is None


def test_a_round_long_over_told_by_others_is_no_sign_of_its_author(swarm: "SmallSwarm") -> None:
    """Whoever was there can say again what was said, and its author may be gone for good."""
    message = swarm.messages(0, 5)[0]

    for teller in (None, swarm.keypair(1).peer_id):
        refused = refusal(swarm.admission(), message, round_index=10, forwarder=teller)
        assert refused.reason is Reason.ROUND_PAST
        assert refused.author is None


def test_a_round_far_ahead_is_ignored_but_proves_where_its_author_is(swarm: "SmallSwarm") -> None:
    refused = refusal(swarm.admission(), swarm.messages(0, 13)[0], round_index=10)

    assert refused.reason is Reason.ROUND_AHEAD
    assert (refused.author, refused.round_index) == (swarm.keypair(0).peer_id, 13)


def test_a_round_far_ahead_without_a_signature_proves_nothing(swarm: "SmallSwarm") -> None:
    part = replace(open_part(swarm.messages()[0], swarm.parameters), round_index=10**12)

    refused = refusal(swarm.admission(), part.to_bytes(), round_index=10)

    assert refused.reason is Reason.BAD_SIGNATURE
    assert refused.author is None


def test_how_far_an_author_is_ahead_is_proven_once_a_round(swarm: "SmallSwarm") -> None:
    """So that a flood of claims costs a signature check for each new round only."""
    admission = swarm.admission()

    assert reason(admission, swarm.messages(0, 13)[0], 10) is Reason.ROUND_AHEAD
    assert reason(admission, swarm.messages(0, 13, 1)[0], 10) is Reason.AHEAD_KNOWN
    assert reason(admission, swarm.messages(0, 14)[0], 10) is Reason.ROUND_AHEAD
    assert reason(admission, swarm.messages(0, 14)[0], 11) is Reason.ROUND_AHEAD


def test_a_claim_of_the_last_round_there_is_costs_no_walk_of_the_beacon(
    swarm: "SmallSwarm",
) -> None:
    message = swarm.resealed(swarm.messages()[0], round_index=2**53 - 1)

    assert reason(swarm.admission(), message) is Reason.ROUND_AHEAD


def test_a_message_held_ahead_is_admitted_once_its_round_is_near(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    message = swarm.messages(0, 13)[0]

    assert reason(admission, message, 10) is Reason.ROUND_AHEAD
    assert admission.admit(message, round_index=11).contribution


def test_rounds_do_not_go_back(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    admission.advance(5)

    with pytest.raises(ValueError, match="round 4 after round 5"):
        admission.admit(swarm.messages()[0], round_index=4)


# --- whose it is --------------------------------------------------------------------------


def test_anothers_prompt_is_rejected(swarm: "SmallSwarm") -> None:
    """An author cannot choose what is easy, or what is easy to poison."""
    anothers = swarm.contribution(1).prompt_index
    message = swarm.resealed(swarm.messages(0)[0], prompt_index=anothers)

    refused = refusal(swarm.admission(), message)

    assert refused.reason is Reason.FOREIGN_PROMPT
    assert isinstance(refused, Rejected)


def test_a_prompt_of_another_round_is_rejected(swarm: "SmallSwarm") -> None:
    message = swarm.resealed(swarm.messages(0, 1)[0], round_index=2)

    assert reason(swarm.admission(), message) is Reason.FOREIGN_PROMPT


def test_free_choice_is_any_prompt_of_the_task_within_the_quota(swarm: "SmallSwarm") -> None:
    """Over the quota is no blame: the forwarder may have admitted other ones than we did."""
    free = swarm.with_(prompt_choice="free")
    admission, keypair = free.admission(), free.keypair()
    messages = [
        free.resealed(free.messages()[0], prompt_index=prompt, digest=named.digest())
        for prompt in (999, 0, 5, 1000)
        for named in [replace(free.contribution(), prompt_index=prompt)]
    ]

    assert admission.admit(messages[0], round_index=0).author == keypair.peer_id
    assert admission.admit(messages[1], round_index=0).prompt_index == 0
    assert reason(admission, messages[2]) is Reason.OVER_QUOTA
    assert isinstance(refusal(admission, messages[2]), Ignored)
    assert reason(admission, messages[3]) is Reason.FOREIGN_PROMPT


def test_a_message_that_its_author_did_not_sign_is_rejected(swarm: "SmallSwarm") -> None:
    forged = swarm.resealed(swarm.messages(0)[0], number=1)

    refused = refusal(swarm.admission(), forged)

    assert refused.reason is Reason.BAD_SIGNATURE
    assert refused.author is None


def test_a_forgery_leaves_no_trace(swarm: "SmallSwarm") -> None:
    """Else anybody could fill another's slot, or seat strangers."""
    admission = swarm.admission()
    reason(admission, swarm.resealed(swarm.messages(0, salt=9)[0], number=1))

    assert admission.admit(swarm.messages(0)[0], round_index=0).contribution
    assert len(admission._seats) == 1


# --- content ------------------------------------------------------------------------------


def test_content_that_breaks_a_rule_is_rejected_and_its_author_named(swarm: "SmallSwarm") -> None:
    plain = swarm.contribution()
    short = replace(plain, completions=plain.completions[:1])
    cut = replace(plain, completions=(plain.completions[0], Completion(tokens=(5,), ended=False)))
    outside = replace(plain, completions=(Completion(tokens=(512, 1), ended=True),) * 2)

    for broken, expected in (
        (short, Reason.INCOMPLETE),
        (cut, Reason.BAD_ENDING),
        (outside, Reason.BAD_TOKEN),
    ):
        message = swarm.resealed(
            swarm.messages()[0], payload=broken.payload(), digest=broken.digest()
        )
        refused = refusal(swarm.admission(), message)
        assert refused.reason is expected
        assert (refused.author, refused.round_index) == (plain.author, 0)


def test_a_payload_under_anothers_digest_is_rejected(swarm: "SmallSwarm") -> None:
    message = swarm.resealed(swarm.messages()[0], digest=bytes(32))

    assert reason(swarm.admission(), message) is Reason.BAD_DIGEST


def test_a_payload_that_does_not_decode_is_rejected(swarm: "SmallSwarm") -> None:
    from protocol.contribution import contribution_digest

    plain = swarm.contribution()
    digest = contribution_digest(plain.author, 0, plain.prompt_index, b"\xc1")
    message = swarm.resealed(swarm.messages()[0], payload=b"\xc1", digest=digest)

    assert reason(swarm.admission(), message) is Reason.BAD_PAYLOAD


def test_what_was_rejected_does_not_take_the_slot(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    reason(admission, swarm.resealed(swarm.messages()[0], digest=bytes(32)))

    assert admission.admit(swarm.messages()[0], round_index=0).contribution


# --- first come ---------------------------------------------------------------------------


def test_the_same_bytes_are_a_duplicate(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    admission.admit(swarm.messages()[0], round_index=0)

    refused = refusal(admission, swarm.messages()[0])

    assert refused.reason is Reason.DUPLICATE
    assert isinstance(refused, Ignored)


def test_a_tampered_copy_is_rejected_though_the_slot_is_taken(swarm: "SmallSwarm") -> None:
    """Only identical bytes are excused before the signature is checked."""
    admission = swarm.admission()
    message = swarm.messages()[0]
    admission.admit(message, round_index=0)

    assert reason(admission, message[:-1] + bytes([message[-1] ^ 1])) is Reason.BAD_SIGNATURE


def test_a_second_answer_of_ones_own_is_ignored_and_its_author_named(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    admission.admit(swarm.messages()[0], round_index=0)

    refused = refusal(admission, swarm.messages(salt=1)[0])

    assert refused.reason is Reason.EQUIVOCATION
    assert refused.author == swarm.keypair().peer_id
    assert refused.evidence is not None
    assert isinstance(refused, Ignored)


def test_who_has_equivocated_is_not_heard_any_more(swarm: "SmallSwarm") -> None:
    """Not in any round, and before its signature is looked at; others are."""
    admission = swarm.admission()
    admission.admit(swarm.messages()[0], round_index=0)
    assert reason(admission, swarm.messages(salt=1)[0]) is Reason.EQUIVOCATION

    refused = refusal(admission, swarm.messages(0, 1)[0])

    assert refused.reason is Reason.OUTCAST
    assert refused.author is refused.evidence is None
    assert isinstance(refused, Ignored)
    assert reason(admission, swarm.messages(0, 50)[0], 50) is Reason.OUTCAST
    assert admission.outcasts == {swarm.keypair(0).peer_id}
    assert admission.admit(swarm.messages(1, 50)[0], round_index=50).contribution


def test_who_was_out_before_a_restart_is_out_after_it(swarm: "SmallSwarm") -> None:
    admission = Admission(swarm.parameters, swarm.schedule, outcasts=[swarm.keypair(0).peer_id])

    assert reason(admission, swarm.messages(0)[0]) is Reason.OUTCAST
    assert admission.admit(swarm.messages(1)[0], round_index=0).contribution


def test_whom_the_operator_does_not_listen_to_is_ignored_before_a_signature_is_checked(
    swarm: "SmallSwarm",
) -> None:
    """A ban costs its author nothing among others, and this node nothing for its messages."""
    banned = swarm.keypair(0).peer_id
    admission = Admission(
        swarm.parameters, swarm.schedule, is_welcome=lambda author: author != banned
    )
    message = swarm.messages(0)[0]
    forged = message[:-1] + bytes([message[-1] ^ 1])

    assert reason(admission, message) is Reason.BANNED
    assert isinstance(refusal(admission, forged), Ignored)
    assert admission.admit(swarm.messages(1)[0], round_index=0).contribution


@pytest.mark.parametrize("later", [1, 2, 3, 4])
def test_a_slot_stays_taken_until_its_round_leaves_the_window(
    swarm: "SmallSwarm", later: int
) -> None:
    admission = swarm.admission()
    message = swarm.messages(0, 2)[0]
    admission.admit(message, round_index=0)

    assert reason(admission, message, later) is Reason.DUPLICATE
    assert reason(admission, swarm.messages(0, 2, salt=1)[0], later) is Reason.EQUIVOCATION
    assert reason(admission, message, 5) is Reason.ROUND_PAST


# --- parts --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_parts_make_a_whole_in_any_order(
    parts_swarm: "SmallSwarm", order: tuple[int, int, int]
) -> None:
    admission, messages = parts_swarm.admission(), parts_swarm.messages()

    admitted = [admission.admit(messages[index], round_index=0) for index in order]

    assert [one.contribution for one in admitted] == [None, None, parts_swarm.contribution()]
    assembly = admission._rounds[0].assembly
    assert assembly.pending_bytes == 0
    assert [slot.chunks for one in assembly._slots.values() for slot in one.values()] == [{}]


def test_parts_are_duplicates_before_and_after_the_whole(parts_swarm: "SmallSwarm") -> None:
    admission, messages = parts_swarm.admission(), parts_swarm.messages()
    admission.admit(messages[0], round_index=0)

    assert reason(admission, messages[0]) is Reason.DUPLICATE
    admission.admit(messages[1], round_index=0)
    admission.admit(messages[2], round_index=0)
    assert {reason(admission, message) for message in messages} == {Reason.DUPLICATE}


def test_the_first_part_binds_the_slot_to_its_contribution(parts_swarm: "SmallSwarm") -> None:
    admission = parts_swarm.admission()
    admission.admit(parts_swarm.messages()[0], round_index=0)

    assert reason(admission, parts_swarm.messages(salt=1)[1]) is Reason.EQUIVOCATION


def test_a_second_form_of_one_part_is_equivocation(parts_swarm: "SmallSwarm") -> None:
    admission, message = parts_swarm.admission(), parts_swarm.messages()[0]
    admission.admit(message, round_index=0)

    twin = parts_swarm.resealed(message, payload=bytes(831))

    assert reason(admission, twin) is Reason.EQUIVOCATION


def test_parts_that_make_no_valid_whole_blame_no_forwarder(parts_swarm: "SmallSwarm") -> None:
    """Forwarders of the other parts saw nothing wrong, and each part has one of its own."""
    admission, messages = parts_swarm.admission(), list(parts_swarm.messages())
    messages[1] = parts_swarm.resealed(messages[1], payload=bytes(831))
    admission.admit(messages[0], round_index=0)
    admission.admit(messages[2], round_index=0)

    refused = refusal(admission, messages[1])

    assert refused.reason is Reason.BROKEN_WHOLE
    assert isinstance(refused, Ignored)
    assert refused.author == parts_swarm.keypair().peer_id
    assert admission._rounds[0].assembly.pending_bytes == 0
    assert reason(admission, parts_swarm.messages()[1]) is Reason.BROKEN_WHOLE
    assert reason(admission, messages[0]) is Reason.DUPLICATE


def test_parts_that_wait_are_bounded_in_bytes(parts_swarm: "SmallSwarm") -> None:
    admission = parts_swarm.admission(pending_bytes_max=2000)
    one, two, three = parts_swarm.messages(0)
    admission.admit(one, round_index=0)
    admission.admit(two, round_index=0)

    assert reason(admission, parts_swarm.messages(1)[0]) is Reason.PARTS_FULL
    assert admission.admit(three, round_index=0).contribution
    assert admission.admit(parts_swarm.messages(1)[0], round_index=0).contribution is None


def test_parts_of_a_round_that_left_the_window_are_forgotten(parts_swarm: "SmallSwarm") -> None:
    admission = parts_swarm.admission()
    admission.admit(parts_swarm.messages(0, 2)[0], round_index=2)

    admission.advance(5)

    assert admission._rounds == {}
    assert admission._seats == {}


# --- seats --------------------------------------------------------------------------------


def test_members_keep_their_seats_when_a_crowd_comes(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    for number in range(AUTHORS_MAX):
        admission.admit(swarm.messages(number)[0], round_index=0)

    newcomer = swarm.messages(AUTHORS_MAX)[0]

    assert reason(admission, newcomer) is Reason.CROWDED
    assert isinstance(refusal(admission, newcomer), Ignored)
    assert admission.admit(swarm.messages(0, 1)[0], round_index=0).contribution
    assert reason(admission, swarm.messages(AUTHORS_MAX, 1)[0]) is Reason.CROWDED


def test_seats_of_authors_not_heard_in_the_window_become_free(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    for number in range(AUTHORS_MAX):
        admission.admit(swarm.messages(number)[0], round_index=0)
    admission.admit(swarm.messages(0, 2)[0], round_index=2)

    assert reason(admission, swarm.messages(AUTHORS_MAX, 2)[0], 2) is Reason.CROWDED
    assert admission.admit(swarm.messages(AUTHORS_MAX, 2)[0], round_index=3).contribution
    assert set(admission._seats) == {
        swarm.keypair(0).peer_id,
        swarm.keypair(AUTHORS_MAX).peer_id,
    }


def test_a_crowd_ahead_does_not_silence_members_nor_outlast_the_round(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    admission.admit(swarm.messages(0)[0], round_index=0)
    for number in range(1, AUTHORS_MAX + 1):
        assert reason(admission, swarm.messages(number, 9)[0]) is Reason.ROUND_AHEAD

    stranger = swarm.messages(AUTHORS_MAX + 1, 9)[0]

    assert reason(admission, stranger) is Reason.CROWDED
    assert reason(admission, swarm.messages(0, 9)[0]) is Reason.ROUND_AHEAD
    assert reason(admission, stranger, 1) is Reason.ROUND_AHEAD


# --- who gives way ------------------------------------------------------------------------


def ranked(swarm: "SmallSwarm", known: dict[int, int]) -> Admission:
    """An admission that knows some authors, by number, better or less than others."""
    ranks = {swarm.keypair(number).peer_id: rank for number, rank in known.items()}
    return Admission(swarm.parameters, swarm.schedule, rank=lambda author: ranks.get(author, 1))


@pytest.mark.parametrize(
    ("newcomer", "ranks", "gone"),
    [
        (1, [1, 1, 1], None),
        (0, [1, 1, 1], None),
        (2, [1, 1, 1], 2),
        (2, [1, 0, 0, 1], 2),
        (1, [0, 2, 2], 0),
        (5, [], None),
    ],
)
def test_the_last_of_the_lowest_gives_way_and_only_to_a_higher(
    swarm: "SmallSwarm", newcomer: int, ranks: list[int], gone: int | None
) -> None:
    authors = [swarm.keypair(number).peer_id for number in range(len(ranks) + 1)]
    table = dict(zip(authors, [*ranks, newcomer], strict=True))

    found = giving_way(authors[-1], authors[:-1], table.__getitem__)

    assert found == (None if gone is None else authors[gone])


def test_who_is_known_better_takes_the_seat_of_who_is_known_least(swarm: "SmallSwarm") -> None:
    admission = ranked(swarm, {3: 0, AUTHORS_MAX: 2})
    for number in range(AUTHORS_MAX):
        admission.admit(swarm.messages(number)[0], round_index=0)

    admitted = admission.admit(swarm.messages(AUTHORS_MAX)[0], round_index=0)

    assert admitted.displaced == swarm.keypair(3).peer_id
    assert admission.admit(swarm.messages(AUTHORS_MAX, 0, 1)[0], round_index=0).displaced is None
    assert len(admission._seats) == AUTHORS_MAX
    assert reason(admission, swarm.messages(3)[0]) is Reason.CROWDED
    assert reason(admission, swarm.messages(AUTHORS_MAX + 1)[0]) is Reason.CROWDED


def test_of_who_gave_its_seat_up_nothing_stays(parts_swarm: "SmallSwarm") -> None:
    """Neither its messages nor its parts; so it may say the same again where there is room."""
    admission = ranked(parts_swarm, {0: 0, AUTHORS_MAX: 2})
    for number in range(AUTHORS_MAX):
        admission.admit(parts_swarm.messages(number)[0], round_index=0)
    pending = admission._rounds[0].assembly.pending_bytes
    chunk = len(open_part(parts_swarm.messages()[0], parts_swarm.parameters).payload)

    admission.admit(parts_swarm.messages(AUTHORS_MAX)[0], round_index=0)

    assert admission._rounds[0].assembly.pending_bytes == pending
    assert parts_swarm.keypair(0).peer_id not in admission._rounds[0].messages
    admission.admit(parts_swarm.messages(AUTHORS_MAX)[1], round_index=0)
    assert admission._rounds[0].assembly.pending_bytes == pending + chunk
    for number in range(1, AUTHORS_MAX + 1):
        admission._seats.pop(parts_swarm.keypair(number).peer_id)
    assert admission.admit(parts_swarm.messages(0)[0], round_index=0).contribution is None


def test_a_seat_is_taken_by_a_signature_and_not_by_a_name(swarm: "SmallSwarm") -> None:
    admission = ranked(swarm, {AUTHORS_MAX: 2})
    for number in range(AUTHORS_MAX):
        admission.admit(swarm.messages(number)[0], round_index=0)
    message = swarm.messages(AUTHORS_MAX)[0]
    forged = message[:-1] + bytes([message[-1] ^ 1])

    assert reason(admission, forged) is Reason.BAD_SIGNATURE
    assert swarm.keypair(AUTHORS_MAX).peer_id not in admission._seats
    assert len(admission._seats) == AUTHORS_MAX


def test_heard_before_is_who_spoke_for_a_round_that_is_over(swarm: "SmallSwarm") -> None:
    admission = swarm.admission()
    admission.admit(swarm.messages(0, 0)[0], round_index=0)
    admission.admit(swarm.messages(1, 1)[0], round_index=0)
    admission.admit(swarm.messages(2, 2)[0], round_index=0)
    heard = []
    for round_index in range(5):
        admission.advance(round_index)
        heard.append(
            sorted(n for n in range(3) if swarm.keypair(n).peer_id in admission.heard_before)
        )

    assert heard == [[], [0], [0, 1], [1, 2], [2]]


# --- who is out ---------------------------------------------------------------------------


def test_where_too_many_are_out_the_oldest_is_taken_back(
    swarm: "SmallSwarm", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.admission.OUTCASTS_MAX", 2)
    admission = swarm.admission()
    for number in range(3):
        admission.admit(swarm.messages(number)[0], round_index=0)
        assert reason(admission, swarm.messages(number, salt=1)[0]) is Reason.EQUIVOCATION

    out = [admission.is_outcast(swarm.keypair(number).peer_id) for number in range(3)]

    assert out == [False, True, True]
    assert reason(admission, swarm.messages(2, 1)[0]) is Reason.OUTCAST
    assert admission.admit(swarm.messages(0, 1)[0], round_index=0).contribution
    others = [swarm.keypair(number).peer_id for number in range(3)]
    restarted = Admission(swarm.parameters, swarm.schedule, outcasts=others)
    assert restarted.outcasts == set(others[1:])
