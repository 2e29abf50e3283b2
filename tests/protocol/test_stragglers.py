import pytest

from protocol.constants import AUTHORS_MAX
from protocol.identity import PeerId
from protocol.stragglers import HELD_MAX, HELD_ROUNDS, News, Stragglers


def peer(number: int) -> PeerId:
    return PeerId(number.to_bytes(32, "big"))


# --- news ---------------------------------------------------------------------------------


def test_only_a_later_round_is_news() -> None:
    known = News()
    known.note(peer(0), 5, here=20)

    assert [known.is_news(peer(0), number) for number in (4, 5, 6)] == [False, False, True]
    assert known.is_news(peer(1), 0)


def test_what_is_no_news_does_not_make_an_author_heard_anew() -> None:
    known = News()
    known.note(peer(0), 5, here=20)
    known.note(peer(0), 5, here=22)

    assert (known.heard_since(20), known.heard_since(21)) == ((peer(0),), ())


def test_of_too_many_whoever_gave_no_news_for_longest_goes() -> None:
    known = News()
    for number in range(AUTHORS_MAX):
        known.note(peer(number), 5, here=20)
    known.note(peer(0), 6, here=20)

    known.note(peer(AUTHORS_MAX), 5, here=20)

    assert len(known.heard_since(20)) == AUTHORS_MAX
    assert known.is_news(peer(1), 5)
    assert not known.is_news(peer(0), 6)


def test_who_is_forgotten_is_none_any_more() -> None:
    known = News()
    known.note(peer(0), 5, here=20)
    known.forget(peer(0))

    assert not known.heard_since(0)
    assert known.is_news(peer(0), 5)


# --- stragglers ---------------------------------------------------------------------------


def behind(*rounds: int, here: int = 20) -> Stragglers:
    found = Stragglers()
    for number, round_index in enumerate(rounds):
        found.heard(peer(number), round_index, here=here)
    return found


@pytest.mark.parametrize(
    ("rounds", "company", "outnumber"),
    [
        ([], [], False),
        ([5], [], True),
        ([19], [], True),
        ([5], [20], False),
        ([5, 6], [20], True),
        ([5, 6], [19], True),
        ([5, 6], [21], False),
        ([5, 6, 7], [20, 21], True),
        ([5, 6, 7], [21, 21], False),
    ],
)
def test_those_behind_are_waited_for_where_they_are_more_than_those_here_or_just_gone(
    rounds: list[int], company: list[int], *, outnumber: bool
) -> None:
    assert behind(*rounds).outnumber(company, 20) is outnumber


def test_whoever_has_come_up_is_none_of_them_any_more() -> None:
    found = behind(5)
    found.heard(peer(0), 20, here=20)

    assert not found.outnumber([], 20)


@pytest.mark.parametrize(("here", "outnumber"), [(20, True), (21, True), (22, False)])
def test_whoever_gave_no_news_since_the_round_before_is_gone(here: int, *, outnumber: bool) -> None:
    assert behind(5).outnumber([], here) is outnumber


def test_they_may_cost_so_many_deadlines_and_then_one_now_and_then() -> None:
    found = behind(5)
    for _ in range(HELD_MAX):
        assert found.outnumber([], 20)
        found.cost_a_deadline()
    assert not found.outnumber([], 20)

    for round_index in range(1, HELD_ROUNDS + 1):
        found.begin(round_index)

    assert found.outnumber([], 20)
    found.cost_a_deadline()
    assert not found.outnumber([], 20)
