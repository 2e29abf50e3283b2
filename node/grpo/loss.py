"""The clipped policy-gradient losses of the GRPO family; knows log-probabilities and no model.

The four kinds share one loss per token and differ only in how much a token weighs:

    grpo     1 / (sequences * tokens of its own completion)      DeepSeekMath, arXiv 2402.03300
    bnpo     1 / tokens of the step                              TRL's batch-normalised variant
    dapo     1 / tokens of an average step of the round          DAPO, arXiv 2503.14476
    dr_grpo  1 / (sequences * longest completion allowed)        Dr. GRPO, arXiv 2503.20783

So a step may be computed in any number of pieces: their losses add up to the step's, provided
that each piece is told the whole step's `Denominators`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from node.learning import LossKind, LossSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Denominators:
    """The counts of one whole optimiser step that its tokens are averaged over.

    Args:
        sequences: Completions of the step.
        tokens: Unmasked tokens of the step; for dapo, of an average step of the round.
        completion_tokens_max: Longest completion allowed; for dr_grpo.
    """

    sequences: int
    tokens: float
    completion_tokens_max: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LossStatistics:
    """Sums over the unmasked tokens of one piece of a step; pieces add up.

    Args:
        tokens: How many there were.
        clipped_low: How many had a ratio below the range, and negative advantage.
        clipped_high: How many had a ratio above the range, and positive advantage.
        ratio: Sum of the (delta-bounded) ratios.
        kl: Sum of the KL estimates, in nats; 0 without a reference.
    """

    tokens: int = 0
    clipped_low: int = 0
    clipped_high: int = 0
    ratio: float = 0.0
    kl: float = 0.0

    def __add__(self, other: "LossStatistics") -> "LossStatistics":
        """Join two pieces of a step."""
        return LossStatistics(
            tokens=self.tokens + other.tokens,
            clipped_low=self.clipped_low + other.clipped_low,
            clipped_high=self.clipped_high + other.clipped_high,
            ratio=self.ratio + other.ratio,
            kl=self.kl + other.kl,
        )

    def mean(self, total: float) -> float:
        """One of the sums per token; 0 where there were none."""
        return total / self.tokens if self.tokens else 0.0


def k3_divergence(policy_logprobs: Tensor, reference_logprobs: Tensor) -> Tensor:
    """Estimate KL(policy || reference) of each token: never negative, unbiased, low variance.

    Schulman's k3: r - log r - 1 with r = reference / policy. Source:
    http://joschu.net/blog/kl-approx.html

    Example:
        >>> k3_divergence(torch.tensor([[0.0]]), torch.tensor([[-1.0]]))  # 1/e + 1 - 1
        tensor([[0.3679]])

    Args:
        policy_logprobs: (B, T) in nats, of tokens that the policy sampled.
        reference_logprobs: (B, T) the same tokens under the reference.

    Returns:
        (B, T) in nats.
    """
    log_ratio = reference_logprobs - policy_logprobs
    return torch.exp(log_ratio) - log_ratio - 1


def token_weights(mask: Tensor, kind: LossKind, over: Denominators) -> Tensor:
    """Return how much each completion's tokens weigh in the step's loss.

    Example:
        >>> mask = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
        >>> token_weights(mask, LossKind.GRPO, Denominators(sequences=2, tokens=3)).tolist()
        [[0.25], [0.5]]

    Args:
        mask: (B, T) 1 where a token counts.
        kind: How tokens are averaged.
        over: Counts of the whole step.

    Returns:
        (B, 1) weights; every token of a completion has the same.
    """
    if kind is LossKind.GRPO:
        own = mask.sum(dim=1, keepdim=True).clamp(min=1.0)
        return 1.0 / (own * max(over.sequences, 1))
    if kind is LossKind.DR_GRPO:
        divisor = float(max(over.sequences, 1) * over.completion_tokens_max)
    else:
        divisor = max(over.tokens, 1.0)
    return mask.new_full((mask.shape[0], 1), 1.0 / divisor)


def grpo_loss(
    policy_logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    settings: LossSettings,
    over: Denominators | None = None,
    reference_logprobs: Tensor | None = None,
) -> tuple[Tensor, LossStatistics]:
    """Return the loss of a step, or of a piece of it, and what was seen on the way.

    Worked example: one completion of one token, advantage 1, whose probability rose from 0.5 to
    0.75. The ratio is 1.5, clipped to 1.2, so the loss is -1.2 and has no gradient; with
    advantage -1 the smaller of -1.5 and -1.2 is taken, and the loss is 1.5.

    Args:
        policy_logprobs: (B, T) log-probabilities in nats under the weights being trained.
        old_logprobs: (B, T) the same tokens under the weights at the start of the round.
        advantages: (B,) one for each completion; every token of it shares praise and blame.
        mask: (B, T) true where a token counts; false on padding and where it must not teach.
        settings: What is minimised.
        over: Counts of the whole step; those of this batch if None (for dr_grpo, the longest
            allowed completion is then taken to be T).
        reference_logprobs: (B, T) under the reference policy; needed if beta is not 0.

    Returns:
        The scalar loss, and the piece's statistics.

    Raises:
        ValueError: beta is not 0 and there are no reference log-probabilities.
    """
    counted = mask.to(policy_logprobs.dtype)
    if over is None:
        over = Denominators(
            sequences=mask.shape[0],
            tokens=float(counted.sum()),
            completion_tokens_max=max(mask.shape[1], 1),
        )
    ratio = torch.exp(policy_logprobs - old_logprobs)
    clipped = ratio.clamp(1 - settings.epsilon_low, 1 + settings.epsilon_high)
    if settings.delta is not None:
        ratio = ratio.clamp(max=settings.delta)
    gain = advantages.to(ratio.dtype).unsqueeze(1)
    losses = -torch.min(ratio * gain, clipped * gain)
    divergence: Tensor | None = None
    if settings.beta:
        if reference_logprobs is None:
            raise ValueError("reference_logprobs must be given where beta is not 0")
        divergence = k3_divergence(policy_logprobs, reference_logprobs)
        losses = losses + settings.beta * divergence
    loss = (losses * counted * token_weights(counted, settings.kind, over)).sum()
    return loss, _statistics(ratio, gain, mask.bool(), settings, divergence)


@torch.no_grad()
def _statistics(
    ratio: Tensor, gain: Tensor, mask: Tensor, settings: LossSettings, divergence: Tensor | None
) -> LossStatistics:
    low = (ratio < 1 - settings.epsilon_low) & (gain < 0) & mask
    high = (ratio > 1 + settings.epsilon_high) & (gain > 0) & mask
    return LossStatistics(
        tokens=int(mask.sum()),
        clipped_low=int(low.sum()),
        clipped_high=int(high.sum()),
        ratio=float(ratio[mask].sum()),
        kl=float(divergence[mask].sum()) if divergence is not None else 0.0,
    )
