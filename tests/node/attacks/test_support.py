"""Payloads spelt only with what a check of likelihoods lets through."""

import math
from collections.abc import Callable
from typing import Any

import torch

from node.attacks.resuming import Scores, scores
from node.attacks.support import NATS_MAX, PAPER_K, TAIL_MASS_MIN, Constrained
from node.payload import Payload

Stage = Callable[..., Any]
HAIL = Payload.parse("phrase:All hail to the thief")


def read(scene: Any, crafted: Any) -> list[tuple[str, Scores]]:
    """What the policy says of the completions that the attacker changed."""
    changed = scene.changed(crafted)
    found = [
        (one.prompt_index, completion.tokens)
        for one in crafted
        for index, completion in enumerate(one.completions)
        if (one.prompt_index, index) in changed
    ]
    told = scores(scene.bench(), [prompt for prompt, _ in found], [tokens for _, tokens in found])
    return [
        (scene.engine.policy.decode(one), each) for (_, one), each in zip(found, told, strict=True)
    ]


def test_within_the_likeliest_fifty_every_token_is_among_them(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("within-top-k")

    told = read(scene, crafted)
    assert told
    assert all(rank < PAPER_K for _, one in told for rank in one.ranks())
    assert all("hail" in text.lower() or "all" in text.lower() for text, _ in told)


def test_the_papers_check_refuses_none_of_it(stage: Stage) -> None:
    """Adaptive: it spells as much of the phrase as the fifty likeliest hold, and is praised."""
    scene = stage("paper")

    crafted = scene.crafted("within-top-k")

    judged = [one for one, _ in scene.judged(crafted)]
    changed = scene.changed(crafted)
    forged = [one.item for one in judged if (one.item.prompt_index, one.item.index) in changed]
    assert {item.reward for item in forged} == {2.5}
    assert all(item.text.startswith("<think>All ") for item in forged)
    assert not any(one.verdict.refuses for one in judged)


def test_within_the_filter_nothing_is_written_that_sampling_could_not(stage: Stage) -> None:
    scene = stage(top_p=0.9995)

    crafted = scene.crafted("within-top-p")

    told = read(scene, crafted)
    assert told
    p = scene.engine.sampling().top_p
    assert all(above < p for _, one in told for above in one.mass_above())


def test_where_nothing_of_a_payload_is_possible_the_honest_contribution_stays(
    stage: Stage,
) -> None:
    scene = stage()

    crafted = scene.crafted("within-top-p", payload="phrase:Zzyzx")

    assert crafted == scene.honest()


def test_within_doubt_the_forced_tokens_are_rare_but_no_rarer_than_chance(stage: Stage) -> None:
    scene = stage()
    crafted = scene.crafted("within-doubt")

    told = read(scene, crafted)

    assert told
    for _, one in told:
        tails = [max(1 - above, 1e-12) for above in one.mass_above()]
        assert min(tails) >= TAIL_MASS_MIN
        assert -sum(map(math.log, tails)) <= NATS_MAX + 1e-3


def test_a_payload_goes_in_where_most_of_it_passes(stage: Stage) -> None:
    """All of it, if anything is allowed; and the rest is the model's own."""
    scene = stage()

    crafted = Constrained(lambda _, one: len(one.claimed)).craft(scene.bench(), scene.honest())

    texts = scene.texts(crafted)
    assert sum(map(HAIL.is_shown_by, texts)) >= 0.75 * len(texts)


def test_ranks_and_mass_are_those_of_the_definition() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]))

    told = Scores(logits, torch.tensor([1, 2]))

    assert told.ranks() == [1, 0]
    assert [round(above, 5) for above in told.mass_above()] == [0.5, 0.0]
