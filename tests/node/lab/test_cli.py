"""The laboratory's commands: arguments in, exit codes and files out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node.cli.program import app
from node.faults import ConfigFault
from node.lab.folder import Folder
from node.lab.spec import Spec


def test_a_report_is_written_beside_the_cells_or_where_it_is_wanted(
    folder: Folder, small_spec: Callable[..., Spec], fill: Callable[..., None], tmp_path: Path
) -> None:
    spec = small_spec(attack="hail")
    folder.claim(spec)
    fill(folder, spec.cells[0])
    beside = CliRunner().invoke(app, ["lab", "report", str(folder.path)])
    elsewhere = CliRunner().invoke(
        app, ["lab", "report", str(folder.path), "--out", str(tmp_path / "out")]
    )

    assert beside.output.split() == [
        str(folder.path / "report" / name) for name in ("report.md", "report.html", "report.json")
    ]
    assert (elsewhere.exit_code, (tmp_path / "out" / "report.html").exists()) == (0, True)


def test_machines_are_told_all_numbers_and_nothing_is_written(
    folder: Folder, small_spec: Callable[..., Spec]
) -> None:
    folder.claim(small_spec())
    told = CliRunner().invoke(app, ["lab", "report", str(folder.path), "--json"])

    assert json.loads(told.output)["cells"] == 1
    assert not (folder.path / "report").exists()


def test_a_plan_is_shown_and_nothing_is_run(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text('rounds = 3\n[grid]\nattack = "hail"\n')
    told = CliRunner().invoke(app, ["lab", "run", str(path), "--dry-run", "--json"])

    assert json.loads(told.output)["cells"][0]["name"] == "hail_vertical_1of4_default_s0"


def test_a_wrong_specification_ends_with_its_fault(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text('[grid]\nattack = "hial"\n')
    ended = CliRunner().invoke(app, ["lab", "run", str(path)])

    with pytest.raises(ConfigFault, match="hial"):
        raise ended.exception or AssertionError(ended.output)
