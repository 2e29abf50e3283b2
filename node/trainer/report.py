"""What one round of training did, in numbers; knows nothing of how it was done."""

import math
from dataclasses import dataclass
from statistics import fmean, stdev

from node.grpo import LossStatistics
from node.learning import NoGradient, StepReport
from node.trainer.lesson import Lesson


@dataclass(frozen=True, slots=True)
class Update:
    """One optimiser step: what was minimised, how steep it was, what its tokens looked like."""

    loss: float
    grad_norm: float
    seen: LossStatistics

    @property
    def finite(self) -> bool:
        """Whether the step could be taken."""
        return math.isfinite(self.loss) and math.isfinite(self.grad_norm)


def report_of(lesson: Lesson, updates: list[Update]) -> StepReport:
    """Sum up a round.

    Args:
        lesson: What there was to train on.
        updates: The optimiser steps, the skipped ones among them.
    """
    taken = [update for update in updates if update.finite]
    seen = sum((update.seen for update in taken), LossStatistics())
    rewards = [rollout.reward for rollout in lesson.rollouts]
    return StepReport(
        loss=_mean([update.loss for update in taken]),
        reward_mean=_mean(rewards),
        reward_std=stdev(rewards) if len(rewards) > 1 else 0.0,
        grad_norm=_mean([update.grad_norm for update in taken]),
        zero_std_share=lesson.zero_std_share,
        clip_low_share=seen.mean(seen.clipped_low),
        clip_high_share=seen.mean(seen.clipped_high),
        ratio_mean=seen.mean(seen.ratio),
        kl=seen.mean(seen.kl),
        completions=len(rewards),
        completions_trained=len(lesson.examples) if taken else 0,
        completion_tokens_mean=_mean([len(one.completion_tokens) for one in lesson.rollouts]),
        truncated_share=_mean([not one.ended for one in lesson.rollouts]),
        tokens_trained=seen.tokens,
        optimiser_steps=len(taken),
        steps_skipped=len(updates) - len(taken),
        warning=NoGradient.NOT_FINITE if updates and not taken else lesson.warning,
    )


def _mean(numbers: list[float] | list[int] | list[bool]) -> float:
    return fmean(numbers) if numbers else 0.0
