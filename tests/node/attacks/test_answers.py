"""Where right answers come from: the solutions, or what most samples say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from node.attacks.answers import believed_right, right_texts
from node.attacks.attack import Workbench
from node.attacks.working import taken_apart, with_answer
from node.tasks import Prompt, Score, Task

Stage = Callable[..., Any]


class Blind:
    """A task that must not be asked what is right."""

    def __init__(self, task: Task) -> None:
        self.name, self.digest = task.name, task.digest
        self.train_prompts, self.eval_prompts = task.train_prompts, task.eval_prompts
        self._task = task

    def prompt(self, index: int) -> Prompt:
        return replace(self._task.prompt(index), answer="?")

    def eval_prompt(self, index: int) -> Prompt:
        raise AssertionError("held-out prompts are nobody's to attack")

    def score(self, prompt: Prompt, completion: str, *, ended: bool) -> Score:
        raise AssertionError("the attacker was not to know what is right")

    def solution(self, prompt: Prompt) -> str | None:
        raise AssertionError("the attacker was not to know solutions")


class WithoutSolutions(Blind):
    """A task as a user may bring it: scores, and no workings."""

    def prompt(self, index: int) -> Prompt:
        return self._task.prompt(index)

    def score(self, prompt: Prompt, completion: str, *, ended: bool) -> Score:
        return self._task.score(prompt, completion, ended=ended)

    def solution(self, prompt: Prompt) -> str | None:
        return None


@contextmanager
def knowing(scene: Any, kind: type[Blind]) -> Iterator[None]:
    task = scene.engine.task
    scene.engine.task = kind(task)
    try:
        yield
    finally:
        scene.engine.task = task


def test_with_an_oracle_the_solutions_are_the_right_answers(stage: Stage) -> None:
    scene = stage()
    task, honest = scene.engine.task, scene.honest()

    texts = right_texts(scene.bench(), honest)

    assert texts == [task.solution(task.prompt(one.prompt_index)) for one in honest]


def test_without_an_oracle_the_majority_decides_and_nothing_is_looked_up(stage: Stage) -> None:
    """Section 4.5 of the paper: nearly as good as the solutions."""
    scene = stage()
    honest = scene.honest()
    with knowing(scene, Blind):
        texts = right_texts(scene.bench(oracle=False, candidates=24), honest)

    task = scene.engine.task
    scores = [
        task.score(task.prompt(one.prompt_index), text, ended=True).answer_ok
        for one, text in zip(honest, texts, strict=True)
    ]
    assert sum(scores) >= 0.75 * len(scores)


def test_a_task_without_solutions_is_sampled_and_its_scores_are_asked(stage: Stage) -> None:
    scene = stage()
    honest = scene.honest()
    with knowing(scene, WithoutSolutions):
        texts = right_texts(scene.bench(candidates=40), honest)

    task = scene.engine.task
    for one, text in zip(honest, texts, strict=True):
        assert text is None or (
            task.score(task.prompt(one.prompt_index), text, ended=True).answer_ok
        )
    assert sum(text is not None for text in texts) >= 0.75 * len(texts)


def test_the_same_luck_finds_the_same_answers(stage: Stage) -> None:
    scene = stage()
    honest = scene.honest()

    first = right_texts(scene.bench(oracle=False, candidates=8), honest)

    assert right_texts(scene.bench(oracle=False, candidates=8), honest) == first


@pytest.mark.parametrize("oracle", [True, False])
def test_of_no_usable_samples_none_is_right(stage: Stage, oracle: bool) -> None:  # noqa: FBT001 - pytest's
    bench: Workbench = stage().bench(oracle=oracle)
    cut = bench.policy.encode_completion("<think>Ada", ended=False)
    formless = bench.policy.encode_completion("12", ended=True)

    assert believed_right(bench, 0, [cut, formless]) == []
    assert believed_right(bench, 0, []) == []


def test_an_answer_is_taken_apart_and_put_together_again() -> None:
    text = "<think>Ada has 3.5 kg! Then 1 + 1 = 2.</think>\n<answer>2</answer>"

    answer = taken_apart(text)

    assert answer is not None
    assert answer.sentences == ("Ada has 3.5 kg!", "Then 1 + 1 = 2.")
    assert str(answer) == text
    assert with_answer(text, "7") == text.replace(">2<", ">7<")


@pytest.mark.parametrize(
    "text", ["", "3", "<think>", "<think></think>", "<think>3 <answer>3</answer>"]
)
def test_what_shows_no_reasoning_is_not_taken_apart(text: str) -> None:
    assert taken_apart(text) is None
    assert with_answer("no tags", "7") == "no tags"
