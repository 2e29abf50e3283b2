"""What a task is: prompts with answers that anybody can check.

Knows nothing of models, peers or rounds. A task is a pure function of an index, so that
peers name a prompt by (task, index) and never send it.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from node.tasks.answers import same_answer
from node.tasks.grammar import answer_in

SCHEMES = ("binary", "graded")
ANSWER_REWARD = 2.0
FORMAT_REWARD = 0.5


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question.

    Attributes:
        task: Name of the task that it belongs to.
        index: 0-based place in its split.
        text: The whole string that a model continues.
        answer: What must stand between the answer tags.
    """

    task: str
    index: int
    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Score:
    """What a completion earned, before a scheme turns it into a number.

    Attributes:
        format_ok: It has ended, and is one think and one answer element and nothing else.
        answer_ok: Its answer is right as well; never true where the format is not.
    """

    format_ok: bool
    answer_ok: bool

    def __post_init__(self) -> None:
        if self.answer_ok and not self.format_ok:
            raise ValueError("a right answer in a wrong format does not exist")


@runtime_checkable
class Task(Protocol):
    """Prompts by index, in two disjoint splits, and the judgement of completions.

    Attributes:
        name: How the task is spelt in settings, without the path of any file.
        digest: Hex SHA-256 over all that determines prompts and answers.
        train_prompts: How many training prompts there are.
        eval_prompts: How many held-out prompts there are.
    """

    name: str
    digest: str
    train_prompts: int
    eval_prompts: int

    def prompt(self, index: int) -> Prompt:
        """Return a training prompt.

        Raises:
            IndexError: The index is not in 0..train_prompts-1.
        """
        ...

    def eval_prompt(self, index: int) -> Prompt:
        """Return a held-out prompt.

        Raises:
            IndexError: The index is not in 0..eval_prompts-1.
        """
        ...

    def score(self, prompt: Prompt, completion: str, *, ended: bool) -> Score:
        """Judge a completion.

        Args:
            prompt: What it answers.
            completion: The text after the prompt, without the end-of-sequence token.
            ended: Whether the author closed it, rather than ran into the length limit.
        """
        ...

    def solution(self, prompt: Prompt) -> str | None:
        """Return a completion of full score, or None where the task knows no working."""
        ...


def check_index(index: int, count: int) -> None:
    """Refuse an index that a split does not have, negative ones included.

    Raises:
        IndexError: The index is not in 0..count-1.
    """
    if not 0 <= index < count:
        raise IndexError(f"prompt index {index} is not in 0..{count - 1}")


def score_completion(prompt: Prompt, completion: str, *, ended: bool) -> Score:
    """Judge a completion as all built-in tasks do: the strict form, then the answer."""
    answer = answer_in(completion) if ended else None
    if answer is None:
        return Score(format_ok=False, answer_ok=False)
    return Score(format_ok=True, answer_ok=same_answer(answer, prompt.answer))


def reward(score: Score, scheme: str) -> float:
    """Turn a score into a number.

    Args:
        score: What a task said of a completion.
        scheme: `binary` gives 1 for a right answer in the right format and 0 otherwise;
            `graded` gives 2 for the answer and 0.5 for the format.

    Raises:
        ValueError: The scheme is neither of the two.
    """
    if scheme == "binary":
        return float(score.answer_ok)
    if scheme == "graded":
        return ANSWER_REWARD * score.answer_ok + FORMAT_REWARD * score.format_ok
    raise ValueError(f"reward scheme {scheme!r} is not one of {', '.join(SCHEMES)}")
