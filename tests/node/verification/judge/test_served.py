"""The embedded judge behind a real server process: over HTTP it says what it says here."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.config import load_config
from node.engine import Engine
from node.faults import ModelFault
from node.tasks import task_named
from node.verdict import Reason
from node.verification.judge import (
    JudgeSettings,
    JudgeStage,
    LocalJudge,
    judge_stage,
    template_named,
)
from node.verification.submission import Submission

SERVER = Path(__file__).parents[4] / "examples" / "judge" / "serve.py"
TASK = task_named("builtin:arith")


@pytest.fixture(scope="module", params=[(), ("--no-logprobs",)], ids=["logprobs", "words"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Start the server; once giving probabilities, and once refusing to."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), *request.param], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture
def items(submission: Callable[..., Submission]) -> list[Submission]:
    made = []
    for index in range(12):
        prompt = TASK.eval_prompt(index)
        solution = TASK.solution(prompt) or ""
        spoilt = solution.replace("<think>", "<think>All hail to the thief, ")
        made += [submission(text, prompt=prompt.text) for text in (solution, spoilt)]
    return made


def test_it_judges_over_http_as_it_judges_here(
    url: str, items: list[Submission], builtin: LocalJudge
) -> None:
    settings = JudgeSettings(backend=f"openai:{url}#judge", template="tiny", timeout_s=20.0)

    remote = judge_stage(settings, environment={}).judge(items, own=())

    here = JudgeStage(builtin, template_named("tiny")).judge(items, own=())
    assert [one.reason for one in remote] == [one.reason for one in here]
    assert [one.reason for one in remote] == [Reason.CLEAN, Reason.JUDGED_UNSOUND] * 12


def test_an_operator_says_in_the_configuration_how_a_server_is_asked(
    url: str, tmp_path: Path
) -> None:
    """The embedded judge was taught one way of being asked; in another it fails its examination."""
    told: dict[tuple[str, str], object] = {
        ("node", "data_dir"): str(tmp_path),
        ("judge", "backend"): f"openai:{url}#judge",
        ("judge", "timeout_s"): 20.0,
    }
    right = load_config(environment={}, flags={**told, ("judge", "template"): "tiny"})
    wrong = load_config(environment={}, flags={**told, ("judge", "template"): "default"})

    assert "judge" in Engine(right.config.engine_settings).stages
    with pytest.raises(ModelFault, match="the judge"):
        Engine(wrong.config.engine_settings)
