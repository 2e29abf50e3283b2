"""`gsm8k`: grade-school word problems from a JSONL file, or through `datasets`.

Both sources make one and the same task of equal rows, so that a peer with the file and a
peer with the library are in one swarm. Knows nothing of models.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.faults import TaskFault
from node.tasks import grammar
from node.tasks.task import Prompt, Score, check_index, score_completion

INSTRUCTION = (
    "Solve the problem. Write your working between <think> and </think>, "
    "and then only the final number between <answer> and </answer>."
)
"""A model that was never taught the form must be told of it."""

HELD_OUT_SHARE = 10
"""One row in this many is kept for evaluation."""

_CALCULATOR_MARKS = re.compile(r"<<[^<>]*>>")


@dataclass(frozen=True, slots=True)
class Row:
    """One problem of the file."""

    question: str
    working: str
    answer: str


class Gsm8kTask:
    """Word problems with reference workings, split by a hash of the question.

    Args:
        rows: The problems, in the order that gives them their indices.

    Raises:
        TaskFault: There are not two different questions, one for each split.
    """

    name = "gsm8k"

    def __init__(self, rows: Iterable[Row]) -> None:
        rows = tuple(rows)
        held_out = _held_out_questions(rows)
        self._train = tuple(row for row in rows if row.question not in held_out)
        self._eval = tuple(row for row in rows if row.question in held_out)
        self.train_prompts = len(self._train)
        self.eval_prompts = len(self._eval)
        self.digest = _digest(self._train, self._eval)

    @classmethod
    def from_file(cls, path: Path) -> "Gsm8kTask":
        """Read a JSONL file with a `question` and an `answer` on each line.

        Raises:
            TaskFault: The file cannot be read, or one of its lines cannot.
        """
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise TaskFault(
                f"the task file {path} cannot be read: {error.strerror}",
                fix="give the path of a JSONL file as gsm8k:PATH",
            ) from error
        numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        return cls(_row_of_line(line, where=f"{path}, line {number}") for number, line in numbered)

    @classmethod
    def from_datasets(cls) -> "Gsm8kTask":
        """Load the training split through the `datasets` package, from its cache or the hub.

        Raises:
            TaskFault: The package is absent, or the data set cannot be had.
        """
        try:
            from datasets import load_dataset
        except ImportError as error:
            raise TaskFault(
                "the task gsm8k without a path needs the package datasets, which is not installed",
                fix="pip install 'drl-node[datasets]', or name a file: gsm8k:PATH",
            ) from error
        try:
            records = load_dataset("openai/gsm8k", "main", split="train")
        except (OSError, ValueError) as error:
            raise TaskFault(
                f"the data set openai/gsm8k cannot be loaded: {error}",
                fix="connect once to fill the cache of datasets, or name a file: gsm8k:PATH",
            ) from error
        return cls(
            _row(record, where=f"openai/gsm8k, row {number}")
            for number, record in enumerate(records, 1)
        )

    def prompt(self, index: int) -> Prompt:
        """Return a training prompt; raise IndexError outside 0..train_prompts-1."""
        check_index(index, self.train_prompts)
        return self._prompt(index, self._train[index])

    def eval_prompt(self, index: int) -> Prompt:
        """Return a held-out prompt; raise IndexError outside 0..eval_prompts-1."""
        check_index(index, self.eval_prompts)
        return self._prompt(index, self._eval[index])

    def score(self, prompt: Prompt, completion: str, *, ended: bool) -> Score:
        """Judge a completion by the strict form and the number in it."""
        return score_completion(prompt, completion, ended=ended)

    def solution(self, prompt: Prompt) -> str | None:
        """Return the file's own working of one of this task's prompts, else None."""
        for rows in (self._train, self._eval):
            if 0 <= prompt.index < len(rows):
                row = rows[prompt.index]
                if _text(row) == prompt.text:
                    return grammar.written(row.working, row.answer)
        return None

    def _prompt(self, index: int, row: Row) -> Prompt:
        return Prompt(self.name, index, _text(row), row.answer)


def _text(row: Row) -> str:
    return f"{INSTRUCTION}\n\n{row.question}\n"


def _row_of_line(line: bytes, *, where: str) -> Row:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _broken(where, f"is not JSON ({error})") from error
    return _row(record, where=where)


def _row(record: Any, *, where: str) -> Row:
    if not isinstance(record, dict):
        raise _broken(where, "is not an object")
    for key in ("question", "answer"):
        if not isinstance(record.get(key), str) or not record[key].strip():
            raise _broken(where, f"has no text under {key!r}")
    working, mark, answer = record["answer"].rpartition("####")
    if not mark or not answer.strip():
        raise _broken(where, "has no number after '####' in its answer")
    stripped = _CALCULATOR_MARKS.sub("", working).strip()
    return Row(record["question"].strip(), stripped, answer.strip())


def _broken(where: str, what: str) -> TaskFault:
    return TaskFault(
        f"{where} {what}",
        fix='each line must be like {"question": "...", "answer": "working #### 12"}',
    )


def _held_out_questions(rows: tuple[Row, ...]) -> frozenset[str]:
    """Choose one question in `HELD_OUT_SHARE`, at least one, by its hash.

    A question that stands in the file twice is on one side with both its rows.
    """
    questions = sorted(
        {row.question for row in rows},
        key=lambda question: hashlib.sha256(question.encode()).digest(),
    )
    if len(questions) < 2:  # noqa: PLR2004 - one for each split
        raise TaskFault(
            f"the task has {len(questions)} different questions, "
            "too few to keep one of them for evaluation",
            fix="give a file with at least two questions",
        )
    return frozenset(questions[: max(1, len(questions) // HELD_OUT_SHARE)])


def _digest(train: tuple[Row, ...], held_out: tuple[Row, ...]) -> str:
    form = [grammar.TAGS, grammar.GAPS]
    splits = [[(row.question, row.answer) for row in rows] for rows in (train, held_out)]
    determined = json.dumps([Gsm8kTask.name, INSTRUCTION, form, splits])
    return hashlib.sha256(determined.encode()).hexdigest()
