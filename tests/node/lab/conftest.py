"""Swarms small enough to be run many times over."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from node.lab.cell import Cell
from node.lab.folder import Folder, versions
from node.lab.spec import Spec, spec_of

SMALL: Mapping[str, object] = {
    "swarm.prompts_per_round": 4,
    "swarm.completions_per_prompt": 4,
    "evaluate.every": 2,
    "evaluate.prompts": 4,
    "evaluate.prompts_final": 8,
}
"""A round of a tenth of a second."""


@pytest.fixture
def small_cell() -> Callable[..., Cell]:
    """Make a cell of a small swarm."""

    def make(*, more: Mapping[str, object] | None = None, **axes: Any) -> Cell:
        settings = dict(SMALL) | dict(more or {})
        told = tuple(f"{name}={value}" for name, value in sorted(settings.items()))
        return Cell(**({"rounds": 2, "nodes": 2} | axes), settings=told)

    return make


@pytest.fixture
def small_spec() -> Callable[..., Spec]:
    """Make a specification of small swarms."""

    def make(*, rounds: int = 2, text: str = "", **grid: Any) -> Spec:
        tables = {
            "title": "Small",
            "rounds": rounds,
            "grid": {"nodes": 2} | grid,
            "settings": dict(SMALL),
        }
        return spec_of(tables, text=text)

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "runs")


@pytest.fixture
def fill() -> Callable[..., None]:
    """Write a cell's lines as a run would, with numbers that a test chooses."""

    def write(folder: Folder, cell: Cell, *, rounds: int | None = None, **numbers: float) -> None:
        is_finished = rounds is None
        lines = written(cell, cell.rounds if rounds is None else rounds, numbers)
        if is_finished:
            lines.append({"kind": "done", "seconds": 1.0, "cpu_s": 1.0})
        path = folder.finished(cell) if is_finished else folder.unfinished(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    return write


def written(cell: Cell, rounds: int, numbers: Mapping[str, float]) -> list[dict[str, Any]]:
    """The lines of a cell in which everything is as the numbers say."""
    last = {
        "greedy": 0.8,
        "sampled": 0.6,
        "shown_greedy": 0.0,
        "shown_sampled": 0.0,
        "length": 20.0,
    }
    last |= {key: value for key, value in numbers.items() if key in last}
    first = {**last, "shown_greedy": 0.0, "shown_sampled": 0.0, "length": 10.0}
    kept = {"undecided": 0, "taught": 4, "reward_mean": 1.0, "length_mean": 20.0}
    origins = {
        "honest": {"completions": 8, "refused": numbers.get("wrongly", 0), **kept},
        "tampered": {"completions": 4, "refused": numbers.get("caught", 0), **kept},
    }
    findings = [
        {
            "origin": "tampered",
            "outcome": "refuse",
            "stage": "replay",
            "reason": "not_replayed",
            "completions": numbers.get("caught", 0),
        }
    ]
    made_with = versions() | {"source": f"{numbers.get('source', 0)}"}
    head = {"kind": "cell", "shared": True, "unshared_because": "", "versions": made_with}
    lines: list[dict[str, Any]] = [head]
    for at in range(rounds + 1):
        if at:
            line = {"kind": "round", "round": at - 1, "node": 0, "cpu_s": 0.5}
            lines.append({**line, "origins": origins, "findings": findings})
        if at in (0, cell.rounds):
            values = last if at else first
            lines.append({"kind": "evaluation", "round": at, "node": 0, "prompts": 100, **values})
    return lines
