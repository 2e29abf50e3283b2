"""The short form of each hostile test, at a live node: what `make hostile` measures at length."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUN = Path(__file__).parents[2] / "examples" / "hostile" / "run.py"


def measured(name: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(RUN), "--short", "--json", "--only", name],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.stdout, done.stderr[-3000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["tests"][name]
    return figures


@pytest.mark.parametrize(
    "name",
    ["T1", "T2", "T3", "T4", "T5", "T6", "T6b", "T7", "T9", "T10", "T11", "T12", "T13", "T16"],
)
def test_the_node_withstands(name: str) -> None:
    figures = measured(name)

    assert figures["passed"], json.dumps(figures)  # whole: what it was does not come again


def test_an_unknown_test_is_refused_by_name() -> None:
    done = subprocess.run(
        [sys.executable, str(RUN), "--only", "T99"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "T99" in done.stderr
