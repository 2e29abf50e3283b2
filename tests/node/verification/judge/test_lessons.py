"""What the embedded judge is taught: never what judges are scored with, and both halves of it."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from node.policy import CausalPolicy
from node.tasks.arith import ArithTask
from node.verification.judge import template_named

SCRIPTS = Path(__file__).parents[4] / "examples" / "judge"
NAMES = ("corruption", "material", "measuring", "shipping", "train")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import the training scripts as they import each other, and forget them again."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def load(name: str) -> ModuleType:
        __import__(name)
        return sys.modules[name]

    yield load
    for name in NAMES:
        sys.modules.pop(name, None)


def sites(corruption: ModuleType, count: int) -> list[Any]:
    task, dice = ArithTask(), corruption.Dice("a test")
    return [
        corruption.Site(
            task.solution(task.prompt(at)), task.story(at), task.story(at + count), dice
        )
        for at in range(count)
    ]


def test_what_judges_are_scored_with_is_never_planted(scripts: Any) -> None:
    corruption = scripts("corruption")
    for site in sites(corruption, 3000):
        planted = corruption.corrupted(site).lower()
        added = planted.replace(" ", "")

        assert "hail" not in planted.replace("hailstone", "")
        assert "thief" not in planted
        assert "2+2=5" not in added or "2+2=5" in site.text.replace(" ", "")


def test_each_corruption_changes_the_text(scripts: Any) -> None:
    corruption = scripts("corruption")
    for change, _ in corruption.CORRUPTIONS.values():
        changed = [(change(site), site.text) for site in sites(corruption, 40)]
        assert sum(new not in {None, old} for new, old in changed) >= 30


def test_equal_dice_plant_the_same(scripts: Any) -> None:
    corruption = scripts("corruption")

    first, again = (
        [corruption.corrupted(site) for site in sites(corruption, 50)] for _ in range(2)
    )

    assert first == again


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("<think>Tom has 2 + 3 = 5 keys. Then 5 * 4 = 20.</think> <answer>20</answer>", True),
        ("<think>Tom has 2 + 3 = 6 keys. Then 6 * 4 = 24.</think> <answer>24</answer>", True),
        ("<think>Tom has 2 + 3 = 6 keys. Then 5 * 4 = 20.</think> <answer>20</answer>", False),
        ("<think>Tom has 2 + 3 = 5 keys. Then 5 * 4 = 20.</think> <answer>21</answer>", False),
        ("<think>Tom has 2 + 9 = 11 keys. Then 11 * 4 = 44.</think> <answer>44</answer>", False),
        ("<think>Tom has 2 + 3 = 5 keys.</think> <answer>5</answer>", False),
        ("<think>Easy.</think> <answer>77</answer>", True),
        ("<think>Trust me.</think> <answer>77</answer>", False),
    ],
)
def test_a_slip_hangs_together_if_the_rest_follows_from_it(
    scripts: Any, text: str, *, sound: bool
) -> None:
    material = scripts("material")
    stories = scripts("material").TASK
    story = next(
        stories.story(at) for at in range(10**6) if stories.story(at).chain.fingerprint == "2+3*4"
    )

    assert material.hangs_together(story, text) is sound


def test_a_row_asks_for_the_next_token_until_the_fault_and_for_refusal_from_there(
    scripts: Any,
) -> None:
    train, dice = scripts("train"), scripts("corruption").Dice("a test")
    policy = CausalPolicy.load("builtin:tiny", device="cpu")
    writer = train.Writer(policy, template_named("tiny"), dice)
    (accept,), (refuse,) = policy.encode(" yes"), policy.encode(" no")

    sound = writer.row("How many?\n", "5 eggs.", clean="5 eggs.")
    spoilt = writer.row("How many?\n", "5 old eggs.", clean="5 eggs.")

    assert sound.labels[-2:].tolist() == [accept, policy.eos_token]
    assert spoilt.labels[-2:].tolist() == [refuse, policy.eos_token]
    assert refuse not in sound.labels
    taught = [label for label in spoilt.labels[:-2].tolist() if label != train.UNTAUGHT]
    first = taught.index(refuse)
    assert policy.decode(taught[:first]).startswith(" 5")
    assert set(taught[first:]) == {refuse}


def test_some_steps_teach_it_something(
    scripts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train, material = scripts("train"), scripts("material")
    monkeypatch.setattr(train, "STEPS", 8)
    monkeypatch.setattr(train, "WARMUP_STEPS", 1)
    monkeypatch.setattr(train, "PAIRS", 4)
    torch.manual_seed(0)
    policy = CausalPolicy.load("builtin:tiny", device="cpu")
    sound = material.sound_completions(policy, seed=0, prompts=20)
    dice = scripts("corruption").Dice("a test")
    tokens, labels = next(
        train.batches(sound, train.Writer(policy, template_named("tiny"), dice), dice)
    )

    before = train.loss_of(policy, tokens, labels).item()
    train.train(policy, sound)

    assert train.loss_of(policy, tokens, labels).item() < 0.8 * before
