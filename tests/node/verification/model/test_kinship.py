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


def test_past_weights_outlive_the_process(policy: Any, make_policy: Callable[..., Any]) -> None:
    kin = Kin(policy)
    step(policy, kin)
    before = step(policy, kin)
    later = make_policy()
    later.table.copy_(policy.table)
    restored = Kin(later)

    restored.restore(kin.plain(), kin.kept())

    assert restored.of(before) is Kinship.SAME
    with restored.as_then(before):
        assert later.digest() == before
    assert later.digest() == policy.digest()


def test_past_names_outlive_the_process_where_there_is_no_room(policy: Any) -> None:
    kin = Kin(policy, KinshipSettings(bytes_max=0))
    before = step(policy, kin)
    restored = Kin(policy)

    restored.restore(kin.plain(), kin.kept())

    assert kin.kept() == {}
    assert restored.of(before) is Kinship.STALE


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


def rounded(policy: Any, dtype: torch.dtype) -> bytes:
    """Return what an author calls these weights that holds them in shorter numbers."""
    table = policy.table.clone()
    policy.model.get_parameter("table").data = table.to(dtype)
    digest = policy.digest()
    policy.model.get_parameter("table").data = table
    return bytes(digest)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_these_weights_in_shorter_numbers_are_recognised(policy: Any, dtype: torch.dtype) -> None:
    kin = Kin(policy)
    name = rounded(policy, dtype)

    assert kin.of(name) is Kinship.ROUNDED
    assert policy.table.dtype is torch.float32
    assert kin.of(policy.digest()) is Kinship.SAME


def test_what_was_rounded_before_the_weights_changed_is_another(policy: Any) -> None:
    kin = Kin(policy)
    before = rounded(policy, torch.bfloat16)
    assert kin.of(before) is Kinship.ROUNDED
    step(policy, kin)

    assert kin.of(before) is Kinship.OTHER
    assert kin.of(rounded(policy, torch.bfloat16)) is Kinship.ROUNDED


def test_weights_are_rounded_once_a_round_and_only_for_a_stranger(
    policy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kin = Kin(policy)
    digest, asked = policy.digest, []
    monkeypatch.setattr(policy, "digest", lambda: asked.append(1) or digest())

    kin.of(kin.digest)
    kin.of(b"")
    assert len(asked) == 0
    for stranger in range(5):
        assert kin.of(bytes([stranger]) * 32) is Kinship.OTHER
    assert len(asked) == 2


def test_weights_are_not_rounded_without_room(policy: Any) -> None:
    kin = Kin(policy, KinshipSettings(bytes_max=policy.table.nbytes // 2 - 1))

    assert kin.of(rounded(policy, torch.bfloat16)) is Kinship.OTHER


def test_weights_that_are_short_already_are_not_rounded_again(policy: Any) -> None:
    parameter = policy.model.get_parameter("table")
    parameter.data = parameter.data.to(torch.bfloat16)
    kin = Kin(policy)

    assert kin.of(rounded(policy, torch.float16)) is Kinship.OTHER


def test_names_of_rounded_weights_can_be_given(policy: Any) -> None:
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


@pytest.mark.parametrize(
    ("dtype", "kinship"),
    [
        (torch.float32, Kinship.SAME),
        (torch.bfloat16, Kinship.ROUNDED),
        (torch.float16, Kinship.ROUNDED),
    ],
)
def test_weights_in_short_numbers_are_replayed_within_their_rounding(
    policy: Any, dtype: torch.dtype, kinship: Kinship
) -> None:
    """Writing and reading add up in another order, and one bit of bfloat16 is a hundredth."""
    policy.model.to(dtype)
    kin = Kin(policy)
    before = kin.digest
    kin.remember()
    policy.table.add_(1.0)
    kin.now()

    assert kin.of(kin.digest) is kinship
    assert kin.of(before) is kinship
