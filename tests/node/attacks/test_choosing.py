"""Honest samples, chosen."""

from collections.abc import Callable
from typing import Any

from node.attacks.copying import Copied

Stage = Callable[..., Any]


def mean(values: Any) -> float:
    found = list(values)
    return sum(found) / len(found)


def test_the_longest_right_one_of_its_places_fills_them_all(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("other-index")

    for own, made in zip(scene.honest(), crafted, strict=True):
        assert set(made.completions) <= set(own.completions)
        assert made == own or len(set(made.completions)) == 1
    assert scene.changed(crafted)
    assert mean(scene.rewards(crafted)) > mean(scene.rewards(scene.honest()))


def test_of_many_identities_the_one_with_the_longest_right_answers_writes(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("other-identity")

    assert mean(map(len, scene.tokens(crafted))) > mean(map(len, scene.tokens(scene.honest())))
    assert mean(scene.rewards(crafted)) > mean(scene.rewards(scene.honest()))


def test_what_is_withheld_is_where_length_does_not_pay(stage: Stage) -> None:
    scene = stage(mode="vertical", prompts_per_round=32)
    honest = scene.honest()

    crafted = scene.crafted("withhold")

    assert set(crafted) < set(honest)
    assert crafted
    for one in honest:
        rewards, lengths = scene.rewards([one]), list(map(len, scene.tokens([one])))
        right = [length for length, reward in zip(lengths, rewards, strict=True) if reward == 2.5]
        pays = bool(right) and mean(right) > mean(lengths)
        assert (one in crafted) == pays


def test_what_is_spoiled_reasons_rightly_and_earns_nothing(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("spoil", candidates=24)

    changed = scene.changed(crafted)
    assert changed
    solutions = {
        one.prompt_index: scene.engine.task.solution(scene.engine.task.prompt(one.prompt_index))
        for one in crafted
    }
    for one in crafted:
        for index, completion in enumerate(one.completions):
            if (one.prompt_index, index) in changed:
                reasoning = scene.text(completion).partition("</think>")[0]
                assert solutions[one.prompt_index].startswith(reasoning)
                assert scene.rewards([one])[index] < 2.5


def test_in_a_group_of_its_own_half_stays_honest_beside_what_is_spoiled(stage: Stage) -> None:
    scene = stage(mode="vertical", prompts_per_round=32)

    crafted = scene.crafted("spoil", candidates=24)

    assert scene.changed(crafted)
    assert all(index >= 4 for _, index in scene.changed(crafted))


def test_withholding_passes_the_default_defence_since_nothing_in_it_is_forged(
    stage: Stage,
) -> None:
    scene = stage()

    crafted = scene.crafted("withhold")

    assert crafted
    assert not any(one.verdict.refuses for one, _ in scene.judged(crafted))


def test_a_copy_is_the_greedy_text_in_every_place(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("copy")

    assert all(len(set(one.completions)) == 1 for one in crafted)
    assert scene.changed(crafted)
    assert mean(scene.rewards(crafted)) > mean(scene.rewards(scene.honest()))


def test_a_prompt_that_comes_again_gets_the_same_copy(stage: Stage) -> None:
    scene = stage()
    copied = Copied()
    first = copied.craft(scene.bench(), scene.honest())
    for one in scene.honest():
        copied._told[one.prompt_index] = (scene.engine.policy.eos_token,)

    again = copied.craft(scene.bench(), scene.honest())

    assert set(scene.texts(again)) == {""}
    assert again != first
