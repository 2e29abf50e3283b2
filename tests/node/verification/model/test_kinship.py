from collections.abc import Callable
from typing import Any

import pytest
import torch

from node.verification.kinship import Kin, Kinship, KinshipSettings


def test_equal_weights_are_the_same_and_unknown_ones_are_others(policy: Any) -> None:
    kin = Kin(policy)

    assert kin.of(policy.digest()) is Kinship.SAME
    assert kin.of(bytes(32)) is Kinship.OTHER
    assert kin.of(b"") is Kinship.OTHER


def step(policy: Any, kin: Kin) -> bytes:
    """Train a round; return the digest from before."""
    before = kin.digest
    kin.remember()
    policy.nudge(0.1)
    kin.now()
    return bytes(before)


def test_the_weights_of_two_rounds_are_kept_and_those_before_are_forgotten(policy: Any) -> None:
    kin = Kin(policy)
    first, second, third = (step(policy, kin) for _ in range(3))

    assert kin.of(first) is Kinship.OTHER
    assert kin.of(second) is Kinship.SAME
    assert kin.of(third) is Kinship.SAME
    assert kin.is_past(second)
    assert not kin.is_past(kin.digest)


def test_without_room_only_names_are_kept(policy: Any) -> None:
    kin = Kin(policy, KinshipSettings(bytes_max=2 * policy.table.nbytes - 1))
    before = step(policy, kin)

    assert kin.of(before) is Kinship.STALE
    assert not kin.is_past(before)


def test_room_is_counted_over_all_rounds(policy: Any) -> None:
    kin = Kin(policy, KinshipSettings(bytes_max=2 * policy.table.nbytes))

    assert kin.of(step(policy, kin)) is Kinship.SAME


def test_nothing_need_be_remembered(policy: Any) -> None:
    kin = Kin(policy, KinshipSettings(rounds=0))

    assert kin.of(step(policy, kin)) is Kinship.OTHER


def test_a_round_that_changed_nothing_does_not_make_the_weights_past(policy: Any) -> None:
    kin = Kin(policy)
    kin.remember()
    kin.now()

    assert kin.of(policy.digest()) is Kinship.SAME
    assert not kin.is_past(policy.digest())


def test_weights_in_another_number_type_are_told_by_their_digest(policy: Any) -> None:
    kin = Kin(policy)
    kin.now(rounded=frozenset({b"r" * 32}))

    assert kin.of(b"r" * 32) is Kinship.ROUNDED
    kin.now()
    assert kin.of(b"r" * 32) is Kinship.OTHER


def test_a_policy_holds_old_weights_only_for_a_while(policy: Any) -> None:
    kin = Kin(policy)
    then = policy.table.clone()
    before = step(policy, kin)
    now = policy.table.clone()

    with kin.as_then(before):
        assert torch.equal(policy.table, then)
        assert policy.digest() == before

    assert torch.equal(policy.table, now)


def test_the_weights_come_back_when_reading_fails(policy: Any) -> None:
    kin = Kin(policy)
    before = step(policy, kin)

    with pytest.raises(RuntimeError, match="reading"), kin.as_then(before):
        raise RuntimeError("reading")

    assert policy.digest() == kin.digest


def test_kept_weights_do_not_follow_the_training(policy: Any) -> None:
    kin = Kin(policy)
    before = step(policy, kin)
    policy.table.zero_()

    with kin.as_then(before):
        assert policy.digest() == before


@pytest.mark.parametrize("numbers", [{"rounds": -1}, {"bytes_max": -1}], ids=str)
def test_bounds_must_make_sense(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        KinshipSettings(**numbers)


def test_other_policies_are_others_to_each_other(make_policy: Callable[..., Any]) -> None:
    assert Kin(make_policy(seed=1)).of(make_policy(seed=2).digest()) is Kinship.OTHER
