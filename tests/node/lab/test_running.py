"""A grid is run once, whatever interrupts it, and the same on any number of cores."""

import dataclasses
import errno
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.faults import ConfigFault, DiskFault, Fault
from node.lab import worker
from node.lab.cell import Cell
from node.lab.folder import Folder, versions
from node.lab.runner import run_cells
from node.lab.running import Order, run_spec, show_plan
from node.lab.spec import Spec, read_spec
from node.settings import plain

MakeSpec = Callable[..., Spec]

TEXT = """
rounds = {rounds}
[grid]
nodes = 2
seed = {seeds}
[settings]
swarm.prompts_per_round = 4
swarm.completions_per_prompt = 4
evaluate.every = 0
"""


@pytest.fixture
def spec_file(tmp_path: Path) -> Callable[..., Path]:
    def write(*, rounds: int = 2, seeds: list[int] | None = None) -> Path:
        path = tmp_path / "small.toml"
        path.write_text(TEXT.format(rounds=rounds, seeds=seeds or [0]))
        return path

    return write


def command(path: Path, directory: Path, *more: str) -> list[str]:
    options = ["--dir", str(directory), "--jobs", "1", *more]
    return [sys.executable, "-m", "node", "lab", "run", str(path), *options]


def timeless(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if key not in {"cpu_s", "seconds"}}
        for line in lines
    ]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_goes_on_without_repeating_what_is_finished(
    spec_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Ctrl-C in the midst of the second cell; then the whole; then nothing is left to do."""
    path, directory = spec_file(rounds=6, seeds=[0, 1]), tmp_path / "runs"
    spec = read_spec(path)
    folder = Folder(directory)
    with subprocess.Popen(command(path, directory), stderr=subprocess.PIPE) as process:
        await_lines(folder.unfinished(spec.cells[1]), 4)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert folder.finished(spec.cells[0]).exists()
    assert not folder.finished(spec.cells[1]).exists()

    finished_at = folder.finished(spec.cells[0]).stat().st_mtime_ns
    again = subprocess.run(
        command(path, directory, "--json"), check=True, capture_output=True, text=True
    )

    assert json.loads(again.stdout)["run"] == 1
    assert folder.finished(spec.cells[0]).stat().st_mtime_ns == finished_at
    assert not list(folder.cells.glob("*.part"))

    undisturbed = Folder(tmp_path / "undisturbed")
    run_spec(Order(spec=spec, directory=undisturbed.path, jobs=2, as_json=True))

    for cell in spec.cells:
        assert timeless(undisturbed.finished(cell)) == timeless(folder.finished(cell))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process and its children put temporary files."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


def test_a_supervisors_word_ends_a_run_as_ctrl_c_does(
    folder: Folder, small_spec: MakeSpec, temporary: Path
) -> None:
    """And nothing is left of what the killed process had put down."""
    folder.cells.mkdir(parents=True)
    spec = small_spec(rounds=20)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_cells(
                spec.cells, folder, jobs=1, told=lambda *_: os.kill(os.getpid(), signal.SIGTERM)
            )
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)

    assert not folder.is_finished(spec.cells[0])
    assert not list(temporary.iterdir())


def test_a_run_without_a_place_for_temporary_files_is_told_so(
    folder: Folder, small_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder.path / "gone"))

    with pytest.raises(DiskFault, match="No temporary directory can be made"):
        run_spec(Order(spec=small_spec(), directory=folder.path, as_json=True))


def await_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().count("\n") >= count:
            return
        time.sleep(0.02)
    raise AssertionError(path)


def test_finished_cells_are_left_alone(
    folder: Folder,
    small_spec: MakeSpec,
    fill: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = small_spec(seed=[0, 1])
    for cell in spec.cells:
        fill(folder, cell)
    run_spec(Order(spec=spec, directory=folder.path, as_json=True))

    assert json.loads(capsys.readouterr().out)["run"] == 0


def test_a_cell_that_dies_is_told_of_and_costs_no_other(
    folder: Folder, small_spec: MakeSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    """Models that cannot be loaded are the operator's; their neighbour runs all the same."""
    good = small_spec()
    bad = [lost(small_spec(seed=seed).cells[0], f"/nowhere/{seed}") for seed in (3, 4)]
    spec = Spec(title="All", figures=("mode",), cells=(*bad, *good.cells), text="")

    with pytest.raises(Fault, match="2 of 3 cells could not be run") as told:
        run_spec(Order(spec=spec, directory=folder.path, jobs=1, as_json=True))
    failed = json.loads(capsys.readouterr().out)["failed"]

    assert [one["cell"] for one in failed] == [cell.name for cell in bad]
    for seed, one in zip((3, 4), failed, strict=True):
        assert f"/nowhere/{seed}" in one["why"]
        assert f"/nowhere/{seed}" in str(told.value)
    assert folder.is_finished(good.cells[0])


def lost(cell: Cell, source: str) -> Cell:
    return dataclasses.replace(cell, settings=(*cell.settings, f"model.source={source}"))


def test_a_run_of_which_no_process_can_be_started_fails(
    folder: Folder, small_spec: MakeSpec
) -> None:
    (folder.path / "worker-0.log").mkdir(parents=True)

    with pytest.raises(Fault, match="2 of 2 cells could not be run") as told:
        run_spec(Order(spec=small_spec(seed=[0, 1]), directory=folder.path, jobs=1, as_json=True))

    assert "worker-0.log" in str(told.value)


def test_a_process_that_outlived_its_laboratory_finishes_no_cell(
    folder: Folder, small_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then another laboratory may be at the same cell."""

    def ended(code: int) -> None:
        raise SystemExit(code)

    folder.cells.mkdir(parents=True)
    (cell,) = small_spec(rounds=1).cells
    request = {"cell": plain(cell), "path": str(folder.unfinished(cell))}
    monkeypatch.setattr(os, "_exit", ended)
    with pytest.raises(SystemExit):
        worker.serve(request, io.StringIO(), versions(), os.getpid())

    assert not folder.finished(cell).exists()

    worker.serve(request, io.StringIO(), versions(), os.getppid())

    assert folder.is_finished(cell)


def test_a_cell_that_only_seems_to_be_over_is_run_again(
    folder: Folder, small_spec: MakeSpec, fill: Callable[..., None]
) -> None:
    spec = small_spec()
    fill(folder, spec.cells[0])
    folder.finished(spec.cells[0]).write_text("")
    run_spec(Order(spec=spec, directory=folder.path, jobs=1, as_json=True))

    assert folder.is_finished(spec.cells[0])


class Full(io.StringIO):
    """A disk without room."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_while_a_cell_runs_is_told_of(
    folder: Folder, small_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.cells.mkdir(parents=True)
    (cell,) = small_spec().cells
    request = {"cell": plain(cell), "path": str(folder.unfinished(cell))}
    monkeypatch.setattr(Path, "open", lambda *_args, **_kept: Full())
    answers = io.StringIO()
    worker.serve(request, answers, {}, os.getppid())

    assert "The disk refuses: [Errno 28] No space left" in json.loads(answers.getvalue())["fault"]
    assert not folder.is_finished(cell)


def test_a_process_that_is_killed_is_replaced_and_its_log_is_shown(
    folder: Folder, small_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack of the user's own that takes the whole process with it."""
    (folder.path.parent / "deadly.py").write_text(
        "import os\nclass Attack:\n    def craft(self, bench, honest):\n"
        "        print('the end', flush=True)\n        os._exit(9)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder.path.parent))
    monkeypatch.syspath_prepend(folder.path.parent)
    spec = small_spec(attack=["deadly:Attack", "none"])

    with pytest.raises(Fault, match="its process ended with 9") as told:
        run_spec(Order(spec=spec, directory=folder.path, jobs=1, as_json=True))

    assert "the end" in str(told.value)
    assert folder.finished(spec.cells[1]).exists()


def test_two_laboratories_do_not_share_a_directory(folder: Folder, small_spec: MakeSpec) -> None:
    from node.datadir import lock_directory

    folder.path.mkdir()
    with lock_directory(folder.path), pytest.raises(Fault, match="Another drl-node"):
        run_spec(Order(spec=small_spec(), directory=folder.path))


def test_a_plan_lists_the_cells_and_their_cost(
    folder: Folder,
    small_spec: MakeSpec,
    fill: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = small_spec(seed=[0, 1])
    fill(folder, spec.cells[0])
    show_plan(Order(spec=spec, directory=folder.path, jobs=1, as_json=True))
    plan = json.loads(capsys.readouterr().out)
    show_plan(Order(spec=spec, directory=folder.path, jobs=1))

    assert [cell["is_finished"] for cell in plan["cells"]] == [True, False]
    assert plan["cells_missing"] == 1
    assert plan["wall_s"] >= plan["cpu_s"] > 0
    assert "2 cells, 1 finished" in capsys.readouterr().out


def test_only_the_cells_that_are_named_are_run(small_spec: MakeSpec, tmp_path: Path) -> None:
    spec = small_spec(seed=[0, 1, 2])

    assert [one.seed for one in Order(spec=spec, directory=tmp_path, only="_s1").cells] == [1]
    with pytest.raises(ConfigFault, match="No cell's name contains 'nothing'"):
        _ = Order(spec=spec, directory=tmp_path, only="nothing").cells


def test_a_cell_runs_on_one_core(tmp_path: Path) -> None:
    from node.lab.runner import environment_of

    assert environment_of({"OMP_NUM_THREADS": "8"}, tmp_path)["OMP_NUM_THREADS"] == "1"
    assert Order(spec=read_spec_of_nothing(tmp_path), directory=tmp_path).jobs_wanted == len(
        os.sched_getaffinity(0)
    )


def read_spec_of_nothing(tmp_path: Path) -> Spec:
    path = tmp_path / "nothing.toml"
    path.write_text("rounds = 1\n")
    return read_spec(path)
