"""`builtin:arith`: seeded word problems, a million of them, in three difficulties.

Needs no file and no download. Index and difficulty determine a problem wholly, on every
machine. Knows nothing of models; the embedded one happens to be taught on it.
"""

import hashlib
import json

from node.tasks import grammar, stories
from node.tasks.draws import Draws
from node.tasks.stories import Story
from node.tasks.task import Prompt, Score, check_index, score_completion

EDITION = 1
"""Raised when the drawing changes in a way that its tables do not show."""

DIFFICULTIES: dict[str, tuple[int, ...]] = {
    "mix": (1, 2, 3),
    "easy": (1,),
    "medium": (2,),
    "hard": (3,),
}
"""How many steps a problem of each difficulty may have."""


class ArithTask:
    """Word problems of one difficulty.

    Args:
        difficulty: One of `DIFFICULTIES`.
    """

    train_prompts = 1 << 20
    eval_prompts = 1 << 12

    def __init__(self, difficulty: str = "mix") -> None:
        self._difficulty = difficulty
        self._steps = DIFFICULTIES[difficulty]
        self.name = "builtin:arith" + ("" if difficulty == "mix" else f":{difficulty}")
        self.digest = self._digest()

    def prompt(self, index: int) -> Prompt:
        """Return a training prompt; raise IndexError outside 0..train_prompts-1."""
        return self._prompt(index, self.story(index))

    def eval_prompt(self, index: int) -> Prompt:
        """Return a held-out prompt; raise IndexError outside 0..eval_prompts-1."""
        return self._prompt(index, self.eval_story(index))

    def score(self, prompt: Prompt, completion: str, *, ended: bool) -> Score:
        """Judge a completion by the strict form and the exact answer."""
        return score_completion(prompt, completion, ended=ended)

    def solution(self, prompt: Prompt) -> str | None:
        """Return the written-out working of one of this task's own prompts, else None."""
        splits = ((self.train_prompts, self.story), (self.eval_prompts, self.eval_story))
        for count, story_at in splits:
            if 0 <= prompt.index < count:
                story = story_at(prompt.index)
                if story.text == prompt.text:
                    return grammar.written(story.working(), str(story.chain.result))
        return None

    def story(self, index: int) -> Story:
        """Return the story behind a training prompt."""
        check_index(index, self.train_prompts)
        return self._story(f"train/{index}", held_out=False)

    def eval_story(self, index: int) -> Story:
        """Return the story behind a held-out prompt."""
        check_index(index, self.eval_prompts)
        return self._story(f"eval/{index}", held_out=True)

    def _story(self, place: str, *, held_out: bool) -> Story:
        draws = Draws(f"arith/{EDITION}/{self._difficulty}/{place}")
        steps = draws.one_of(self._steps)
        chain = stories.draw_chain(draws, steps=steps)
        while stories.is_held_out(chain) != held_out:
            chain = stories.draw_chain(draws, steps=steps)
        return stories.tell(draws, chain)

    def _prompt(self, index: int, story: Story) -> Prompt:
        return Prompt(self.name, index, story.text, str(story.chain.result))

    def _digest(self) -> str:
        """Hash the tables and some of what comes of them, so that a change of either shows."""
        shown = [(p.text, p.answer) for p in map(self.prompt, range(64))]
        shown += [(p.text, p.answer) for p in map(self.eval_prompt, range(64))]
        counts = [self.train_prompts, self.eval_prompts]
        bounds = [stories.OPERAND_MIN, stories.OPERAND_MAX, stories.FACTOR_MAX, stories.RESULT_MAX]
        words = [stories.NAMES, stories.THINGS, stories.OPENINGS, stories.STEPS, stories.QUESTIONS]
        form = [grammar.TAGS, grammar.GAPS]
        determined = [self.name, EDITION, self._steps, counts, bounds, words, form, shown]
        return hashlib.sha256(json.dumps(determined).encode()).hexdigest()
