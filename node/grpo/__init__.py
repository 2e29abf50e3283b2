"""GRPO as arithmetic: rewards to advantages to a loss. Knows tensors; no model, peer or clock.

Letters used throughout: B completions, T completion tokens (of the longest), G completions of
one group (one prompt).
"""

from node.grpo.advantages import all_equal, group_advantages, ragged_advantages
from node.grpo.batch import microbatches, minibatches, pad_rows, token_mask
from node.grpo.loss import Denominators, LossStatistics, grpo_loss
from node.grpo.shares import share_factors

__all__ = [
    "Denominators",
    "LossStatistics",
    "all_equal",
    "group_advantages",
    "grpo_loss",
    "microbatches",
    "minibatches",
    "pad_rows",
    "ragged_advantages",
    "share_factors",
    "token_mask",
]
