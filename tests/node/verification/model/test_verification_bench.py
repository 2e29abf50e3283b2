"""The benchmark runs, and its last line can be read by a program."""

import importlib
import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "examples" / "bench" / "verification.py"


def test_it_ends_with_its_figures_as_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    receiving, tampering = (importlib.import_module(name) for name in ("receiving", "tampering"))
    for name, small in (("AUTHOR_ROUND", 1), ("FAR_ROUNDS", 2), ("PROMPTS_PER_ROUND", 2)):
        monkeypatch.setattr(receiving, name, small)
    monkeypatch.setattr(tampering, "SAMPLES", 3)
    options = [
        "--honest",
        "16",
        "--repeats",
        "2",
        "--seed",
        "4",
        "--phrase",
        "Glub",
        "--phrase",
        "Y",
    ]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options])

    runpy.run_path(str(SCRIPT), run_name="__main__")

    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    honest = figures["completions"]["honest"]["same"]
    slogan = figures["completions"]["slogan at the start"]["same"]
    assert figures["seeds"] == [4]
    assert figures["phrases"] == ["Glub", "Y"]
    assert (honest["counts"]["n"], honest["counts"]["out"]) == (16, 0)
    assert (slogan["counts"]["n"], slogan["flagged"]["share"]) == (4, 1.0)
    assert slogan["flagged"]["interval"][0] < 1.0
    of_equals = {kind: row["same"]["flagged"] for kind, row in figures["completions"].items()}
    sure = set(of_equals) - {"honest", "over-long but right", "temperature 0.9"}
    assert {of_equals[kind]["share"] for kind in sure} == {1.0}
    assert {"top-50", "top-p", "min-p"} <= set(figures["completions"]["honest"])
    assert [row["batch"] for row in figures["costs"]["batches"]] == [1, 16, 128]


def test_wilsons_interval_is_wilsons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    bench = runpy.run_path(str(SCRIPT))

    low, high = bench["interval"](8, 10)

    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert bench["interval"](0, 0) == (0.0, 1.0)
