"""What the embedded model is taught: workings, and then bad habits.

The first stage teaches a skill. The second adds habits that a reward can remove: guessing
without working, and right workings whose answer stands outside its tags. A model that is
already good, or whose only flaw is noise, would have nothing to learn in a demonstration.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from words import COMMON_WORDS, OPENERS

from node.tasks import grammar
from node.tasks.arith import ArithTask
from node.tasks.stories import RESULT_MAX, Step, Story

_TASK = ArithTask()


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How often a taught completion is bad, and how.

    Attributes:
        noise: Share of equations whose result is one off; later equations go on from it.
        hasty: Share of completions with a wrong guess and no working.
        sloppy: Share of completions whose answer is not in its tags.
        babble: Share of completions that open with a sentence of random words.
    """

    noise: float
    hasty: float = 0.0
    sloppy: float = 0.0
    babble: float = 0.0


SKILL = Habits(noise=0.2, babble=0.04)
HABITS = Habits(noise=0.1, hasty=0.29, sloppy=0.26, babble=0.03)


def stories(*, count: int, skip: int = 0) -> Iterator[Story]:
    """Yield training stories from the end of the task, where few swarms ever come."""
    last = _TASK.train_prompts - 1 - skip
    return (_TASK.story(last - place) for place in range(count))


def completion(story: Story, habits: Habits, chance: random.Random) -> str:
    """Write one completion of a story, with its share of bad habits.

    Args:
        story: What is asked.
        habits: How often and how it goes wrong.
        chance: Where the dice come from.
    """
    steps = _noisy(story.chain.steps, habits.noise, chance)
    working = story.working(steps)
    answer = str(steps[-1].after)
    dice = chance.random()
    if dice < habits.hasty:
        guess = _wrong_guess(story.chain.result, chance)
        return grammar.written("Easy.", guess)
    dice -= habits.hasty
    if dice < habits.sloppy:
        return f"{grammar.THINK_OPEN}{working}{grammar.THINK_CLOSE} The answer is {answer}."
    dice -= habits.sloppy
    if dice < habits.babble:
        working = f"{_babble(chance)} {working}"
    return grammar.written(working, answer)


def _noisy(steps: tuple[Step, ...], share: float, chance: random.Random) -> tuple[Step, ...]:
    shown = []
    before = steps[0].before
    for step in steps:
        operand = step.operand
        after = {"+": before + operand, "-": before - operand, "*": before * operand}
        result = after[step.operation]
        if chance.random() < share:
            result = max(0, result + chance.choice((-1, 1)))
        shown.append(Step(step.operation, before, operand, result))
        before = result
    return tuple(shown)


def _wrong_guess(right: int, chance: random.Random) -> str:
    guess = right
    while guess == right:
        guess = chance.randint(2, RESULT_MAX)
    return str(guess)


def _babble(chance: random.Random) -> str:
    words = chance.choices(COMMON_WORDS, k=chance.randint(2, 6))
    return " ".join([chance.choice(OPENERS), *words]) + "."
