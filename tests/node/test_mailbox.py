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
    mailbox = Mailbox(slots_max=10)
    offered = [contribute(key, 0, at) for key in keys[:3] for at in (1, 0)]
    for one in offered:
        assert mailbox.offer(one)

    taken = mailbox.take(0)

    assert list(taken) == sorted(offered, key=lambda one: (one.prompt_index, one.author))


def test_a_slot_is_filled_once(contribute: Contribute, keys: list[Keypair]) -> None:
    mailbox = Mailbox(slots_max=10)
    first = contribute(keys[0], 0, word=7)

    assert mailbox.offer(first)
    assert not mailbox.offer(contribute(keys[0], 0, word=8))

    assert mailbox.take(0) == (first,)


def test_a_full_round_takes_no_more(contribute: Contribute, keys: list[Keypair]) -> None:
    mailbox = Mailbox(slots_max=2)

    kept = [mailbox.offer(contribute(key, 0)) for key in keys]

    assert kept == [True, True, False, False, False]


def test_more_rounds_than_the_window_are_not_kept(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    mailbox = Mailbox(slots_max=10, rounds_max=3)

    kept = [mailbox.offer(contribute(keys[0], index)) for index in range(5)]

    assert kept == [True, True, True, False, False]


def test_what_came_early_is_there_when_its_round_begins(
    contribute: Contribute, keys: list[Keypair]
) -> None:
    mailbox = Mailbox(slots_max=10)
    early = contribute(keys[0], 2)
    mailbox.offer(early)
    mailbox.offer(contribute(keys[0], 1))

    mailbox.forget_before(2)

    assert mailbox.take(1) == ()
    assert mailbox.take(2) == (early,)


async def test_an_arrival_wakes_whoever_waits(
    contribute: Contribute, keys: list[Keypair], nursery: trio.Nursery
) -> None:
    mailbox = Mailbox(slots_max=10)
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
