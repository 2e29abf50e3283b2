"""What the embedded judge learns to accept: what the embedded model itself writes.

Bad habits included, for a judge is no second reward. A wrong guess, an answer outside its tags
or a slip that the rest follows from earns little as it is, and a group needs it for contrast;
only what does not hang together is left out of the lessons altogether.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks import grammar
from node.tasks.arith import ArithTask
from node.tasks.stories import Story

TASK = ArithTask()
PROMPTS = 1500
STYLES = (
    *((SamplingParameters(temperature=1.0, top_p=0.95), 2),),
    *((SamplingParameters(temperature=0.0), 1),),
)
"""How completions are drawn, and how many of each prompt."""
_EQUATION = re.compile(r"(\d+) [-+*] (\d+) = (\d+)")


@dataclass(frozen=True, slots=True)
class Sound:
    """A completion that a judge shall accept, with what it answers."""

    story: Story
    text: str


def sound_completions(
    policy: CausalPolicy, *, seed: int, prompts: int = PROMPTS, skip: int = 0
) -> list[Sound]:
    """Return sampled completions that hang together, and the reference solutions.

    Args:
        policy: Who writes.
        seed: Another one, other samples.
        prompts: How many stories, from the end of the task, where few swarms ever come.
        skip: How many stories before them are left to others.
    """
    last = TASK.train_prompts - 1 - skip
    stories = {last - place: TASK.story(last - place) for place in range(prompts)}
    sound = [Sound(story, text) for story in stories.values() for text in _references(story)]
    for sampling, count in STYLES:
        requests = [
            (index, SampleRequest(prompt_tokens=policy.encode(story.text), key=key))
            for index, story in stories.items()
            for key in _keys(seed, index, count)
        ]
        sampled = policy.sample([request for _, request in requests], sampling)
        texts = zip(requests, map(policy.decode, (one.tokens for one in sampled)), strict=True)
        sound += [
            Sound(stories[index], text)
            for (index, _), text in texts
            if hangs_together(stories[index], text)
        ]
    return sound


def hangs_together(story: Story, text: str) -> bool:
    """Tell whether each number comes from the story or from the step before."""
    equations = [tuple(map(int, found)) for found in _EQUATION.findall(text)]
    steps = story.chain.steps
    if not equations:
        return text.startswith(f"{grammar.THINK_OPEN}Easy.{grammar.THINK_CLOSE}")
    if [operand for _, operand, _ in equations] != [step.operand for step in steps]:
        return False
    befores = [before for before, _, _ in equations]
    afters = [after for _, _, after in equations]
    numbers = re.findall(r"\d+", text)
    return befores == [story.chain.start, *afters[:-1]] and numbers[-1] == str(afters[-1])


def _references(story: Story) -> list[str]:
    answer = str(story.chain.result)
    whole = grammar.written(story.working(), answer)
    gap = f"{grammar.THINK_CLOSE} {grammar.ANSWER_OPEN}"
    return [whole, whole.replace(gap, gap.replace(" ", "\n" if story.chain.result % 2 else ""))]


def _keys(seed: int, index: int, count: int) -> Iterator[int]:
    for place in range(count):
        yield noise_key(
            swarm=b"lessons of the judge",
            round_index=seed,
            prompt_index=index,
            author=b"builtin:tiny",
            index=place,
        )
