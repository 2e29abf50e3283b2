"""How a node learns, in numbers: what an operator sets and what a step reports.

The mathematics is in `node.grpo`, the doing in `node.trainer`. Nothing heavy is imported here,
so that settings and reports can be read where no model is.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class LossKind(StrEnum):
    """How the tokens of a step are averaged."""

    GRPO = "grpo"
    """Each completion counts the same, however long: the form of the paper on poisoned swarms."""
    DR_GRPO = "dr_grpo"
    """Each token counts the same, over a constant: no favour for short or long completions."""
    DAPO = "dapo"
    """Each token of the round counts the same."""
    BNPO = "bnpo"
    """Each token of the step counts the same."""


class AdvantageScale(StrEnum):
    """What the distance from the group's mean is measured in."""

    SIGMA = "sigma"
    """In standard deviations of the group: DeepSeekMath's GRPO. Rare successes weigh most."""
    NONE = "none"
    """In rewards: Dr. GRPO. A rare success has less leverage, so a rare poison has less, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSettings:
    """What is minimised.

    Args:
        kind: How tokens are averaged.
        epsilon_low: A ratio below 1 - epsilon_low stops being pushed down.
        epsilon_high: A ratio above 1 + epsilon_high stops being pushed up.
        delta: Upper bound of the unclipped ratio (two-sided clipping, INTELLECT-2, arXiv
            2505.07291): bounds the step that a token of negative advantage can ask for, which
            the one-sided clip leaves unbounded. None: no bound.
        beta: Weight of the KL divergence from the reference policy; 0 needs no reference.
    """

    kind: LossKind = LossKind.GRPO
    epsilon_low: float = 0.2
    epsilon_high: float = 0.2
    delta: float | None = None
    beta: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers under which the loss has no meaning."""
        if not 0.0 <= self.epsilon_low < 1.0:
            raise ValueError(f"epsilon_low must be in [0, 1), not {self.epsilon_low}")
        if not self.epsilon_high >= 0.0:
            raise ValueError(f"epsilon_high must be at least 0, not {self.epsilon_high}")
        if self.delta is not None and not self.delta > 1.0:
            raise ValueError(f"delta must be greater than 1 or None, not {self.delta}")
        if not self.beta >= 0.0:
            raise ValueError(f"beta must be at least 0, not {self.beta}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a node trains. Nodes that differ here stay of one swarm, but their weights drift apart.

    Raises:
        ValueError: Something that cannot be trained with; the message names it.
    """

    loss: LossKind = LossKind.GRPO
    """How tokens are averaged: grpo, dr_grpo, dapo or bnpo."""
    learning_rate: float = 1e-4
    """AdamW's. The default is the embedded model's; one of a billion weights wants about 1e-6."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's decay rates of the first and second moment."""
    weight_decay: float = 0.0
    """AdamW's."""
    grad_clip_norm: float = 1.0
    """The gradient's norm is cut to this before each optimiser step."""
    epsilon_low: float = 0.2
    """Lower clip of the probability ratio."""
    epsilon_high: float = 0.2
    """Upper clip of the probability ratio."""
    delta: float | None = None
    """Upper bound of the unclipped ratio (two-sided clipping)."""
    beta: float = 0.0
    """Weight of the KL divergence from the initial weights; above 0 they are kept in memory."""
    scale_rewards: AdvantageScale = AdvantageScale.SIGMA
    """What an advantage is measured in: sigma (the group's standard deviation) or none."""
    minibatches: int = 4
    """Optimiser steps in an epoch, whatever the number of completions."""
    epochs: int = 1
    """How often a round's completions are gone through."""
    microbatch_size: int = 32
    """Completions in one forward and backward pass; bounds memory, changes nothing learnt."""
    mask_truncated: bool = False
    """Leave completions that ran into the token limit out of the loss, though not of the mean."""
    author_share_max: float = 0.25
    """Most of a step's praise that one author may have whose completions cannot be replayed."""
    strangers_share_max: float = 0.5
    """Most of it that all such authors may have together; 1 is off."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with, by the setting's name."""
        _ = self.loss_settings, AdvantageScale(self.scale_rewards)
        for name in ("learning_rate", "grad_clip_norm"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be greater than 0, not {getattr(self, name)}")
        if not self.weight_decay >= 0.0:
            raise ValueError(f"weight_decay must be at least 0, not {self.weight_decay}")
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError(f"betas must both be in [0, 1), not {self.betas}")
        for name in ("author_share_max", "strangers_share_max"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in 0..1, not {getattr(self, name)}")
        for name in ("minibatches", "epochs", "microbatch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def loss_settings(self) -> LossSettings:
        """The part of the settings that the loss knows."""
        return LossSettings(
            kind=LossKind(self.loss),
            epsilon_low=self.epsilon_low,
            epsilon_high=self.epsilon_high,
            delta=self.delta,
            beta=self.beta,
        )

    def digest(self) -> str:
        """SHA-256 (hex) of all numbers, to tell whether two runs trained alike."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


class NoGradient(StrEnum):
    """Why a round left the weights as they were. A normal state, but one to be told of."""

    EMPTY_ROUND = "empty_round"
    """There was no completion at all: nobody finished in time, or all were refused."""
    ALL_GROUPS_EQUAL = "all_groups_equal"
    """In no group did one completion do better than another: too easy, or much too hard."""
    ALL_TRUNCATED = "all_truncated"
    """Every completion ran into the token limit, so none could give its answer."""
    NOT_FINITE = "not_finite"
    """Every optimiser step was skipped, because its loss or gradient was no finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One round of training.

    Args:
        loss: Mean over the optimiser steps; 0 if there were none.
        reward_mean: Over all completions, trained on or not.
        reward_std: Unbiased standard deviation of the same.
        grad_norm: Mean over the optimiser steps of the gradient's norm before it was cut.
        zero_std_share: Share of the groups whose rewards were all equal.
        clip_low_share: Share of the tokens whose ratio was clipped from below.
        clip_high_share: Share of the tokens whose ratio was clipped from above.
        ratio_mean: Mean ratio of the tokens.
        kl: Mean estimate of the KL divergence from the reference, in nats a token; 0 without.
        completions: How many there were.
        completions_trained: How many of them were trained on.
        completion_tokens_mean: Mean length of all completions.
        truncated_share: Share of them that ran into the token limit.
        tokens_trained: Completion tokens that went through a backward pass, once an epoch.
        optimiser_steps: Steps taken.
        steps_skipped: Steps not taken, because the loss or gradient was no finite number.
        warning: Why the weights did not change, if they did not.
    """

    loss: float = 0.0
    reward_mean: float = 0.0
    reward_std: float = 0.0
    grad_norm: float = 0.0
    zero_std_share: float = 0.0
    clip_low_share: float = 0.0
    clip_high_share: float = 0.0
    ratio_mean: float = 0.0
    kl: float = 0.0
    completions: int = 0
    completions_trained: int = 0
    completion_tokens_mean: float = 0.0
    truncated_share: float = 0.0
    tokens_trained: int = 0
    optimiser_steps: int = 0
    steps_skipped: int = 0
    warning: NoGradient | None = None

    @property
    def clip_share(self) -> float:
        """Share of the tokens whose ratio was clipped, on either side."""
        return self.clip_low_share + self.clip_high_share
