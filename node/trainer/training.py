"""The update itself: groups in, changed weights out, the same on every node of one build.

Whose completions they are does not matter here: the log-probabilities that ratios are taken
against are always this node's own, under its weights at the start of the round. No sender is asked
for his, so none can lie about them.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from node.checkpoint import Snapshot, copy_into, tensor_chunks
from node.faults import CheckpointFault
from node.grpo import (
    Denominators,
    LossStatistics,
    grpo_loss,
    microbatches,
    minibatches,
    pad_rows,
    token_mask,
)
from node.learning import LossKind, StepReport, TrainSettings
from node.rollout import Group
from node.trainer.lesson import Example, lesson_of
from node.trainer.report import Update, report_of
from node.trainer.weights import (
    distinct_tensors,
    moments_by_name,
    moments_from,
    replaced,
    trainable,
)

_READ_AT_ONCE = 4
"""Microbatches in one pass without gradients, which keeps no activations of inner layers."""


class Trainable(Protocol):
    """What can be trained: a module, and how likely it is to write what somebody wrote."""

    @property
    def model(self) -> nn.Module:
        """The module whose parameters are trained, in place."""

    def logprobs(
        self,
        prompts: Sequence[tuple[int, ...]],
        completions: Sequence[tuple[int, ...]],
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        """Return (B, T) log-probabilities of the completions' tokens, in nats; 0 on padding."""


@dataclass(frozen=True, slots=True)
class _Material:
    """One round's examples, and what they looked like before it.

    Args:
        examples: In the canonical order.
        old: (t,) log-probabilities at the start of the round, by index. Those of the first
            optimiser step are filled in by that step, which sees them anyway.
        reference: The same under the reference policy; empty without a KL term.
        tokens_per_step: Completion tokens of an average optimiser step.
    """

    examples: Sequence[Example]
    old: dict[int, Tensor]
    reference: Mapping[int, Tensor]
    tokens_per_step: float

    def tokens(self, indices: Sequence[int]) -> list[int]:
        """How many tokens teach, of some of the completions."""
        return [self.examples[index].tokens_credited for index in indices]

    def mask(self, indices: Sequence[int], *, width: int) -> Tensor:
        """(B, T) true where a token of some of the completions teaches."""
        mask = token_mask([len(self.examples[i].completion) for i in indices], width=width)
        for row, index in enumerate(indices):
            credit = self.examples[index].credit
            if credit:
                mask[row, : len(credit)] &= torch.tensor(credit)
        return mask


class Trainer:
    """Trains one policy, round after round.

    Two trainers of one build, on like processors and with the same number of torch threads (which
    decides the order of sums), that start from the same weights with the same settings and seed,
    and are given the same groups in the same order in the same rounds, end with the same bits.

    Args:
        policy: What to train; its weights now are the reference that `settings.beta` speaks of.
        settings: How.
        seed: Decides which completions share an optimiser step, so it must be the swarm's, not
            the node's own.
        temperature: The one that completions are sampled at: log-probabilities are those of the
            sampling distribution at that temperature, before top-k and top-p cut its tail. (What
            was cut differs between two sets of weights, and the ratio of a token that one of
            them cuts would be 0 or infinite.)
        completion_tokens_max: The longest completion allowed; the divisor of dr_grpo.
    """

    def __init__(
        self,
        policy: Trainable,
        settings: TrainSettings,
        seed: int,
        *,
        temperature: float = 1.0,
        completion_tokens_max: int = 64,
    ) -> None:
        self.settings = settings
        self.seed = seed
        self._temperature = temperature
        self._completion_tokens_max = completion_tokens_max
        self._policy = policy
        # Dropout would make the ratio of unchanged weights differ from 1.
        policy.model.eval()
        self._parameters = trainable(policy.model)
        self._device = next(iter(self._parameters.values())).device
        devices = {parameter.device.type for parameter in self._parameters.values()}
        self._optimizer = torch.optim.AdamW(
            self._parameters.values(),
            lr=settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            fused=devices <= {"cpu", "cuda"},
        )
        self._reference = (
            {name: weight.detach().clone() for name, weight in self._parameters.items()}
            if settings.beta
            else {}
        )

    def step(self, groups: Sequence[Group], *, round_index: int) -> StepReport:
        """Learn from one round.

        Args:
            groups: In the canonical order; none is a normal state.
            round_index: The 0-based round they are of.

        Returns:
            What was done. A loss or gradient that is no finite number is not raised: that
            optimiser step is skipped, and counted.
        """
        lesson = lesson_of(groups, self.settings)
        if lesson.warning is not None:
            return report_of(lesson, [])
        steps = [
            portion
            for epoch in range(self.settings.epochs)
            for portion in minibatches(
                len(lesson.examples),
                portions=self.settings.minibatches,
                key=self._key(round_index, epoch),
            )
        ]
        material = self._material(lesson.examples, steps)
        return report_of(lesson, [self._update(material, portion) for portion in steps])

    def snapshot(
        self,
        round_index: int,
        state: Mapping[str, Any] | None = None,
        kept: Mapping[str, Tensor] | None = None,
    ) -> Snapshot:
        """Return all that `restore` needs; the tensors are the live ones, not copies.

        Args:
            round_index: The round to do next.
            state: JSON values that the caller wants back; "trainer" is taken.
            kept: Tensors that the caller wants back.
        """
        if state and "trainer" in state:
            raise ValueError("\"trainer\" is the trainer's own key in a snapshot's state")
        own = {
            "settings": asdict(self.settings),
            "settings_digest": self.settings.digest(),
            "seed": self.seed,
            "reference": self._reference_digest(),
        }
        return Snapshot(
            round_index=round_index,
            model=distinct_tensors(self._policy.model),
            optimizer=moments_by_name(self._optimizer, self._parameters),
            torch_rng=torch.get_rng_state(),
            state={**(state or {}), "trainer": own},
            kept=kept or {},
        )

    def restore(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Go on from a snapshot, or change nothing.

        The learning rate and the other settings stay this trainer's own.

        Returns:
            The settings (or "seed") in which the snapshot's run differs from this trainer.

        Raises:
            CheckpointFault: It is of another model, or of another reference policy.
        """
        own = snapshot.state["trainer"]
        if self._reference and own["reference"] != self._reference_digest():
            raise CheckpointFault(
                "the checkpoint's reference policy is not the model that was loaded now",
                fix="load the model that the run began with, or set beta to 0",
            )
        moments = moments_from(snapshot.optimizer, self._parameters)
        copy_into(distinct_tensors(self._policy.model), snapshot.model, what="model")
        self._optimizer.state.clear()
        self._optimizer.state.update(moments)
        torch.set_rng_state(snapshot.torch_rng)
        # Written and read once, as theirs were: tuples have become lists.
        mine = json.loads(json.dumps({**asdict(self.settings), "seed": self.seed}))
        theirs = {**own["settings"], "seed": own["seed"]}
        return tuple(sorted(name for name in mine if mine[name] != theirs.get(name)))

    def _key(self, round_index: int, epoch: int) -> bytes:
        named = f"drl/minibatches/seed={self.seed}/round={round_index}/epoch={epoch}"
        return hashlib.sha256(named.encode()).digest()

    def _reference_digest(self) -> str | None:
        if not self._reference:
            return None
        digest = hashlib.sha256()
        for chunk in tensor_chunks(self._reference):
            digest.update(chunk)
        return digest.hexdigest()

    def _material(self, examples: Sequence[Example], steps: list[tuple[int, ...]]) -> _Material:
        first = set(steps[0])
        known = {
            index: torch.tensor(example.old, device=self._device)
            for index, example in enumerate(examples)
            if example.old
        }
        later = [i for i in range(len(examples)) if i not in first and i not in known]
        reference: dict[int, Tensor] = {}
        if self._reference:
            with replaced(self._parameters, self._reference):
                reference = self._logprob_rows(examples, range(len(examples)))
        tokens = self.settings.epochs * sum(example.tokens_credited for example in examples)
        return _Material(
            examples=examples,
            old=known | self._logprob_rows(examples, later),
            reference=reference,
            tokens_per_step=tokens / len(steps),
        )

    @torch.no_grad()
    def _logprob_rows(
        self, examples: Sequence[Example], indices: Sequence[int]
    ) -> dict[int, Tensor]:
        """Log-probabilities under the weights of this moment, by index, without padding."""
        rows: dict[int, Tensor] = {}
        for portion in microbatches(indices, size=_READ_AT_ONCE * self.settings.microbatch_size):
            rows |= _rows(examples, portion, self._logprobs(examples, portion))
        return rows

    def _logprobs(self, examples: Sequence[Example], indices: Sequence[int]) -> Tensor:
        return self._policy.logprobs(
            [examples[index].prompt for index in indices],
            [examples[index].completion for index in indices],
            temperature=self._temperature,
        )

    def _update(self, material: _Material, portion: Sequence[int]) -> Update:
        """Take one optimiser step, unless its loss or gradient is no finite number."""
        dapo = self.settings.loss_settings.kind is LossKind.DAPO
        over = Denominators(
            sequences=len(portion),
            tokens=material.tokens_per_step if dapo else sum(material.tokens(portion)),
            completion_tokens_max=self._completion_tokens_max,
        )
        self._optimizer.zero_grad(set_to_none=True)
        loss, seen = 0.0, LossStatistics()
        for micro in microbatches(portion, size=self.settings.microbatch_size):
            of_micro, statistics = self._loss(material, micro, over)
            of_micro.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            loss += of_micro.item()
            seen += statistics
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), self.settings.grad_clip_norm)
        update = Update(loss, norm.item(), seen)
        if update.finite:
            self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return update

    def _loss(
        self, material: _Material, micro: Sequence[int], over: Denominators
    ) -> tuple[Tensor, LossStatistics]:
        logprobs = self._logprobs(material.examples, micro)
        for index, row in _rows(material.examples, micro, logprobs.detach()).items():
            material.old.setdefault(index, row)
        width = logprobs.shape[1]
        advantages = torch.tensor([material.examples[index].advantage for index in micro])
        reference = [material.reference[index] for index in micro if material.reference]
        return grpo_loss(
            logprobs,
            pad_rows([material.old[index] for index in micro], width=width),
            advantages.to(logprobs),
            material.mask(micro, width=width).to(logprobs.device),
            settings=self.settings.loss_settings,
            over=over,
            reference_logprobs=pad_rows(reference, width=width) if reference else None,
        )


def _rows(
    examples: Sequence[Example], indices: Sequence[int], logprobs: Tensor
) -> dict[int, Tensor]:
    """Cut a padded (B, T) batch into its completions, by index."""
    return {
        index: row[: len(examples[index].completion)]
        for index, row in zip(indices, logprobs, strict=True)
    }
