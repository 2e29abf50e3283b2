"""The losses and advantages beside the field's reference, TRL, whose own code runs here."""

import sys
import warnings
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from node.grpo import Denominators, LossStatistics, group_advantages, grpo_loss
from node.learning import LossKind, LossSettings

B, T = 7, 9
LONGEST = 12
STEPS_PER_ROUND = 3
TOKENS_OF_ROUND = 101.0


@pytest.fixture(scope="module")
def trl_trainer() -> Any:
    """TRL's GRPOTrainer class; its import warns about its own dependencies, not about us."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip(
            "trl.trainer.grpo_trainer",
            reason="trl is not installed, so there is no reference loss to compare with",
            exc_type=ImportError,
        )
    return module.GRPOTrainer


@dataclass(frozen=True)
class Batch:
    policy: Tensor
    old: Tensor
    reference: Tensor
    advantages: Tensor
    mask: Tensor


def random_batch(seed: int) -> Batch:
    """Ratios from far below to far above the clip range; a hole in the mask, as tool calls make."""
    draw = torch.Generator().manual_seed(seed)
    policy = -4 * torch.rand(B, T, generator=draw)
    lengths = torch.randint(1, T + 1, (B, 1), generator=draw)
    mask = torch.arange(T) < lengths
    mask[0] = torch.arange(T) % 2 == 0
    return Batch(
        policy=policy.requires_grad_(),
        old=policy.detach() + 0.5 * torch.randn(B, T, generator=draw),
        reference=policy.detach() + 0.3 * torch.randn(B, T, generator=draw),
        advantages=torch.randn(B, generator=draw),
        mask=mask,
    )


class StandIn:
    """What TRL's `_compute_loss` asks of its trainer, with the log-probabilities given."""

    def __init__(self, batch: Batch, settings: LossSettings) -> None:
        self.batch = batch
        self.args = SimpleNamespace(
            delta=settings.delta,
            use_bias_correction_kl=False,
            steps_per_generation=STEPS_PER_ROUND,
        )
        self.loss_type = settings.kind.value
        self.beta = settings.beta
        self.epsilon_low, self.epsilon_high = settings.epsilon_low, settings.epsilon_high
        self.importance_sampling_level = "token"
        self.top_entropy_quantile = 1.0
        self.off_policy_mask_threshold = None
        self.use_vllm = self.aux_loss_enabled = self._entropy_bonus_enabled = False
        self.current_gradient_accumulation_steps = 1
        self.max_completion_length = LONGEST
        self.model = SimpleNamespace(training=True)
        self.accelerator = SimpleNamespace(
            num_processes=1, reduce=lambda value, reduction: value, gather=lambda value: value
        )
        self._metrics: dict[str, Any] = {"train": defaultdict(list)}

    def _get_per_token_logps_and_entropies(self, *args: object, **kwargs: object) -> Any:
        return self.batch.policy, torch.zeros(B, T), None

    def metric(self, name: str) -> float:
        (value,) = self._metrics["train"][name]
        return float(value)


def their_loss(trainer: Any, batch: Batch, settings: LossSettings) -> tuple[Tensor, StandIn]:
    stand_in = StandIn(batch, settings)
    loss = trainer._compute_loss(
        stand_in,
        None,
        {
            "prompt_ids": torch.zeros(B, 2, dtype=torch.long),
            "prompt_mask": torch.ones(B, 2, dtype=torch.long),
            "completion_ids": torch.zeros(B, T, dtype=torch.long),
            "completion_mask": batch.mask.long(),
            "advantages": batch.advantages,
            "old_per_token_logps": batch.old,
            "ref_per_token_logps": batch.reference,
            "num_items_in_batch": torch.tensor(TOKENS_OF_ROUND),
        },
    )
    return loss, stand_in


def our_loss(batch: Batch, settings: LossSettings) -> tuple[Tensor, LossStatistics]:
    dapo = settings.kind is LossKind.DAPO
    return grpo_loss(
        batch.policy,
        batch.old,
        batch.advantages,
        batch.mask,
        settings=settings,
        over=Denominators(
            sequences=B,
            tokens=TOKENS_OF_ROUND / STEPS_PER_ROUND if dapo else float(batch.mask.sum()),
            completion_tokens_max=LONGEST,
        ),
        reference_logprobs=batch.reference if settings.beta else None,
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("beta", [0.0, 0.04])
@pytest.mark.parametrize("delta", [None, 1.1, 4.0])
@pytest.mark.parametrize(("epsilon_low", "epsilon_high"), [(0.2, 0.2), (0.1, 0.3)])
@pytest.mark.parametrize("kind", list(LossKind))
def test_loss_gradient_and_statistics_are_those_of_trl(
    trl_trainer: Any,
    kind: LossKind,
    epsilon_low: float,
    epsilon_high: float,
    delta: float | None,
    beta: float,
    seed: int,
) -> None:
    settings = LossSettings(
        kind=kind, epsilon_low=epsilon_low, epsilon_high=epsilon_high, delta=delta, beta=beta
    )
    batch = random_batch(seed)

    theirs, stand_in = their_loss(trl_trainer, batch, settings)
    ours, seen = our_loss(batch, settings)
    (their_slope,) = torch.autograd.grad(theirs, batch.policy)
    (our_slope,) = torch.autograd.grad(ours, batch.policy)

    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    assert torch.allclose(our_slope, their_slope, atol=1e-5)
    low, high = seen.mean(seen.clipped_low), seen.mean(seen.clipped_high)
    assert low == pytest.approx(stand_in.metric("clip_ratio/low_mean"), abs=1e-5)
    assert high == pytest.approx(stand_in.metric("clip_ratio/high_mean"), abs=1e-5)
    if beta:
        assert seen.mean(seen.kl) == pytest.approx(stand_in.metric("kl"), abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_advantages_are_those_of_trl(trl_trainer: Any, seed: int) -> None:
    """TRL computes them amid its sampling; its deviation and its epsilon are called here."""
    nanstd = sys.modules["trl.trainer.utils"].nanstd
    draw = torch.Generator().manual_seed(seed)
    rewards = torch.randint(0, 4, (6, 8), generator=draw).float() / 2

    theirs = (rewards - rewards.mean(1, keepdim=True)) / (nanstd(rewards, dim=1).view(-1, 1) + 1e-4)
    ours = torch.stack([group_advantages(group) for group in rewards])

    assert torch.allclose(ours, theirs, atol=1e-5)
