"""Who verifies: receivers whose weights are the author's own, older, rounded or others.

A receiver is a policy with stages in order; what it refuses is what `verification.py` counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tampering import AUTHORS, GROUP, SWARM, Case, Workshop, honest, keypair
from torch import Tensor

from node.learning import TrainSettings
from node.policy import CausalPolicy
from node.rollout import Group, Rollout
from node.trainer import Trainer
from node.verification import (
    Action,
    EquationAudit,
    Form,
    FormSettings,
    Judged,
    Length,
    Pipeline,
    RefusalSettings,
    Stage,
    Submission,
    what_teaches,
)
from node.verification.kinship import KinshipSettings
from node.verification.readings import Readings
from node.verification.replay import Replay
from node.verification.support import TopK
from node.verification.surprisal import Surprisal
from protocol.parameters import Encoding

State = dict[str, Tensor]

PROMPTS_PER_ROUND = 16
AUTHOR_ROUND = 4
"""The authors' weights are those of this round, of honest learning with the default settings."""
STALE_ROUNDS = 2
FAR_ROUNDS = 6
"""Of four optimiser steps each: how far on a receiver with other weights is."""
NOBODY = "nobody"


def grown(shop: Workshop, model: str, *, seed: int, rounds: int) -> list[State]:
    """Train honestly; return the weights before the first round and after each."""
    policy = CausalPolicy.load(model, device="cpu")
    trainer = Trainer(policy, TrainSettings(), seed=seed)
    states = [_copied(policy)]
    for round_index in range(rounds):
        cases = honest(
            policy,
            shop.task,
            shop.sampling,
            count=PROMPTS_PER_ROUND * GROUP,
            seed=1000 + seed,
            round_index=round_index,
        )
        groups = [
            Group(cases[at].prompt.index, tuple(_rollouts(shop, cases[at : at + GROUP])))
            for at in range(0, len(cases), GROUP)
        ]
        trainer.step(groups, round_index=round_index)
        states.append(_copied(policy))
    return states


def _copied(policy: CausalPolicy) -> State:
    return {name: tensor.clone() for name, tensor in policy.model.state_dict().items()}


def _rollouts(shop: Workshop, cases: Sequence[Case]) -> Iterator[Rollout]:
    for case in cases:
        yield Rollout(
            prompt_tokens=case.prompt_tokens,
            completion_tokens=case.tokens,
            ended=case.tokens[-1] == shop.policy.eos_token,
            reward=shop.reward(case, case.tokens),
            author=str(case.author),
            index=case.index,
        )


@dataclass(frozen=True, slots=True)
class Receiver:
    """One that verifies.

    Args:
        name: Of the column.
        readings: By its own policy.
        pipeline: Its stages.
        settings: What their refusals do.
    """

    name: str
    readings: Readings
    pipeline: Pipeline
    settings: RefusalSettings

    def judge(self, items: Sequence[Submission]) -> tuple[tuple[Judged, ...], set[Submission]]:
        """Return what is said of each submission, and which ones are left to train on."""
        judged = self.pipeline.judge(items)
        return judged, {one.item for one in what_teaches(judged, self.settings)}


def receivers(shop: Workshop, model: str, own: Sequence[State], other: State) -> list[Receiver]:
    """Return all receivers of the table, for authors with `shop.policy`'s weights.

    Args:
        shop: The authors'.
        model: What CausalPolicy.load takes.
        own: Weights after each round of the authors' own history.
        other: Weights of another history.
    """
    then = AUTHOR_ROUND
    stale = own[then : then + STALE_ROUNDS + 1]
    same = _readings(shop, model, own[then : then + 1])
    rounded = _readings(shop, model, own[then : then + 1], dtype=torch.bfloat16)
    rounded.kin.now(rounded=frozenset({shop.policy.digest()}))
    near = {
        "same": same,
        "stale, kept": _readings(shop, model, stale),
        "stale, margin": _readings(shop, model, stale, bytes_max=0),
        "bf16": rounded,
    }
    far = {
        "24 steps on": _readings(shop, model, own[then + FAR_ROUNDS :][:1]),
        "another seed": _readings(shop, model, [other]),
    }
    references = {
        "top-50": TopK(same, k=50),
        "top-60": TopK(same, k=50, slack=10),
    }
    made = [_receiver(name, same, [stage]) for name, stage in references.items()]
    made += [
        _receiver(name, readings, [form_of(shop), Length(), Replay(readings)])
        for name, readings in near.items()
    ]
    made += [
        _receiver(name, readings, [form_of(shop), EquationAudit(), Length(), Surprisal(readings)])
        for name, readings in far.items()
    ]
    return made


def _receiver(name: str, readings: Readings, stages: Sequence[Stage]) -> Receiver:
    names = {stage.name for stage in stages}
    vetoes = dict.fromkeys(names & {"equations"}, Action.VETO)
    settings = RefusalSettings(actions=vetoes)
    return Receiver(name, readings, Pipeline(stages, me=NOBODY, settings=settings), settings)


def form_of(shop: Workshop) -> Form:
    """Return the stage that knows the swarm's limits."""
    settings = FormSettings(
        encoding=Encoding.TOKENS,
        tokens_max=shop.sampling.tokens_max,
        text_bytes_max=1 << 14,
        eos_token=shop.policy.eos_token,
    )
    return Form(settings, decode=lambda tokens: shop.policy.decode(list(tokens)))


def _readings(
    shop: Workshop,
    model: str,
    history: Sequence[State],
    *,
    bytes_max: int = 1 << 28,
    dtype: torch.dtype = torch.float32,
) -> Readings:
    """Return the readings of a policy that went through a history of weights, round by round."""
    policy = CausalPolicy.load(model, device="cpu")
    policy.model.to(dtype)
    policy.model.load_state_dict(history[0])
    settings = KinshipSettings(rounds=STALE_ROUNDS, bytes_max=bytes_max)
    readings = Readings(policy, shop.sampling, swarm=SWARM, kinship=settings)
    for state in history[1:]:
        readings.close()
        policy.model.load_state_dict(state)
        readings.open()
    return readings


def submissions(shop: Workshop, cases: Sequence[Case]) -> list[Submission]:
    """Return completions as a receiver sees them, in the canonical order."""
    digest = shop.policy.digest()
    names = {author: str(keypair(author).peer_id) for author in range(AUTHORS)}
    return [
        Submission(
            author=names[case.author],
            round_index=case.round_index,
            prompt_index=case.prompt.index,
            index=case.index,
            prompt=case.prompt.text,
            text=shop.text(case.tokens),
            tokens=case.tokens,
            ended=case.tokens[-1] == shop.policy.eos_token,
            reward=shop.reward(case, case.tokens),
            prompt_tokens=case.prompt_tokens,
            policy_digest=digest,
        )
        for case in cases
    ]
