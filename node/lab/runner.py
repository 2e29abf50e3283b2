"""Runs what a directory lacks of its cells, some at a time, each in a process of its own kind.

A thread holds each process: hands it cells and hears how they go on. Whatever ends this, finished
cells stay, and the next run begins with those that are not. It knows nothing of swarms.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from node.faults import DiskFault
from node.lab.cell import Cell
from node.lab.folder import Folder
from node.settings import plain

TAIL_LINES = 15
"""Of a dead process's log, to show."""

Told = Callable[[Cell, int], None]
"""Told of a cell and how many of its rounds are over; from any thread."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A cell that could not be run.

    Args:
        cell: Which.
        why: What was in the way, for people.
    """

    cell: Cell
    why: str


@dataclass(slots=True)
class Bench:
    """The processes and what they share.

    Args:
        folder: Where cells go.
        place: What the processes put down for a while; gone when all is over.
        told: Told how they go on.
        waiting: Cells that nobody has begun.
        failed: Cells that could not be run.
        processes: What runs.
        is_over: Whether no further cell is to be begun.
    """

    folder: Folder
    place: Path
    told: Told
    waiting: "queue.SimpleQueue[Cell]" = field(default_factory=queue.SimpleQueue)
    failed: list[Failed] = field(default_factory=list)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    is_over: bool = False


def run_cells(cells: Sequence[Cell], folder: Folder, *, jobs: int, told: Told) -> list[Failed]:
    """Run cells, in their order, and return those that could not be run.

    Args:
        cells: Which.
        folder: Where their lines go.
        jobs: How many at a time.
        told: Told how they go on.

    Raises:
        DiskFault: There is nowhere to put anything down.
    """
    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        with temporary_place() as place:
            bench = Bench(folder, place, told)
            for cell in cells:
                bench.waiting.put(cell)
            work_together(bench, min(jobs, len(cells)))
    finally:
        signal.signal(signal.SIGTERM, previous)
    known = {one.cell for one in bench.failed}
    lacking = [cell for cell in cells if cell not in known and not folder.is_finished(cell)]
    return bench.failed + [Failed(cell, "no process came to its end with it.") for cell in lacking]


@contextmanager
def temporary_place() -> Iterator[Path]:
    """Give a directory to this run's processes, which are killed and cannot tidy up themselves.

    Raises:
        DiskFault: None can be made.
    """
    try:
        place = tempfile.TemporaryDirectory(prefix="drl-lab-", ignore_cleanup_errors=True)
    except OSError as error:
        fix = "Free some space, or set TMPDIR to a directory that can be written."
        raise DiskFault(f"No temporary directory can be made: {error}.", fix=fix) from error
    with place as path:
        yield Path(path)


def work_together(bench: Bench, jobs: int) -> None:
    """Run what waits in so many threads; whatever ends this, no process of theirs is left."""
    threads = [
        threading.Thread(target=work, args=(bench, index), daemon=True) for index in range(jobs)
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # a join without a limit would not hear Ctrl-C
                thread.join(0.2)
    finally:
        bench.is_over = True
        for process in bench.processes:
            process.kill()
        for thread in threads:
            if thread.is_alive():
                thread.join()


def interrupt(_signal: int, _frame: object) -> None:
    """Let a supervisor's signal end a run as Ctrl-C does: no process outlives it."""
    raise KeyboardInterrupt


def work(bench: Bench, index: int) -> None:
    """Run cells one after another; a process that died is replaced for the next cell.

    Where none can be started, the cell in hand has failed, and other threads take the rest.
    """
    log = bench.folder.path / f"worker-{index}.log"
    with contextlib.suppress(queue.Empty):
        cell = bench.waiting.get_nowait()
        try:
            while not bench.is_over:
                with started(bench, log) as process:
                    while process.poll() is None and not bench.is_over:
                        why = run_in(process, bench, cell)
                        if why is not None and not bench.is_over:
                            bench.failed.append(Failed(cell, why or ended(process, log)))
                        cell = bench.waiting.get_nowait()
        except OSError as error:
            bench.failed.append(Failed(cell, f"no process can be started for it: {error}."))


@contextmanager
def started(bench: Bench, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process; end it afterwards."""
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.lab.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment_of(os.environ, bench.place),
        )
    bench.processes.append(process)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_in(process: subprocess.Popen[str], bench: Bench, cell: Cell) -> str | None:
    """Run a cell in a process; return why it failed, "" if the process died of it, else None."""
    assert process.stdin is not None
    assert process.stdout is not None
    path = bench.folder.unfinished(cell)
    request = {"cell": plain(cell), "path": str(path)}
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            answer = json.loads(line)
            if "fault" in answer:
                return str(answer["fault"])
            if "done" in answer:
                return None
            bench.told(cell, answer["rounds"])
    return ""


def ended(process: subprocess.Popen[str], log: Path) -> str:
    """Say how a process died."""
    code = process.wait()
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"its process ended with {code}; the last of {log}:", *said])


def environment_of(environment: Mapping[str, str], place: Path) -> dict[str, str]:
    """Return an environment in which a model keeps to one core: the cells take the others.

    Args:
        environment: This process's own.
        place: Where its temporary files go.
    """
    return {
        **environment,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TMPDIR": str(place),
    }
