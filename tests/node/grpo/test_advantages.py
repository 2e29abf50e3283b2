import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from node.grpo import all_equal, group_advantages, ragged_advantages
from node.learning import AdvantageScale

REWARDS = st.lists(st.sampled_from([0.0, 0.5, 2.0, 2.5]), min_size=1, max_size=16)


def test_one_success_among_four_is_praised_three_times_as_much_as_a_failure_is_blamed() -> None:
    """By hand: mean 0.25, unbiased variance (0.75^2 + 3 * 0.25^2) / 3 = 0.25, deviation 0.5."""
    advantages = group_advantages(torch.tensor([1.0, 0.0, 0.0, 0.0]))

    assert advantages.tolist() == pytest.approx([0.75 / 0.5001] + [-0.25 / 0.5001] * 3)


def test_the_deviation_is_the_unbiased_one() -> None:
    """By hand: rewards 0 and 2 differ from 1 by 1; divided by G - 1 the deviation is sqrt(2)."""
    advantages = group_advantages(torch.tensor([0.0, 2.0]))

    expected = 1.0 / (math.sqrt(2.0) + 1e-4)
    assert advantages.tolist() == pytest.approx([-expected, expected])


def test_without_scale_an_advantage_is_the_distance_from_the_mean() -> None:
    advantages = group_advantages(torch.tensor([2.5, 0.5, 0.0]), scale=AdvantageScale.NONE)

    assert advantages.tolist() == pytest.approx([1.5, -0.5, -1.0])


@pytest.mark.parametrize("scale", list(AdvantageScale))
@pytest.mark.parametrize("reward", [0.0, 0.7, 0.1, 1e30])
def test_an_equal_group_gets_exact_zeros(scale: AdvantageScale, reward: float) -> None:
    """The deviation of [0.7] * 3 is 1e-16 in floating point; divided by, it would teach noise."""
    advantages = group_advantages(torch.tensor([reward] * 3), scale=scale)

    assert advantages.tolist() == [0.0, 0.0, 0.0]
    assert advantages.dtype == torch.float32


@pytest.mark.parametrize("rewards", [[], [2.5]])
def test_a_group_of_none_or_one_teaches_nothing(rewards: list[float]) -> None:
    assert group_advantages(torch.tensor(rewards)).tolist() == [0.0] * len(rewards)


@given(REWARDS, st.sampled_from(list(AdvantageScale)))
def test_advantages_sum_to_zero(rewards: list[float], scale: AdvantageScale) -> None:
    advantages = group_advantages(torch.tensor(rewards), scale=scale)

    assert float(advantages.sum()) == pytest.approx(0.0, abs=1e-5)


@given(REWARDS, st.integers(0, 1000))
def test_an_advantage_does_not_depend_on_the_order_of_its_group(
    rewards: list[float], seed: int
) -> None:
    order = torch.randperm(len(rewards), generator=torch.Generator().manual_seed(seed))

    shuffled = group_advantages(torch.tensor(rewards)[order])

    assert torch.equal(shuffled, group_advantages(torch.tensor(rewards))[order])


@given(REWARDS, st.floats(-100.0, 100.0))
def test_an_offset_common_to_the_group_changes_nothing(rewards: list[float], offset: float) -> None:
    exact = torch.tensor(rewards, dtype=torch.float64)

    moved = group_advantages(exact + offset)

    if not all_equal(exact + offset):
        assert torch.allclose(moved, group_advantages(exact), atol=1e-5)


@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf])
def test_a_reward_that_is_not_a_number_is_refused(reward: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        group_advantages(torch.tensor([0.0, reward]))


def test_rewards_of_many_groups_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(G,\)"):
        group_advantages(torch.zeros(2, 2))


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="median"):
        group_advantages(torch.tensor([0.0, 1.0]), scale="median")


def test_groups_of_differing_sizes_are_each_compared_within_themselves() -> None:
    advantages = ragged_advantages([[1.0, 0.0], [3.0], [0.0, 0.0, 3.0]], scale="none")

    assert [group.tolist() for group in advantages] == [[0.5, -0.5], [0.0], [-1.0, -1.0, 2.0]]
