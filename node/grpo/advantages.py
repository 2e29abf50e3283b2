"""How much better than its siblings each completion was; knows rewards, and no tokens.

All of GRPO's credit is here: a completion is compared with the other completions of its own
prompt, and every token of it then shares that one number.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from node.learning import AdvantageScale

STD_EPSILON = 1e-4
"""Added to the standard deviation, as TRL does, so that a nearly equal group is not blown up."""


def all_equal(rewards: Tensor) -> bool:
    """Tell whether a group teaches nothing, because nobody in it did better than another.

    Asked by minimum and maximum: the standard deviation of three times 0.7 is 1e-16, not 0.

    Args:
        rewards: (G,) rewards of one group; a group of none or one is equal.
    """
    return rewards.numel() == 0 or bool(rewards.min() == rewards.max())


def group_advantages(
    rewards: Tensor, *, scale: AdvantageScale | str = AdvantageScale.SIGMA
) -> Tensor:
    """Return each completion's advantage over its own group.

    The standard deviation is the unbiased one (divided by G - 1), as in TRL, plus `STD_EPSILON`.
    A group of equal rewards gets exact zeros. Computed in float64, so that the order of the
    additions cannot be seen in the float32 result of ordinary rewards.

    Example:
        >>> group_advantages(torch.tensor([1.0, 0.0, 0.0, 0.0]), scale="none")
        tensor([ 0.7500, -0.2500, -0.2500, -0.2500])
        >>> group_advantages(torch.tensor([1.0, 0.0, 0.0, 0.0]))  # the deviation is 0.5
        tensor([ 1.4997, -0.4999, -0.4999, -0.4999])

    Args:
        rewards: (G,) finite rewards of one group.
        scale: In what the distance from the mean is measured.

    Returns:
        (G,) float32 advantages, which sum to zero.

    Raises:
        ValueError: A reward is not finite, the tensor is not (G,), or the scale is unknown.
    """
    scale = AdvantageScale(scale)
    if rewards.dim() != 1:
        raise ValueError(f"rewards must be of shape (G,), not {tuple(rewards.shape)}")
    if not bool(torch.isfinite(rewards).all()):
        raise ValueError(f"rewards must be finite, not {rewards.tolist()}")
    if all_equal(rewards):
        return torch.zeros(rewards.shape, dtype=torch.float32, device=rewards.device)
    exact = rewards.double()
    centred = exact - exact.mean()
    if scale is AdvantageScale.SIGMA:
        centred = centred / (exact.std() + STD_EPSILON)
    return centred.float()


def ragged_advantages(
    groups: Sequence[Sequence[float]], *, scale: AdvantageScale | str = AdvantageScale.SIGMA
) -> list[Tensor]:
    """Return the advantages of many groups, which may differ in size.

    Groups do differ: a silent author's completions are missing, and a refused one's are dropped.

    Args:
        groups: The rewards of each group.
        scale: As in `group_advantages`.

    Returns:
        One (G,) float32 tensor for each group, in the order given.
    """
    return [
        group_advantages(torch.tensor(rewards, dtype=torch.float64), scale=scale)
        for rewards in groups
    ]
