"""From a setting to a judge that has passed its examination."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from node.faults import ConfigFault, ModelFault
from node.policy.tiny import DIRECTORY as TINY
from node.verification.judge import JudgeSettings, JudgeStage, backend_named, judge_stage
from node.verification.judge.named import BUILTIN


def test_the_embedded_judge_passes() -> None:
    assert isinstance(
        judge_stage(JudgeSettings(backend="builtin", device="cpu"), environment={}), JudgeStage
    )


def test_a_directory_can_judge_too(tmp_path: Path) -> None:
    for source in (BUILTIN / "config.json", BUILTIN / "model.safetensors"):
        shutil.copy(source, tmp_path)
    for source in (TINY / "tokenizer.json", TINY / "tokenizer_config.json"):
        shutil.copy(source, tmp_path)
    settings = JudgeSettings(backend=f"hf:{tmp_path}", template="tiny", device="cpu")

    assert isinstance(judge_stage(settings, environment={}), JudgeStage)


def test_a_model_that_is_no_judge_is_refused() -> None:
    settings = JudgeSettings(backend="hf:builtin:tiny", device="cpu")

    with pytest.raises(ModelFault, match="the judge hf:builtin:tiny refused 0 of 16"):
        judge_stage(settings, environment={})


def test_a_judge_asked_in_words_that_it_was_not_taught_is_refused() -> None:
    settings = JudgeSettings(backend="builtin", template="default", device="cpu")

    with pytest.raises(ModelFault, match="the judge builtin"):
        judge_stage(settings, environment={})


def test_a_server_that_hangs_is_refused_in_bounded_time(serve: Any) -> None:
    server = serve(lambda connection, _: connection.recv(1))
    settings = JudgeSettings(
        backend=f"openai:{server.url}#m", timeout_s=0.1, concurrency=16, round_s=0.1
    )

    with pytest.raises(ModelFault, match="no answer in time"):
        judge_stage(settings, environment={})


@pytest.mark.parametrize(
    "backend", ["", "builtin:large", "hf:", "openai:", "gpt", "http://127.0.0.1"]
)
def test_a_judge_that_does_not_exist_is_the_operators_fault(backend: str) -> None:
    with pytest.raises(ConfigFault, match="there is no judge"):
        backend_named(JudgeSettings(backend=backend), environment={})


def test_a_model_that_is_not_there_is_the_worlds_fault(tmp_path: Path) -> None:
    settings = JudgeSettings(backend=f"hf:{tmp_path}/absent")

    with pytest.raises(ModelFault):
        backend_named(settings, environment={})
