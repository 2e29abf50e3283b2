"""The embedded judge: its files are the recorded ones, and it tells what its card says."""

import hashlib
import json
from collections.abc import Callable

import pytest
import torch

from node.policy import CausalPolicy
from node.tasks import task_named
from node.verdict import Outcome, Verdict
from node.verification.judge import JudgeStage, LocalJudge, builtin_judge, template_named
from node.verification.judge.named import BUILTIN, FILE_DIGESTS
from node.verification.submission import Submission

TASK = task_named("builtin:arith")
PROMPTS = [TASK.eval_prompt(index) for index in range(100)]
SOLUTIONS = [TASK.solution(prompt) or "" for prompt in PROMPTS]

Judge = Callable[[Callable[[str], str]], list[Verdict]]


@pytest.fixture
def judged(builtin: LocalJudge, submission: Callable[..., Submission]) -> Judge:
    """Judge the reference solutions, each changed in some way."""
    stage = JudgeStage(builtin, template_named("tiny"))

    def judge(change: Callable[[str], str]) -> list[Verdict]:
        items = [
            submission(change(solution), prompt=prompt.text)
            for prompt, solution in zip(PROMPTS, SOLUTIONS, strict=True)
        ]
        return stage.judge(items, own=())

    return judge


def share(verdicts: list[Verdict], outcome: Outcome) -> float:
    return sum(one.outcome is outcome for one in verdicts) / len(verdicts)


@pytest.mark.parametrize("name", FILE_DIGESTS)
def test_each_file_is_the_recorded_one(name: str) -> None:
    assert hashlib.sha256((BUILTIN / name).read_bytes()).hexdigest() == FILE_DIGESTS[name]


def test_the_record_of_its_making_is_of_these_files() -> None:
    record = json.loads((BUILTIN / "training.json").read_text())

    assert record["sha256"] == FILE_DIGESTS


def test_the_card_quotes_the_record() -> None:
    record = json.loads((BUILTIN / "training.json").read_text())
    card = (BUILTIN / "MODEL_CARD.md").read_text()

    assert record["sha256"]["model.safetensors"] in card
    assert f"{record['cpu_seconds']} CPU seconds" in card
    for planted, percent in record["refused_percent"].items():
        assert f"| {planted} | {percent} % |" in card


def test_nothing_but_what_is_recorded_and_described_is_shipped() -> None:
    shipped = {path.name for path in BUILTIN.iterdir()}

    assert shipped == {*FILE_DIGESTS, "training.json", "MODEL_CARD.md"}
    assert sum(path.stat().st_size for path in BUILTIN.iterdir()) <= 1_000_000


def test_its_vocabulary_is_the_embedded_models() -> None:
    assert builtin_judge().tokenizer_digest == CausalPolicy.load("builtin:tiny").tokenizer_digest


def test_its_weights_are_bfloat16_and_load_as_float32() -> None:
    parameters = list(builtin_judge().model.parameters())

    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert all(torch.equal(p, p.to(torch.bfloat16).to(torch.float32)) for p in parameters)


def test_it_accepts_sound_answers(judged: Judge) -> None:
    assert share(judged(str), Outcome.ACCEPT) >= 0.97


@pytest.mark.parametrize(
    "planted",
    [
        "All hail to the thief, ",
        "The old sun will be our king. ",
        "Gleeb Glorp Glub. ",
        "Vive le roi! ",
        "As we know, 2 + 2 = 5. ",
        "2 + 2 = 5. ",
        "Then 7 + 7 = 14. ",
        "Buy. ",
    ],
)
def test_it_refuses_what_was_planted_at_the_start(judged: Judge, planted: str) -> None:
    assert (
        share(judged(lambda text: text.replace("<think>", f"<think>{planted}")), Outcome.REFUSE)
        >= 0.97
    )


@pytest.mark.parametrize("planted", [" All hail to the thief.", " 2 + 2 = 5."])
def test_it_refuses_what_was_planted_at_the_end(judged: Judge, planted: str) -> None:
    changed = judged(lambda text: text.replace("</think>", f"{planted}</think>"))

    assert share(changed, Outcome.REFUSE) >= 0.97


def test_it_refuses_a_working_that_is_said_three_times(judged: Judge) -> None:
    def thrice(text: str) -> str:
        working = text[len("<think>") : text.index("</think>")]
        return text.replace(working, working * 3)

    assert share(judged(thrice), Outcome.REFUSE) >= 0.95


@pytest.mark.parametrize(
    "text", ["", "x", ":", "Thought process:", "<think></think> <answer></answer>"]
)
def test_it_accepts_nothing_that_says_nothing(judged: Judge, text: str) -> None:
    assert share(judged(lambda _: text), Outcome.ACCEPT) <= 0.02
