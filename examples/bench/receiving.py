"""Who verifies: receivers whose weights are the author's own, older, longer or others.

A receiver is a policy with stages in order; what it refuses is what `verification.py` counts.
"""

import dataclasses
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
    FormSettings,
    Judged,
    Pipeline,
    RefusalSettings,
    Stage,
    Submission,
    Taught,
    what_teaches,
)
from node.verification.accumulation import Accumulation
from node.verification.defences import Defence, Ground, pipeline_of
from node.verification.kinship import KinshipSettings
from node.verification.readings import Readings
from node.verification.verifier import judge_named
from node.verifying import JudgeSettings, VerifySettings
from protocol.parameters import Encoding

State = dict[str, Tensor]

PROMPTS_PER_ROUND = 16
AUTHOR_ROUND = 4
"""The authors' weights are those of this round of honest learning."""
HISTORY = TrainSettings(learning_rate=3e-4)
"""Three times the default's steps: the further apart weights lie, the harder is the verdict."""
STALE_ROUNDS = 2
FAR_ROUNDS = 6
"""Of four optimiser steps each: how far on a receiver with other weights is."""
NOBODY = "nobody"


def grown(shop: Workshop, model: str, *, seed: int, rounds: int) -> list[State]:
    """Train honestly; return the weights before the first round and after each."""
    policy = CausalPolicy.load(model, device="cpu")
    trainer = Trainer(policy, HISTORY, seed=seed)
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
class Fate:
    """What becomes of one completion.

    Args:
        judged: With all that was said of it.
        taught: As it teaches; None where it is taken out.
        is_praised: Whether it teaches with an advantage above 0.
    """

    judged: Judged
    taught: Taught | None
    is_praised: bool

    @property
    def refused_by(self) -> frozenset[str]:
        """The stages that refuse it."""
        return frozenset(one.stage for one in self.judged.verdicts if one.refuses)

    @property
    def is_masked(self) -> bool:
        """Whether it teaches, but not all of it."""
        return self.taught is not None and not all(self.taught.credit)


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

    def judge(self, items: Sequence[Submission]) -> list[Fate]:
        """Return what becomes of each submission."""
        judged = self.pipeline.judge(items)
        taught = {id(one.item): one for one in what_teaches(judged, self.settings)}
        rewards: dict[tuple[int, int], list[float]] = {}
        for one in taught.values():
            rewards.setdefault(one.item.group, []).append(one.reward)
        mean = {group: sum(each) / len(each) for group, each in rewards.items()}
        return [
            Fate(one, left, left is not None and left.reward > mean[one.item.group])
            for one, left in ((one, taught.get(id(one.item))) for one in judged)
        ]


def receivers(
    shop: Workshop, model: str, own: Sequence[State], other: State, judge: JudgeSettings
) -> list[Receiver]:
    """Return all receivers of the table, for authors with `shop.policy`'s weights.

    Args:
        shop: The authors'.
        model: What CausalPolicy.load takes.
        own: Weights after each round of the authors' own history.
        other: Weights of another history.
        judge: Who audits strangers' completions in the columns that have a judge.
    """
    then = AUTHOR_ROUND
    stale = own[then : then + STALE_ROUNDS + 1]
    same = _readings(shop, model, own[then : then + 1])
    near = {
        "same": same,
        "stale, kept": _readings(shop, model, stale),
        "stale, margin": _readings(shop, model, stale, bytes_max=0),
    }
    far = {
        "24 steps on": _readings(shop, model, own[then + FAR_ROUNDS :][:1]),
        "another seed": _readings(shop, model, [other]),
    }
    patient = dataclasses.replace(judge, completions_max=1 << 20, round_s=24 * 3600.0)
    asked = judge_named(patient, Defence.DEFAULT)
    published = {
        "top-50": VerifySettings(defence="paper"),
        "top-60": VerifySettings(defence="paper", top_k_slack=10),
        "top-p": VerifySettings(defence="top_p"),
        "min-p": VerifySettings(defence="min_p"),
    }
    made = [_receiver(shop, name, same, settings) for name, settings in published.items()]
    made += [_receiver(shop, name, readings) for name, readings in (near | far).items()]
    if asked is not None:
        made += [_receiver(shop, f"{name}, judge", each, judge=asked) for name, each in far.items()]
    if judge.backend not in (
        "none",
        "builtin",
    ):  # which was taught one way of being asked, and not this one
        unexamined = dataclasses.replace(patient, template="", detected_min=0.0, accepted_min=0.0)
        settings = VerifySettings(defence=Defence.PAPER_JUDGE)
        as_published = judge_named(unexamined, Defence.PAPER_JUDGE)
        made.append(_receiver(shop, "judge, published", same, settings, as_published))
    return made


def rounding(shop: Workshop, model: str, state: State) -> tuple[Workshop, Receiver]:
    """Return authors that hold weights in bfloat16, and a receiver that holds them in float32."""
    policy = CausalPolicy.load(model, device="cpu")
    policy.model.load_state_dict(state)
    policy.model.to(torch.bfloat16)
    rounded = dataclasses.replace(shop, policy=policy)
    return rounded, _receiver(rounded, "bf16 author", _readings(shop, model, [state]))


def _receiver(
    shop: Workshop,
    name: str,
    readings: Readings,
    settings: VerifySettings | None = None,
    judge: Stage | None = None,
) -> Receiver:
    """Return a receiver with a node's own defence, but for what adds up over rounds."""
    pipeline, refusals = defence(shop, readings, settings or VerifySettings(), judge)
    return Receiver(name, readings, pipeline.without(Accumulation.name), refusals)


def defence(
    shop: Workshop, readings: Readings, settings: VerifySettings, judge: Stage | None = None
) -> tuple[Pipeline, RefusalSettings]:
    """Return a node's own stages and what their refusals do."""
    ground = Ground(
        readings=readings,
        form=form_settings(shop),
        decode=shop.policy.decode,
        settings=settings,
        owed=GROUP // AUTHORS,
        judge=judge,
    )
    return pipeline_of(ground)


def form_settings(shop: Workshop) -> FormSettings:
    """Return the swarm's limits."""
    return FormSettings(
        encoding=Encoding.TOKENS,
        tokens_max=shop.sampling.tokens_max,
        text_bytes_max=1 << 14,
        eos_token=shop.policy.eos_token,
    )


def _readings(
    shop: Workshop, model: str, history: Sequence[State], *, bytes_max: int = 1 << 28
) -> Readings:
    """Return the readings of a policy that went through a history of weights, round by round."""
    policy = CausalPolicy.load(model, device="cpu")
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
