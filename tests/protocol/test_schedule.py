from collections import Counter
from typing import TYPE_CHECKING

import pytest

from protocol.hashing import digest, u64
from protocol.identity import Keypair, PeerId
from protocol.schedule import _SHARES_KEPT, Schedule

if TYPE_CHECKING:
    from conftest import SmallSwarm


class CountingBeacon:
    """Values that are easy to know, and a count of how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def value(self, round_index: int) -> bytes:
        self.asked += 1
        return round_index.to_bytes(32, "big")


def author(number: int) -> PeerId:
    return Keypair.from_seed(number.to_bytes(32, "big")).peer_id


def test_vertical_authors_have_prompts_of_their_own(swarm: "SmallSwarm") -> None:
    schedule = swarm.schedule

    assert len(schedule.prompts(3, author(0))) == 2
    assert schedule.prompts(3, author(0)) != schedule.prompts(3, author(1))
    assert schedule.prompts(3, author(0)) != schedule.prompts(4, author(0))


def test_horizontal_authors_share_all_prompts(swarm: "SmallSwarm") -> None:
    schedule = swarm.with_(mode="horizontal").schedule

    assert len(schedule.prompts(3, author(0))) == 4
    assert schedule.prompts(3, author(0)) == schedule.prompts(3, author(1))
    assert schedule.prompts(3, author(0)) != schedule.prompts(4, author(0))


def test_a_share_is_what_the_first_distinct_draws_give(swarm: "SmallSwarm") -> None:
    """The derivation as README.md words it, without the class."""
    beacon, me = CountingBeacon(), author(7)
    draws = [
        int.from_bytes(
            digest("drl/prompts/1", beacon.value(5), me.public_key, u64(counter))[:16], "big"
        )
        % 1000
        for counter in range(2)
    ]

    assert Schedule(swarm.parameters, beacon).prompts(5, me) == tuple(draws)


def test_prompts_of_a_share_are_distinct_even_if_it_takes_the_whole_task(
    swarm: "SmallSwarm",
) -> None:
    small = swarm.with_(task_prompts=4, mode="horizontal")

    for round_index in range(50):
        assert sorted(small.schedule.prompts(round_index, author(0))) == [0, 1, 2, 3]


def test_every_prompt_is_drawn_about_equally_often(swarm: "SmallSwarm") -> None:
    """Chi-square over 10 prompts and 4000 draws; 27.9 is passed once in 1000 seeds."""
    ten = swarm.with_(task_prompts=10)
    drawn = Counter(
        prompt for number in range(2000) for prompt in ten.schedule.prompts(number, author(0))
    )

    chi_square = sum((drawn[prompt] - 400) ** 2 / 400 for prompt in range(10))

    assert chi_square < 27.9


def test_only_ones_own_prompts_are_assigned(swarm: "SmallSwarm") -> None:
    mine = set(swarm.schedule.prompts(3, author(0)))

    assigned = {p for p in range(1000) if swarm.schedule.is_assigned(3, author(0), p)}

    assert assigned == mine
    assert not swarm.schedule.is_assigned(3, author(0), -1)
    assert not swarm.schedule.is_assigned(3, author(0), 1000)


@pytest.mark.parametrize(
    ("prompt", "allowed"), [(0, True), (999, True), (1000, False), (-1, False)]
)
def test_free_choice_is_free_within_the_task(
    swarm: "SmallSwarm", prompt: int, *, allowed: bool
) -> None:
    free = swarm.with_(prompt_choice="free")

    assert free.schedule.is_assigned(3, author(0), prompt) is allowed
    assert len(free.schedule.prompts(3, author(0))) == 2


def test_a_share_is_derived_once_and_memory_is_bounded(swarm: "SmallSwarm") -> None:
    beacon = CountingBeacon()
    schedule = Schedule(swarm.parameters, beacon)

    for _ in range(3):
        schedule.prompts(1, author(0))
    assert beacon.asked == 1

    first = schedule.prompts(0, author(0))
    for round_index in range(2 * _SHARES_KEPT):
        schedule.prompts(round_index, author(1))
    assert len(schedule._shares) <= _SHARES_KEPT
    assert schedule.prompts(0, author(0)) == first
