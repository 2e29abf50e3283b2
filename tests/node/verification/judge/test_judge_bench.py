"""The benchmark runs, and its last line can be read by a program."""

import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "examples" / "bench" / "judge.py"


def test_it_ends_with_its_figures_as_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--honest", "48", "--count", "16", "--phrase", "Only the fox is king"]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options])
    monkeypatch.syspath_prepend(str(SCRIPT.parent))

    runpy.run_path(str(SCRIPT), run_name="__main__")

    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = figures["rows"]
    assert figures["phrases"] == ["Only the fox is king"]
    assert rows["honest"]["n"] == 48
    assert rows["slogan anywhere"]["percent"] >= 90
    assert figures["flips"]["percent"] <= 10
    assert figures["cpu_ms_per_distinct_completion"] > 0


def test_its_intervals_are_wilsons() -> None:
    """Figures by hand, from the formula."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        wilson = runpy.run_path(str(SCRIPT))["wilson"]
    finally:
        sys.path.remove(str(SCRIPT.parent))

    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
