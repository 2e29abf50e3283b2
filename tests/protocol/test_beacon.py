import random

import pytest

from protocol.beacon import VALUES_KEPT, HashChain
from protocol.hashing import digest


def plain_chain(swarm: bytes, rounds: int) -> list[bytes]:
    """The definition, without any cache."""
    values = [digest("drl/beacon/1", swarm)]
    while len(values) < rounds:
        values.append(digest("drl/beacon/1", values[-1]))
    return values


def test_each_value_is_the_hash_of_the_one_before() -> None:
    chain = HashChain(b"swarm")

    assert [chain.value(index) for index in range(20)] == plain_chain(b"swarm", 20)


def test_another_swarm_has_another_chain() -> None:
    assert HashChain(b"a").value(5) != HashChain(b"b").value(5)


def test_values_do_not_depend_on_the_order_of_asking() -> None:
    expected = plain_chain(b"swarm", 2000)
    chain = HashChain(b"swarm")
    rng = random.Random(5)  # noqa: S311 - a seeded test

    for _ in range(200):
        index = rng.choice([rng.randrange(2000), rng.randrange(20), 1999])
        assert chain.value(index) == expected[index]


def test_a_round_before_the_first_is_our_own_bug() -> None:
    with pytest.raises(ValueError, match="before the first"):
        HashChain(b"swarm").value(-1)


def test_memory_holds_the_latest_rounds_only() -> None:
    chain = HashChain(b"swarm")
    for index in range(0, 5000, 7):
        chain.value(index)
    chain.value(100_000)

    assert len(chain._values) <= VALUES_KEPT + 1


def test_rounds_of_the_window_are_not_walked_to_again() -> None:
    chain = HashChain(b"swarm")
    chain.value(10_002)

    assert {9_998, 9_999, 10_000, 10_001, 10_002} <= set(chain._values)


def test_a_far_round_can_be_walked_to_in_steps_while_near_ones_stay_known() -> None:
    chain, steps = HashChain(b"swarm"), 1
    chain.value(1000)
    while not chain.approach(10_000, rounds=700):
        steps += 1
        assert {998, 999, 1000} <= set(chain._values)

    assert steps == (10_000 - VALUES_KEPT - 1000) // 700 + 1
    assert [chain.value(10_000), chain.value(1000)] == [
        HashChain(b"swarm").value(10_000),
        HashChain(b"swarm").value(1000),
    ]


def test_a_walk_to_one_round_is_no_hindrance_on_the_way_to_another() -> None:
    expected, chain = plain_chain(b"swarm", 9000), HashChain(b"swarm")
    for goal in (8000, 2000, 9000, 300, 8999):
        chain.approach(goal, rounds=5000)
        assert chain.value(min(goal, 8999)) == expected[min(goal, 8999)]
