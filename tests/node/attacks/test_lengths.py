"""Right answers that are longer than they need be."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from node.attacks.answers import right_samples
from node.attacks.working import taken_apart
from node.payload import Payload

Stage = Callable[..., Any]
HAIL = Payload.parse("phrase:All hail to the thief")


def mean(values: list[int]) -> float:
    return sum(values) / len(values)


def test_rambling_says_right_sentences_again_up_to_the_limit(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("ramble")

    limit = scene.engine.parameters.completion_tokens_max
    lengths = [len(tokens) for tokens in scene.tokens(crafted)]
    assert mean(lengths) > 0.75 * limit
    assert max(lengths) <= limit
    assert set(scene.rewards(crafted)) == {2.5}
    for text in scene.texts(crafted):
        answer = taken_apart(text)
        assert answer is not None
        said = [len(list(times)) for _, times in groupby(answer.sentences)]
        assert max(said) > 1


def test_the_longest_right_one_of_many_samples_is_handed_in(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("longest", candidates=24)

    right = right_samples(scene.bench("longest", candidates=24), scene.honest())
    for one, samples in zip(crafted, right, strict=True):
        if samples:
            assert {len(each.tokens) for each in one.completions} == {max(map(len, samples))}
            assert {each.tokens for each in one.completions} <= set(samples)
        else:
            assert one in scene.honest()
    assert sum(map(bool, right)) > 0.75 * len(right)


def test_without_an_oracle_the_longest_of_the_majority_is(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("longest", candidates=24, oracle=False)

    rewards = scene.rewards(crafted)
    assert rewards.count(2.5) > 0.7 * len(rewards)


def test_blanks_fill_a_right_answer_to_the_last_token(stage: Stage) -> None:
    """There the check published with the paper finds no padding, and stops looking."""
    scene = stage()

    crafted = scene.crafted("pad")

    limit = scene.engine.parameters.completion_tokens_max
    assert {len(tokens) for tokens in scene.tokens(crafted)} == {limit}
    assert all(map(HAIL.is_shown_by, scene.texts(crafted)))
    assert set(scene.rewards(crafted)) == {2.5}
