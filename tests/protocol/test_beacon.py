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
