"""A directory keeps what is finished, says what it is for, and mixes no two builds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.faults import ConfigFault, DataDirFault, DiskFault
from node.lab import estimate
from node.lab.estimate import Pace, check_disk, cost_of
from node.lab.folder import MANIFEST, Folder, put
from node.lab.outcome import outcome_of
from node.lab.spec import Spec, spec_of

MakeSpec = Callable[..., Spec]


def test_a_directory_knows_its_cells_again(folder: Folder, small_spec: MakeSpec) -> None:
    spec = small_spec(attack=["none", "hail"], seed=[0, 1], text="rounds = 2\n")
    folder.claim(spec)
    manifest = folder.manifest()

    assert manifest.cells == spec.cells
    assert (manifest.title, manifest.figures) == ("Small", ("attack", "mode"))
    assert (folder.path / "spec.toml").read_text() == "rounds = 2\n"


def test_a_changed_specification_keeps_the_cells_that_it_still_names(
    folder: Folder, small_spec: MakeSpec, fill: Callable[..., None]
) -> None:
    before = small_spec(seed=[0, 1])
    folder.claim(before)
    fill(folder, before.cells[0])
    after = small_spec(seed=[0, 2])
    folder.claim(after)

    finished = [cell.seed for cell in after.cells if folder.is_finished(cell)]
    assert finished == [0]
    assert [cell.seed for cell in folder.manifest().cells] == [0, 2]


def test_cells_of_two_builds_are_not_mixed(
    folder: Folder, small_spec: MakeSpec, fill: Callable[..., None]
) -> None:
    """What a cell was made with stands in itself: no manifest can say otherwise, or be needed."""
    spec = small_spec(seed=[0, 1])
    folder.claim(spec)
    fill(folder, spec.cells[1])
    path = folder.finished(spec.cells[1])
    head, *rest = [json.loads(line) for line in path.read_text().splitlines()]
    head["versions"]["torch"] = "0.4"
    path.write_text("".join(json.dumps(line) + "\n" for line in [head, *rest]))

    with pytest.raises(ConfigFault, match=r"made with torch 0\.4"):
        folder.claim(spec)

    folder.claim(small_spec(seed=[0]))  # which names it no more: nothing to mix


@pytest.mark.parametrize("damage", ["{", "", '{"versions": 3}'])
def test_a_damaged_manifest_is_written_anew_by_the_next_run(
    folder: Folder, small_spec: MakeSpec, fill: Callable[..., None], damage: str
) -> None:
    spec = small_spec(seed=[0, 1])
    folder.claim(spec)
    fill(folder, spec.cells[0])
    (folder.path / MANIFEST).write_text(damage)
    with pytest.raises(DataDirFault, match="Run the specification again"):
        folder.manifest()

    folder.claim(spec)

    assert folder.manifest().cells == spec.cells


def test_an_edited_program_goes_on(
    folder: Folder,
    small_spec: MakeSpec,
    fill: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = small_spec()
    folder.claim(spec)
    fill(folder, spec.cells[0])
    monkeypatch.setattr("node.lab.folder.source_digest", lambda: "edited")
    folder.claim(spec)

    assert folder.manifest().versions["source"] == "edited"


def test_a_directory_without_a_laboratory_is_refused(folder: Folder) -> None:
    with pytest.raises(DataDirFault, match="No laboratory has run"):
        folder.manifest()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"title": "x"}',
        '{"title": 1, "figures": [], "cells": 3}',
        '{"title": "x", "figures": [], "cells": [], "versions": 3}',
        '{"title": "x", "figures": ["colour"], "cells": [], "versions": {}}',
    ],
)
def test_a_damaged_manifest_is_refused(folder: Folder, text: str) -> None:
    folder.path.mkdir()
    (folder.path / MANIFEST).write_text(text)

    with pytest.raises(DataDirFault, match="cannot be read"):
        folder.manifest()


def test_a_line_that_is_still_being_written_is_not_read(
    folder: Folder, small_spec: MakeSpec
) -> None:
    (cell,) = small_spec().cells
    folder.cells.mkdir(parents=True)
    head = '{"kind": "cell", "shared": true, "unshared_because": "", "versions": {}}'
    folder.unfinished(cell).write_text(head + '\n{"kind": "rou')

    assert folder.lines(cell) == (json.loads(head),)


@pytest.mark.parametrize(
    "line", ["3", "{", '{"kind": "rou', '{"kind": "round"}', "\xff", "[" * 10_000, ""]
)
def test_a_damaged_cell_is_told_by_a_report_and_run_again(
    folder: Folder, small_spec: MakeSpec, fill: Callable[..., None], line: str
) -> None:
    (cell,) = small_spec().cells
    fill(folder, cell)
    assert folder.is_finished(cell)
    lines = folder.finished(cell).read_text(encoding="latin-1").splitlines()
    lines[1] = line
    folder.finished(cell).write_text("\n".join(lines) + "\n", encoding="latin-1")

    assert not folder.is_finished(cell)
    with pytest.raises(DataDirFault, match=r"Line 2 of .* is damaged"):
        folder.lines(cell)


@pytest.mark.parametrize("kept", [0, 1, -1])
def test_a_report_and_a_run_agree_on_what_is_finished(
    folder: Folder, small_spec: MakeSpec, fill: Callable[..., None], kept: int
) -> None:
    """A file without its end, under a finished cell's name: emptied, cut short, or of a crash."""
    spec = small_spec()
    (cell,) = spec.cells
    folder.claim(spec)
    fill(folder, cell)
    lines = folder.finished(cell).read_text().splitlines(keepends=True)
    folder.finished(cell).write_text("".join(lines[:kept]))

    assert [run.is_finished for run in outcome_of(folder).runs] == [folder.is_finished(cell)]
    assert not folder.is_finished(cell)


def test_a_whole_cell_without_its_name_is_not_finished(
    folder: Folder, small_spec: MakeSpec, fill: Callable[..., None]
) -> None:
    """A crash between the last line and the name: it is run again, and no report says more."""
    spec = small_spec()
    (cell,) = spec.cells
    folder.claim(spec)
    fill(folder, cell)
    folder.finished(cell).rename(folder.unfinished(cell))
    (run,) = outcome_of(folder).runs

    assert (folder.is_finished(cell), run.is_finished, run.rounds_done) == (False, False, 2)


def test_a_specification_that_is_gone_is_told(folder: Folder, small_spec: MakeSpec) -> None:
    folder.claim(small_spec())
    (folder.path / "spec.toml").unlink()

    with pytest.raises(DataDirFault, match=r"spec\.toml cannot be read"):
        folder.spec()


def test_a_file_that_the_disk_refuses_is_told_and_the_old_one_stays(tmp_path: Path) -> None:
    (tmp_path / "report.md").mkdir()

    with pytest.raises(DiskFault, match=r"report\.md cannot be written"):
        put(tmp_path / "report.md", b"text")

    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_a_grid_that_the_disk_has_no_room_for_is_refused_with_numbers(
    tmp_path: Path, small_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = small_spec(rounds=1000, seed=list(range(100)))
    check_disk(spec.cells, tmp_path / "not" / "yet" / "there")

    def almost_full(_path: Path) -> Any:
        from shutil import _ntuple_diskusage

        return _ntuple_diskusage(1 << 30, 1 << 30, 100 << 20)

    monkeypatch.setattr(estimate.shutil, "disk_usage", almost_full)

    with pytest.raises(DiskFault, match=r"100 cells of 100000 rounds in all need about \d+ MB"):
        check_disk(spec.cells, tmp_path)


def test_what_costs_more_is_estimated_to_cost_more(small_spec: MakeSpec) -> None:
    shared, longer = (small_spec(rounds=rounds).cells[0] for rounds in (10, 20))
    apart = small_spec(rounds=10, heterogeneous=True).cells[0]

    assert cost_of(longer).cpu_s > cost_of(shared).cpu_s
    assert cost_of(apart).cpu_s > cost_of(shared).cpu_s
    assert cost_of(apart).disk_bytes > cost_of(shared).disk_bytes


def test_attacks_that_draw_many_answers_are_estimated_to_cost_what_they_took(
    small_spec: MakeSpec,
) -> None:
    """Measured with the embedded model and 80 candidates: 2.2 to 2.9 times as much."""

    def cost(attack: str, **axes: Any) -> float:
        grid = {"nodes": 4, "mode": "horizontal", "attack": attack} | axes
        return cost_of(spec_of({"rounds": 100, "grid": grid}).cells[0]).cpu_s

    assert 2.2 < cost("spoil") / cost("hail") < 3.4
    assert cost("longest", mode="vertical") < cost("longest") / 1.5
    assert cost("ramble", defence="none") > 1.3 * cost("ramble")
    assert cost("hail", nodes=8) > cost("hail")


def test_the_time_that_is_left_follows_from_what_was_done(small_spec: MakeSpec) -> None:
    cells = small_spec(rounds=10, seed=[0, 1]).cells
    pace = Pace(cells, 2)

    assert pace.left_s(0.0) > 0

    pace.note(cells[0], 10)

    assert pace.share == pytest.approx(0.5)
    assert pace.left_s(60.0) == pytest.approx(60.0)

    pace.note(cells[1], 10)

    assert pace.left_s(120.0) == 0.0
