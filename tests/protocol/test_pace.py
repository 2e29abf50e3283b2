from collections.abc import Iterable

import pytest

from protocol.constants import AUTHORS_MAX, ROUNDS_AHEAD_MAX
from protocol.identity import PeerId
from protocol.pace import (
    LAPSE_ROUNDS,
    LAPSES_PARDONED,
    TRIAL_MAX,
    Ending,
    Jump,
    Over,
    Pace,
    Waiting,
)
from protocol.stragglers import HELD_MAX, HELD_ROUNDS

LIMIT_S = 60.0
LONGEST_S = 75.0
"""Where somebody is missing that completed the round before."""
WAITING = Waiting()
COMPLETE, OVERTAKEN = Over(Ending.COMPLETE), Over(Ending.OVERTAKEN)
DEADLINE = Over(Ending.DEADLINE)


def peer(number: int) -> PeerId:
    return PeerId(number.to_bytes(32, "big"))


ME, A, B, C, D = (peer(number) for number in range(5))


def pace(*met: PeerId, authors_min: int = 1, prompts: int = 1, begin: int = 10) -> Pace:
    """Begin round 10 knowing the authors `met` from the round before."""
    one = Pace(ME, contributions_per_author=prompts, round_s_max=LIMIT_S, authors_min=authors_min)
    one.begin(begin, now=0.0)
    for author in met:
        one.heard(author, begin - 1)
    return one


def contributed(one: Pace, authors: Iterable[PeerId], round_index: int) -> None:
    for author in authors:
        one.contributed(author, round_index)


# --- progress -----------------------------------------------------------------------------


def test_alone_a_round_is_over_when_ones_own_work_is_done() -> None:
    one = pace(prompts=2)

    assert one.state(1.0) == WAITING
    one.contributed(ME, 10)
    assert one.state(2.0) == WAITING
    one.contributed(ME, 10)
    assert one.state(3.0) == COMPLETE


def test_everyone_heard_in_the_last_two_rounds_is_waited_for() -> None:
    one = pace()
    one.heard(A, 8)
    one.heard(B, 9)
    one.heard(C, 7)
    one.contributed(ME, 10)

    assert one.waiting_for() == (A, B)
    one.contributed(A, 10)
    assert one.state(1.0) == WAITING
    one.contributed(B, 10)
    assert one.state(1.0) == COMPLETE
    assert one.complete() == (ME, A, B)


def test_an_author_is_waited_for_until_its_last_prompt() -> None:
    one = pace(A, prompts=2)
    contributed(one, [ME, ME, A], 10)

    assert one.waiting_for() == (A,)
    one.contributed(A, 10)
    assert one.waiting_for() == ()


def test_contributions_of_rounds_ahead_are_counted_when_their_round_comes() -> None:
    one = pace()
    contributed(one, [A], 11)
    contributed(one, [A], 12)
    contributed(one, [ME, A], 10)
    assert one.state(1.0) == COMPLETE

    one.begin(11, now=2.0)

    assert one.waiting_for() == (ME,)
    one.contributed(ME, 11)
    assert one.state(3.0) == COMPLETE


def test_once_a_round_is_over_those_three_ahead_are_counted_too() -> None:
    """They are taken while it is trained on; not counted, their author would be waited for."""
    one = pace()
    contributed(one, [A], 13)
    one.open(11)
    contributed(one, [B], 13)
    for round_index in (11, 12, 13):
        one.begin(round_index, now=2.0)

    assert one.complete() == (B,)


def test_late_contributions_are_a_sign_of_life_and_count_for_nothing() -> None:
    one = pace()
    one.contributed(A, 9)
    one.contributed(ME, 10)

    assert one.waiting_for() == (A,)
    one.contributed(A, 10)
    assert one.state(1.0) == COMPLETE


def test_a_verdict_stands_until_the_next_round_begins() -> None:
    """What arrives while a node trains must not reopen the round it trains on."""
    one = pace()
    one.contributed(ME, 10)
    assert one.state(1.0) == COMPLETE

    one.heard(A, 10)

    assert one.state(2.0) == COMPLETE
    one.begin(11, now=3.0)
    assert one.state(3.0) == WAITING
    assert one.waiting_for() == (ME, A)


def test_an_author_first_heard_in_a_round_is_not_waited_for_in_it() -> None:
    """Its first messages may have been before our time; in the next round none can be."""
    one = pace()
    one.heard(A, 10)
    one.heard(B, 11)

    assert one.waiting_for() == (ME,)
    one.begin(11, now=1.0)
    assert one.waiting_for() == (ME, A)
    one.begin(12, now=1.0)
    assert one.waiting_for() == (ME, A, B)


# --- the clock ----------------------------------------------------------------------------


def test_a_round_is_over_at_its_deadline() -> None:
    one = pace()

    assert one.time_left_s(59.9) == pytest.approx(0.1)
    assert one.state(59.9) == WAITING
    assert one.state(60.0) == DEADLINE
    assert one.time_left_s(61.0) == 0.0


def test_one_that_completed_the_round_before_may_come_a_deadline_later() -> None:
    """It may have waited there until its own deadline, for somebody unknown here."""
    one = pace(A, B)
    contributed(one, [ME, A, B], 10)
    one.begin(11, now=3.0)
    contributed(one, [ME, B], 11)

    assert one.time_left_s(3.0) == LONGEST_S
    assert one.state(3.0 + LIMIT_S) == WAITING
    one.contributed(A, 11)
    assert one.state(3.0 + LIMIT_S) == COMPLETE


@pytest.mark.parametrize("present", [[A], [ME, A]], ids=["this node", "who missed that one, too"])
def test_nobody_else_is_given_more_than_the_deadline(present: list[PeerId]) -> None:
    one = pace(A, B)
    contributed(one, [ME, A], 10)
    one.begin(11, now=3.0)
    contributed(one, present, 11)

    assert one.state(2.9 + LIMIT_S) == WAITING
    assert one.state(3.0 + LIMIT_S) == DEADLINE


def test_who_is_left_behind_gives_no_grace_itself() -> None:
    """Most of those who are complete have gone on: they wait here for nobody, but for this node."""
    one = pace(A, B, C)
    contributed(one, [ME, A, B, C], 10)
    one.begin(11, now=3.0)
    contributed(one, [ME, A, B], 11)
    one.heard(A, 12)

    assert one.time_left_s(3.0) == LONGEST_S
    one.heard(B, 12)
    assert one.time_left_s(3.0) == LIMIT_S


def test_grace_ends_as_well() -> None:
    one = pace(A)
    contributed(one, [ME, A], 10)
    one.begin(11, now=3.0)
    one.contributed(ME, 11)

    assert one.state(2.9 + LONGEST_S) == WAITING
    assert one.state(3.0 + LONGEST_S) == DEADLINE


def test_a_silent_peer_costs_one_deadline() -> None:
    one = pace(A)
    one.begin(11, now=0.0)
    one.contributed(ME, 11)
    assert one.state(60.0) == DEADLINE

    one.begin(12, now=60.0)
    one.contributed(ME, 12)

    assert one.state(61.0) == COMPLETE


def test_an_only_peer_that_fell_silent_behind_costs_two() -> None:
    one = pace()
    one.heard(A, 9)
    one.contributed(ME, 10)
    assert one.state(60.0) == DEADLINE

    for round_index, ending in ((11, DEADLINE), (12, COMPLETE)):
        one.begin(round_index, now=60.0)
        one.contributed(ME, round_index)
        assert (one.state(61.0) == COMPLETE) == (ending == COMPLETE)
        assert one.state(120.0) == ending


def test_a_peer_given_up_is_waited_for_again_once_it_is_heard() -> None:
    one = pace(A)
    one.heard(A, 10)
    one.state(60.0)
    one.begin(11, now=60.0)
    assert one.waiting_for() == (ME,)

    one.heard(A, 10)
    assert one.waiting_for() == (ME,)
    one.heard(A, 11)
    assert one.waiting_for() == (ME, A)


def test_whoever_is_already_ahead_at_the_deadline_is_not_given_up() -> None:
    """It lives; what is missing of this round was lost on the way."""
    one = pace(A)
    one.heard(A, 11)
    one.state(60.0)

    one.begin(11, now=60.0)

    assert one.waiting_for() == (ME, A)


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_one_that_never_completes_cannot_cost_every_round_its_deadline(ahead: int) -> None:
    """A sign of life excuses one deadline; after two, only a completed round does."""
    one = pace(A)
    endings = []
    for round_index in range(10, 20):
        one.begin(round_index, now=0.0)
        one.heard(A, round_index + ahead)
        one.contributed(ME, round_index)
        endings.append(one.state(1.0) == COMPLETE or one.state(60.0))

    assert endings == [DEADLINE, DEADLINE, *[True] * 8]
    one.begin(20, now=0.0)
    one.contributed(A, 20)
    one.begin(21, now=0.0)
    assert one.waiting_for() == (ME, A)


def late(one: Pace, author: PeerId, round_index: int, *present: PeerId) -> None:
    """Complete a round just after it was closed."""
    one.begin(round_index, now=0.0)
    contributed(one, [ME, *present], round_index)
    assert one.state(1.0) == COMPLETE
    one.open(round_index + 1)
    one.contributed(author, round_index)


def after_two_deadlines(*, comes_late: bool) -> Pace:
    """Return the pace of one that A has cost two, having completed those rounds late or not."""
    one = pace(A)
    for round_index in (10, 11):
        one.begin(round_index, now=0.0)
        one.heard(A, round_index)
        contributed(one, (ME, B), round_index)
        assert one.state(60.0) == DEADLINE
        one.open(round_index + 1)
        if comes_late:
            one.contributed(A, round_index)
    return one


def test_after_one_deadline_a_round_completed_late_is_a_sign_of_life() -> None:
    one = pace(A)
    contributed(one, (ME, B), 10)
    assert one.state(60.0) == DEADLINE

    late(one, A, 11, B)

    one.begin(12, now=0.0)
    assert one.waiting_for() == (ME, A, B)


@pytest.mark.parametrize("completed", [[12, 13], [12, 14, 15], [12, 13, 14]])
def test_after_two_three_in_a_row_are(completed: list[int]) -> None:
    """As fast as the others and never in time, since nobody waits: it would stay so for ever."""
    one = after_two_deadlines(comes_late=False)
    for round_index in completed:
        late(one, A, round_index, B)

    one.begin(16, now=0.0)
    assert (A in one.waiting_for()) == (completed == [12, 13, 14])


def test_who_came_too_late_for_a_deadline_has_not_paid_for_it() -> None:
    one = after_two_deadlines(comes_late=True)

    one.begin(12, now=0.0)
    assert one.waiting_for() == (ME, B)


def test_a_round_completed_in_time_wipes_the_slate() -> None:
    """An honest node may fail now and then over a long life, and be excused each time."""
    one = pace(A)
    for first in range(10, 30, 3):
        one.begin(first, now=0.0)
        assert A in one.waiting_for()
        assert one.state(LONGEST_S) == DEADLINE
        one.begin(first + 1, now=0.0)
        one.heard(A, first + 1)
        assert A in one.waiting_for()
        one.begin(first + 2, now=0.0)
        one.contributed(A, first + 2)


# --- the start ----------------------------------------------------------------------------


def test_a_swarm_started_together_waits_for_its_number() -> None:
    one = pace(authors_min=3)
    one.contributed(ME, 10)
    assert one.state(1.0) == WAITING

    contributed(one, [A, B], 10)

    assert one.state(2.0) == COMPLETE


def test_the_number_is_lowered_to_what_was_there_at_the_deadline() -> None:
    one = pace(authors_min=4)
    contributed(one, [ME, A], 10)
    assert one.state(60.0) == DEADLINE

    one.begin(11, now=60.0)
    contributed(one, [ME], 11)
    assert one.state(61.0) == WAITING
    contributed(one, [A], 11)
    assert one.state(61.0) == COMPLETE


@pytest.mark.parametrize("answers", [0, 1])
def test_nobody_is_waited_for_in_place_of_one_cast_out_in_this_round(answers: int) -> None:
    """Whether its answers or the proof of them came first: others may have closed the round."""
    one = pace(authors_min=3)
    contributed(one, [ME, A, *[B] * answers], 10)
    one.cast_out(B, 10)

    assert one.state(1.0) == COMPLETE


def test_in_the_next_round_the_number_stands() -> None:
    one = pace(authors_min=3)
    contributed(one, [ME, A, B], 10)
    one.cast_out(B, 10)
    one.begin(11, now=1.0)
    contributed(one, [ME, A], 11)

    assert one.state(2.0) == WAITING
    assert one.state(61.0) == DEADLINE


def test_one_found_out_for_an_earlier_round_takes_no_place_in_this() -> None:
    one = pace(authors_min=3)
    contributed(one, [ME, A], 10)
    one.cast_out(B, 9)

    assert one.state(1.0) == WAITING


def test_whom_the_operator_bans_leaves_its_place_empty() -> None:
    one = pace(authors_min=3)
    contributed(one, [ME, A, B], 10)
    one.forget(B)

    assert one.state(1.0) == WAITING


# --- trial --------------------------------------------------------------------------------


def deadlines_lost_to(completed: int) -> int:
    """Return how many of 200 rounds are lost to a row of names that leave after completing some.

    One comes and one leaves in each round; each says one more thing before it leaves.
    """
    one = pace(A)
    lost = 0
    for index in range(10, 210):
        one.begin(index, now=0.0)
        contributed(one, [ME, A], index)
        one.heard(peer(index), index)
        contributed(one, [peer(index - back) for back in range(1, completed + 1)], index)
        if one.state(1.0) == WAITING:
            lost += one.state(LONGEST_S) == DEADLINE
    return lost


@pytest.mark.parametrize("completed", [0, 1, 2, 4, TRIAL_MAX - 1])
def test_names_that_leave_during_their_trial_cost_a_deadline_now_and_then(completed: int) -> None:
    lost = deadlines_lost_to(completed)

    assert LAPSES_PARDONED < lost <= LAPSES_PARDONED + 1 + completed + 200 // LAPSE_ROUNDS


def test_names_that_stay_for_the_longest_trial_cost_a_deadline_each() -> None:
    """The limit of it: eight rounds of answers buy a deadline."""
    assert deadlines_lost_to(TRIAL_MAX) > 180


def on_trial() -> Pace:
    """Return the pace of one that has lost deadlines to one name after another."""
    one = pace(A)
    for index in range(10, 11 + LAPSES_PARDONED):
        one.begin(index, now=0.0)
        one.heard(peer(index), index - 1)
        contributed(one, [ME, A], index)
        assert one.state(LIMIT_S) == DEADLINE
    one.begin(one.round_index + 1, now=0.0)
    return one


def test_who_is_on_trial_counts_and_is_waited_for_once_it_has_completed_a_round() -> None:
    one = on_trial()
    one.contributed(B, one.round_index)
    one.heard(C, one.round_index)
    contributed(one, [ME, A], one.round_index)
    assert B in one.complete()
    assert one.state(1.0) == COMPLETE

    one.begin(one.round_index + 1, now=1.0)
    assert B in one.waiting_for()
    assert C not in one.waiting_for()


def test_a_round_completed_late_counts_for_who_is_on_trial() -> None:
    """Nobody waits for it, so that it could not complete any in time."""
    one = on_trial()
    late(one, C, one.round_index + 1, A)

    one.begin(one.round_index + 1, now=0.0)
    assert C in one.waiting_for()


def test_a_trial_passes_in_time() -> None:
    one = on_trial()
    for _ in range(LAPSE_ROUNDS):
        contributed(one, [ME, A], one.round_index)
        one.begin(one.round_index + 1, now=0.0)
    one.heard(B, one.round_index)
    one.begin(one.round_index + 1, now=0.0)

    assert B in one.waiting_for()


def test_starting_late_in_a_swarms_life_is_no_jump() -> None:
    assert pace(authors_min=3, begin=1000)._authors_min == 3


# --- jumping ------------------------------------------------------------------------------


def test_two_members_far_ahead_move_a_node_to_what_both_have_reached() -> None:
    one = pace()
    one.heard(A, 13)
    assert one.state(1.0) == WAITING

    one.heard(B, 15)

    assert one.state(1.0) == Jump(13)


@pytest.mark.parametrize("round_index", [11, 12])
def test_ordinary_drift_moves_nobody(round_index: int) -> None:
    """Those rounds' contributions are held: none need be skipped."""
    one = pace()
    for author in (A, B, C, D):
        one.heard(author, round_index)

    assert one.state(1.0) == WAITING


@pytest.mark.parametrize(("here", "moved"), [(1, True), (2, True), (3, False), (4, False)])
def test_half_of_the_others_must_be_ahead(here: int, *, moved: bool) -> None:
    """Two of four are half; two of five are not."""
    one = pace()
    for number in range(10, 10 + here):
        one.heard(peer(number), 10)

    one.heard(A, 20)
    one.heard(B, 20)

    assert one.state(1.0) == (Jump(20) if moved else WAITING)


def test_the_highest_round_with_a_quorum_is_the_target() -> None:
    one = pace()
    for author, round_index in ((A, 40), (B, 30), (C, 20), (D, 10)):
        one.heard(author, round_index)

    assert one.state(1.0) == Jump(30)


def test_one_liar_moves_nobody_who_has_company() -> None:
    one = pace(A)
    one.heard(B, 10**6)
    one.contributed(ME, 10)

    assert one.state(1.0) == WAITING
    assert one.state(60.0) == DEADLINE


@pytest.mark.parametrize("liars", [1, 2, 5])
def test_claims_beyond_all_reason_count_for_nothing(liars: int) -> None:
    """Not even for a node alone: its beacon would walk for days."""
    one = pace()
    for number in range(liars):
        one.heard(peer(10 + number), 10 + ROUNDS_AHEAD_MAX + 1)
    one.contributed(ME, 10)

    assert one.state(1.0) == COMPLETE
    assert not one._members


def test_whoever_finds_one_other_far_ahead_follows_after_its_own_round() -> None:
    """How one enters a swarm of one: the other ignores what is so far behind."""
    one = pace(authors_min=2)
    one.heard(A, 50)
    assert one.state(1.0) == WAITING

    one.contributed(ME, 10)

    assert one.state(2.0) == Jump(50)


def test_whoever_awaits_two_others_follows_the_first_voice_only_at_its_deadline() -> None:
    """The first voice may be the only liar's; those that it is to wait for come meanwhile."""
    one = pace(authors_min=3)
    one.heard(A, 50)
    one.contributed(ME, 10)

    assert one.state(59.0) == WAITING
    assert one.state(60.0) == Jump(50)


def test_a_lone_follower_goes_at_its_deadline_at_the_latest() -> None:
    one = pace()
    one.heard(A, 50)

    assert one.state(60.0) == Jump(50)


def test_after_a_jump_nobody_waits_for_what_was_missed() -> None:
    """Messages beyond the window were not kept, and will not come again."""
    one = pace(authors_min=3)
    one.heard(A, 20)
    one.heard(B, 21)
    one.heard(C, 10)
    assert one.state(1.0) == Jump(20)

    one.begin(20, now=1.0)
    assert one.waiting_for() == (ME,)
    one.contributed(ME, 20)
    assert one.state(2.0) == COMPLETE

    one.begin(21, now=2.0)
    assert one.waiting_for() == (ME, A)
    one.begin(22, now=2.0)
    assert one.waiting_for() == (ME, A, B)


def test_nobody_waits_for_what_was_said_beyond_the_window_after_coming_there_step_by_step() -> None:
    one = pace(A)
    one.heard(A, 13)  # while this node is in round 10
    for round_index in (11, 12, 13):
        one.begin(round_index, now=0.0)
        assert one.waiting_for() == (ME,)
    one.begin(14, now=0.0)

    assert one.waiting_for() == (ME, A)


def test_whoever_is_ahead_of_more_than_it_has_for_company_waits_for_its_deadline() -> None:
    """It was cut off from them and is faster: else they would never come up to it."""
    one = pace()
    one.heard(A, 5)
    one.contributed(ME, 10)

    assert one.state(59.0) == WAITING
    assert (one.waiting_for(), one.coming()) == ((), (A,))
    assert one.state(60.0) == DEADLINE


def test_those_who_come_after_are_waited_for_until_they_are_here() -> None:
    """Near by they are members again, and still behind: for these this node has too little time."""
    one = pace()
    one.heard(A, 8)
    one.contributed(ME, 10)
    assert one.state(60.0) == DEADLINE

    one.begin(11, now=60.0)
    one.heard(A, 10)
    one.contributed(ME, 11)
    assert one.state(61.0) == WAITING
    one.contributed(A, 11)
    assert one.state(62.0) == COMPLETE


def test_whoever_comes_after_and_never_comes_up_costs_no_more_than_so_many_deadlines() -> None:
    one = pace()
    endings = []
    for round_index in range(10, 510):
        one.begin(round_index, now=0.0)
        one.heard(A, round_index - 1)
        one.contributed(ME, round_index)
        endings.append(one.state(1.0) == COMPLETE or one.state(60.0) == COMPLETE)

    lost = endings.count(False)
    assert HELD_MAX < lost < HELD_MAX + 500 / HELD_ROUNDS + 2
    assert endings[300:].count(False) <= 200 / HELD_ROUNDS + 1


def test_a_node_whose_company_has_gone_on_waits_for_nobody_who_comes_after() -> None:
    """It would only lose these as well."""
    one = pace(A)
    for number in range(3):
        one.heard(peer(10 + number), 5)
    contributed(one, (ME, A), 10)
    assert one.state(1.0) == WAITING

    one.begin(11, now=2.0)
    contributed(one, (ME, A), 11)
    one.heard(A, 12)

    assert one.state(3.0) == COMPLETE


@pytest.mark.parametrize("behind", [1, 2])
def test_stragglers_that_are_no_more_than_its_company_hold_nobody_up(behind: int) -> None:
    one = pace(A, B)
    for number in range(behind):
        one.heard(peer(10 + number), 5)
    contributed(one, (ME, A, B), 10)

    assert one.state(1.0) == COMPLETE


def test_a_member_that_is_with_this_node_is_no_straggler_for_an_old_word_of_its() -> None:
    one = pace(A)
    one.heard(A, 3)
    one.heard(B, 4)
    contributed(one, (ME, A), 10)

    assert one.state(1.0) == COMPLETE


@pytest.mark.parametrize(("said", "ending"), [(5, COMPLETE), (4, COMPLETE), (6, WAITING)])
def test_a_straggler_without_news_is_waited_for_in_two_rounds(said: int, ending: Over) -> None:
    """What it said before can be said again by anybody."""
    one = pace()
    one.heard(A, 5)
    one.begin(11, now=60.0)
    one.contributed(ME, 11)
    assert one.state(61.0) == WAITING

    one.begin(12, now=120.0)
    one.heard(A, said)
    one.contributed(ME, 12)

    assert one.state(121.0) == ending


def test_a_straggler_that_has_come_up_is_waited_for_like_others() -> None:
    one = pace()
    one.heard(A, 5)
    one.heard(A, 9)
    contributed(one, (ME, A), 10)

    assert one.state(1.0) == COMPLETE


def test_one_that_is_behind_the_round_jumped_to_is_waited_for() -> None:
    one = pace()
    one.heard(A, 20)
    one.heard(B, 20)
    one.begin(20, now=1.0)

    one.heard(C, 19)

    assert one.waiting_for() == (ME, C)


# --- overtaken ----------------------------------------------------------------------------


def test_a_node_for_which_nobody_waits_does_not_wait_for_itself() -> None:
    """Else one that is late by most of a round would be late for ever."""
    one = pace(A, B)
    contributed(one, [A, B], 10)
    assert one.state(1.0) == WAITING

    one.heard(A, 11)
    assert one.state(1.0) == WAITING
    one.heard(B, 11)
    assert one.state(1.0) == OVERTAKEN


def test_nobody_is_overtaken_by_those_whose_contributions_are_missing() -> None:
    one = pace(A, B)
    contributed(one, [A], 10)
    one.heard(A, 11)
    one.heard(B, 11)

    assert one.state(1.0) == WAITING


# --- bounds -------------------------------------------------------------------------------


def test_memory_is_bounded_by_seats_and_the_window() -> None:
    one = pace()
    for number in range(1, 10_000):
        one.contributed(peer(number), 10 + number % 7)
    for round_index in range(10, 500):
        one.contributed(ME, round_index)
        one.contributed(peer(1), round_index)

    assert len(one._members) <= AUTHORS_MAX
    assert all(len(member.counts) <= 3 for member in one._members.values())
    assert len(one._mine) <= 3


def test_those_within_the_window_take_the_seats_of_those_beyond() -> None:
    one = pace(A)
    for number in range(10, 10 + 2 * AUTHORS_MAX):
        one.heard(peer(number), 10_000)
    one.heard(B, 9)

    assert {A, B} <= set(one._expected())
    assert len(one._members) == AUTHORS_MAX


def test_members_keep_their_seats_among_themselves() -> None:
    one = pace()
    for number in range(1, AUTHORS_MAX + 10):
        one.heard(peer(number), 10)

    assert set(one._members) == {peer(number) for number in range(1, AUTHORS_MAX + 1)}


def test_authors_not_heard_for_three_rounds_are_forgotten() -> None:
    one = pace()
    one.heard(A, 10)
    one.begin(13, now=0.0)

    assert not one._members


@pytest.mark.parametrize(
    "wrong", [{"contributions_per_author": 0}, {"round_s_max": 0.0}, {"authors_min": 0}]
)
def test_numbers_that_would_never_end_a_round_are_our_own_bug(wrong: dict[str, float]) -> None:
    numbers = {"contributions_per_author": 1, "round_s_max": 1.0, "authors_min": 1} | wrong

    with pytest.raises(ValueError, match="must be positive"):
        Pace(ME, **numbers)  # type: ignore[arg-type]  # numbers of both kinds


def test_rounds_do_not_go_back() -> None:
    with pytest.raises(ValueError, match="round 9 after round 10"):
        pace().begin(9, now=0.0)
