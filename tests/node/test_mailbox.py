"""Contributions wait for their round, one a slot, and never without bound."""

from collections.abc import Callable

import pytest
import trio

from node.mailbox import Mailbox
from protocol.contribution import Contribution
from protocol.identity import Keypair

Contribute = Callable[..., Contribution]


def test_a_round_is_taken_in_the_order_of_prompts_and_then_authors(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    mailbox = Mailbox(authors_max=10)
    offered = [contribute(key, 0, at) for key in keys[:3] for at in (1, 0)]
    for one in offered:
        assert mailbox.offer(one)

    taken = mailbox.take(0)

    assert list(taken) == sorted(offered, key=lambda one: (one.prompt_index, one.author))


def test_a_slot_is_filled_once(contribute: Contribute, keys: list[Keypair]) -> None:
    mailbox = Mailbox(authors_max=10)
    first = contribute(keys[0], 0, word=7)

    assert mailbox.offer(first)
    assert not mailbox.offer(contribute(keys[0], 0, word=8))

    assert mailbox.take(0) == (first,)


def test_a_full_round_takes_no_more(contribute: Contribute, keys: list[Keypair]) -> None:
    mailbox = Mailbox(authors_max=2)

    kept = [mailbox.offer(contribute(key, 0)) for key in keys]

    assert kept == [True, True, False, False, False]


def test_more_rounds_than_the_window_are_not_kept(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    mailbox = Mailbox(authors_max=10, rounds_max=3)

    kept = [mailbox.offer(contribute(keys[0], index)) for index in range(5)]

    assert kept == [True, True, True, False, False]


def test_what_came_early_is_there_when_its_round_begins(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    mailbox = Mailbox(authors_max=10)
    early = contribute(keys[0], 2)
    mailbox.offer(early)
    mailbox.offer(contribute(keys[0], 1))

    mailbox.forget_before(2)

    assert mailbox.take(1) == ()
    assert mailbox.take(2) == (early,)


async def test_an_arrival_wakes_whoever_waits(
    contribute: Contribute, keys: list[Keypair], nursery: trio.Nursery
) -> None:
    mailbox = Mailbox(authors_max=10)
    nursery.start_soon(mailbox.changed)
    await trio.testing.wait_all_tasks_blocked()

    mailbox.offer(contribute(keys[0], 0))

    await trio.testing.wait_all_tasks_blocked()
    assert not nursery.child_tasks


@pytest.fixture
async def nursery() -> object:
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


def test_where_there_is_no_place_left_the_last_of_the_lowest_gives_way_whole(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    ranks = {key.peer_id: rank for key, rank in zip(keys, [1, 0, 0, 1, 1], strict=True)}
    mailbox = Mailbox(authors_max=3, rank=ranks.__getitem__)
    for key in keys[:3]:
        for at in (0, 1):
            assert mailbox.offer(contribute(key, 0, at))

    assert mailbox.offer(contribute(keys[3], 0))
    assert mailbox.authors(0) == {keys[at].peer_id for at in (0, 1, 3)}
    assert mailbox.offer(contribute(keys[4], 0))
    assert mailbox.authors(0) == {keys[at].peer_id for at in (0, 3, 4)}
    assert len(mailbox.take(0)) == 4


def test_who_found_no_place_or_gave_its_up_stays_out_of_that_round_only(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    """Else half of what an author said would be held."""
    ranks = {key.peer_id: rank for key, rank in zip(keys, [0, 0, 1, 0, 0], strict=True)}
    mailbox = Mailbox(authors_max=1, rank=ranks.__getitem__)
    mailbox.offer(contribute(keys[0], 0))
    mailbox.offer(contribute(keys[1], 0))
    mailbox.offer(contribute(keys[2], 0))
    mailbox.drop(keys[2].peer_id)

    again = [mailbox.offer(contribute(key, 0, at=1)) for key in keys[:2]]

    assert again == [False, False]
    assert mailbox.offer(contribute(keys[0], 1))


def test_an_author_with_a_place_has_it_for_all_that_it_owes(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    mailbox = Mailbox(authors_max=2)

    assert [mailbox.reserve(0, key.peer_id) for key in keys[:3]] == [True, True, False]
    assert mailbox.authors(0) == frozenset()
    assert [mailbox.offer(contribute(keys[0], 0, at)) for at in (0, 1)] == [True, True]


def test_places_that_fell_empty_are_not_given_away_for_nothing(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    """A name that is cast out, and the next, and the next, cost a node one place."""
    ranks = {key.peer_id: rank for key, rank in zip(keys, [0, 0, 0, 0, 1], strict=True)}
    mailbox = Mailbox(authors_max=1, rank=ranks.__getitem__)
    found = []
    for key in keys:
        found.append(mailbox.offer(contribute(key, 0)))
        mailbox.drop(key.peer_id)

    assert found == [True, False, False, False, True]
    assert mailbox.all_authors() == frozenset()


def test_of_whom_is_turned_away_nothing_is_held(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    mailbox = Mailbox(authors_max=2)
    for key in keys[:2]:
        mailbox.offer(contribute(key, 0))
    mailbox.turn_away(0, keys[0].peer_id)

    assert not mailbox.offer(contribute(keys[0], 0, at=1))
    assert mailbox.authors(0) == {keys[1].peer_id}
