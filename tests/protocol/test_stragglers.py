from protocol.constants import AUTHORS_MAX
from protocol.identity import PeerId
from protocol.stragglers import Stragglers


def peer(number: int) -> PeerId:
    return PeerId(number.to_bytes(32, "big"))


def test_only_a_later_round_is_news() -> None:
    known = Stragglers()
    known.note(peer(0), 5, here=20)

    assert [known.is_news(peer(0), number) for number in (4, 5, 6)] == [False, False, True]
    assert known.is_news(peer(1), 0)


def test_what_is_no_news_does_not_make_an_author_heard_anew() -> None:
    known = Stragglers()
    known.note(peer(0), 5, here=20)
    known.note(peer(0), 5, here=22)

    assert (known.heard_since(20), known.heard_since(21)) == (1, 0)


def test_of_too_many_whoever_gave_no_news_for_longest_goes() -> None:
    known = Stragglers()
    for number in range(AUTHORS_MAX):
        known.note(peer(number), 5, here=20)
    known.note(peer(0), 6, here=20)

    known.note(peer(AUTHORS_MAX), 5, here=20)

    assert known.heard_since(20) == AUTHORS_MAX
    assert known.is_news(peer(1), 5)
    assert not known.is_news(peer(0), 6)


def test_who_is_forgotten_is_none_any_more() -> None:
    known = Stragglers()
    known.note(peer(0), 5, here=20)
    known.forget(peer(0))

    assert known.heard_since(0) == 0
    assert known.is_news(peer(0), 5)
