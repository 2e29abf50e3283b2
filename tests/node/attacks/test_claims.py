"""What an attacker says of its weights."""

import copy
from collections.abc import Callable
from typing import Any

import torch

from node.attacks.claims import Rounded, Stale, Stranger
from node.policy.digests import weights_digest
from node.verification.kinship import Kinship

Stage = Callable[..., Any]


class Honest:
    """The change is all that is looked at."""

    def craft(self, bench: Any, honest: Any) -> Any:
        return honest


def kinships(scene: Any, crafted: Any) -> set[Kinship]:
    return {reading.kinship for _, reading in scene.judged(crafted)}


def test_a_strangers_weights_are_unknown_and_always_the_same(stage: Stage) -> None:
    scene = stage()

    first, second = (Stranger(Honest()).craft(scene.bench(), scene.honest()) for _ in range(2))

    assert kinships(scene, first) == {Kinship.OTHER}
    assert first == second
    assert [one.completions for one in first] == [one.completions for one in scene.honest()]


def test_rounded_weights_are_recognised_as_such(stage: Stage) -> None:
    scene = stage()
    shorter = copy.deepcopy(scene.engine.policy.model).to(torch.bfloat16)

    crafted = Rounded(Honest()).craft(scene.bench(), scene.honest())

    assert {one.policy_digest for one in crafted} == {weights_digest(shorter)}
    assert kinships(scene, crafted) == {Kinship.ROUNDED}
    assert next(scene.engine.policy.model.parameters()).dtype is torch.float32


def test_stale_weights_are_those_of_the_round_before(fresh_stage: Stage) -> None:
    scene = fresh_stage(prompts_per_round=4, completions_per_prompt=4)
    stale = Stale(Honest())
    digests, named = [], []
    for round_index in range(3):
        digests.append(scene.engine.policy.digest())
        crafted = stale.craft(scene.bench(), scene.honest(round_index=round_index))
        named += {one.policy_digest for one in crafted}
        scene.trained(scene.whole_round(crafted, round_index), round_index)

    assert named == [digests[0], digests[0], digests[1]]
