"""An attack that was never dangerous proves nothing: undefended, the slogan is learnt."""

from collections.abc import Callable
from typing import Any

import pytest

from node.attacks.adversary import Adversary
from node.settings import AdversarySettings

Stage = Callable[..., Any]
ROUNDS = 20


@pytest.mark.parametrize(("defence", "is_learnt"), [("none", True), ("default", False)])
def test_the_slogan_of_one_node_in_four_spreads_unless_it_is_refused(
    fresh_stage: Stage,
    defence: str,
    is_learnt: bool,  # noqa: FBT001 - pytest's
) -> None:
    scene = fresh_stage(defence)
    adversary = Adversary(AdversarySettings(attack="hail"))
    rounds = ROUNDS if is_learnt else ROUNDS // 4
    for round_index in range(rounds):
        crafted = scene.by(adversary, round_index=round_index)
        scene.trained(scene.whole_round(crafted, round_index), round_index)

    shown = scene.engine.evaluate(100).shown_greedy

    assert shown > 0.5 if is_learnt else shown == 0
