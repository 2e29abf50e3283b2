"""The benchmark runs, and its last line can be read by a program."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "bench" / "generation.py"


def test_it_ends_with_its_figures_as_one_line_of_json(
    qwen2: Callable[..., Any],
    tokenizer: Any,
    save: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = save(qwen2(max_position_embeddings=512), tokenizer)
    options = ["--model", str(directory), "--batch", "3", "--repeats", "2", "--tokens-max", "5"]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options])

    runpy.run_path(str(SCRIPT), run_name="__main__")

    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    (row,) = figures["batches"]
    assert figures["threads"] == 1
    assert row["batch"] == 3
    assert row["tokens"] <= 2 * 3 * 5
    assert row["ratio"] == pytest.approx(
        row["tokens_per_s"] / row["transformers_tokens_per_s"], rel=0.01
    )
