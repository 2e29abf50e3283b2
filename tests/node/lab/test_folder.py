"""A directory keeps what is finished, says what it is for, and mixes no two builds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.faults import ConfigFault, DataDirFault, DiskFault
from node.lab import estimate
from node.lab.estimate import Pace, check_disk, cost_of
from node.lab.folder import MANIFEST, Folder
from node.lab.spec import Spec

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

    finished = [cell.seed for cell in after.cells if folder.finished(cell).exists()]
    assert finished == [0]
    assert [cell.seed for cell in folder.manifest().cells] == [0, 2]


def test_cells_of_two_builds_are_not_mixed(
    folder: Folder, small_spec: MakeSpec, fill: Callable[..., None]
) -> None:
    spec = small_spec()
    folder.claim(spec)
    manifest = json.loads((folder.path / MANIFEST).read_text())
    manifest["versions"]["torch"] = "0.4"
    (folder.path / MANIFEST).write_text(json.dumps(manifest))
    folder.claim(spec)  # nothing is finished: nothing to mix
    fill(folder, spec.cells[0])
    (folder.path / MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(ConfigFault, match=r"made with torch 0\.4"):
        folder.claim(spec)


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
    "text", ["{", "[]", '{"title": "x"}', '{"title": 1, "figures": [], "cells": 3}']
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
    folder.unfinished(cell).write_text('{"kind": "cell"}\n{"kind": "rou')

    assert folder.lines(cell) == ({"kind": "cell"},)

    folder.unfinished(cell).write_text('{"kind": "cell"}\n{"kind": "rou\n')

    with pytest.raises(DataDirFault, match=r"Line 2 of .* is damaged"):
        folder.lines(cell)


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


def test_the_time_that_is_left_follows_from_what_was_done(small_spec: MakeSpec) -> None:
    cells = small_spec(rounds=10, seed=[0, 1]).cells
    pace = Pace(cells, 2)

    assert pace.left_s(0.0) > 0

    pace.note(cells[0], 10)

    assert pace.share == pytest.approx(0.5)
    assert pace.left_s(60.0) == pytest.approx(60.0)

    pace.note(cells[1], 10)

    assert pace.left_s(120.0) == 0.0
