"""Tokens forced within a replay's margin, and the right noise behind them."""

from collections.abc import Callable
from typing import Any

import pytest

from node.attacks.margins import EXACT_MARGIN, NearTies
from node.attacks.resuming import Start, gone_on, lost_by, scores

Stage = Callable[..., Any]


def test_going_on_from_any_place_with_the_right_noise_is_the_honest_completion(
    stage: Stage,
) -> None:
    """Else an edit would show twice: where it stands, and in everything behind it."""
    scene = stage()
    bench = scene.bench()
    starts, whole = [], []
    for one in scene.honest():
        for index, completion in enumerate(one.completions):
            for place in (0, 1, len(completion.tokens) // 2, len(completion.tokens) - 1):
                key = bench.key(one.prompt_index, index)
                starts.append(Start(one.prompt_index, key, completion.tokens[:place]))
                whole.append(completion.tokens)

    assert gone_on(bench, starts) == whole


def test_what_the_noise_chooses_loses_by_nothing_and_all_else_by_more(stage: Stage) -> None:
    scene = stage()
    bench = scene.bench()
    (one, *_) = scene.honest()
    tokens = one.completions[0].tokens
    (told,) = scores(bench, [one.prompt_index], [tokens])
    key = bench.key(one.prompt_index, 0)

    for place, token in enumerate(tokens):
        assert lost_by(bench, told, key, token)[place] == 0
        other = (token + 1) % bench.policy.vocabulary_size
        assert lost_by(bench, told, key, other)[place] > EXACT_MARGIN


@pytest.mark.parametrize("margin", [2.0, 8.0])
def test_no_token_loses_by_more_than_the_margin(stage: Stage, margin: float) -> None:
    scene = stage(top_p=1.0, top_k=0)
    bench = scene.bench()

    crafted = NearTies(margin).craft(bench, scene.honest())

    assert scene.changed(crafted)
    for one in crafted:
        for index, completion in enumerate(one.completions):
            (told,) = scores(bench, [one.prompt_index], [completion.tokens])
            key = bench.key(one.prompt_index, index)
            lost = [
                lost_by(bench, told, key, token)[place]
                for place, token in enumerate(completion.tokens)
            ]
            assert max(lost) <= margin + 1e-3


@pytest.mark.parametrize("attack", ["near-tie", "near-tie-rounded"])
def test_the_real_margins_hold_nothing_to_force_and_nothing_is_refused(
    stage: Stage, attack: str
) -> None:
    """It passes the default defence, because in a hundred completions it says nothing."""
    scene = stage()

    crafted = scene.crafted(attack)

    assert not scene.changed(crafted)
    assert not any(one.verdict.refuses for one, _ in scene.judged(crafted))
