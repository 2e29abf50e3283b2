"""`lab run`: a specification in, a directory of finished cells out, with its progress shown."""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from node.datadir import lock_directory, make_private_directory
from node.faults import ConfigFault, Fault
from node.lab.cell import Cell
from node.lab.estimate import Pace, check_disk, cost_of, total
from node.lab.folder import Folder
from node.lab.runner import Failed, run_cells
from node.lab.spec import Spec
from node.tables import plain_table, show_table

SHOWN_MAX = 40
"""Cells that a dry run lists; more would scroll away."""

MINUTES_FROM_S = 90.0
"""Longer times are told in minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run, and how.

    Args:
        spec: Which cells there are.
        directory: Where their lines go.
        jobs: How many run at a time; 0: one a core.
        only: Run only cells whose name contains this.
        as_json: Print the outcome as one line of JSON, and no progress.
    """

    spec: Spec
    directory: Path
    jobs: int = 0
    only: str = ""
    as_json: bool = False

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that are asked for.

        Raises:
            ConfigFault: There is none.
        """
        found = tuple(cell for cell in self.spec.cells if self.only in cell.name)
        if not found:
            fix = "`--dry-run` lists the cells' names."
            raise ConfigFault(f"No cell's name contains {self.only!r}.", fix=fix)
        return found

    @property
    def jobs_wanted(self) -> int:
        """How many run at a time."""
        return self.jobs or len(os.sched_getaffinity(0))


def show_plan(order: Order) -> None:
    """Print the cells and what they would cost; run nothing."""
    folder = Folder(order.directory)
    missing = [cell for cell in order.cells if not folder.is_finished(cell)]
    if order.as_json:
        cells = [
            {
                "name": cell.name,
                "rounds": cell.rounds,
                "cpu_s": round(cost_of(cell).cpu_s, 1),
                "is_finished": cell not in missing,
            }
            for cell in order.cells
        ]
        print(json.dumps({"title": order.spec.title, "cells": cells} | estimate(order, missing)))
        return
    table = plain_table("cell", "rounds", "CPU s", "shared", "", title=order.spec.title)
    for cell in order.cells[:SHOWN_MAX]:
        shared = "no" if cell.unshared_because() else "yes"
        state = "" if cell in missing else "finished"
        table.add_row(cell.name, str(cell.rounds), f"{cost_of(cell).cpu_s:.0f}", shared, state)
    show_table(table)
    if len(order.cells) > SHOWN_MAX:
        print(f"and {len(order.cells) - SHOWN_MAX} more")
    print(told(order, missing))


def estimate(order: Order, missing: Sequence[Cell]) -> dict[str, Any]:
    """Return what the missing cells cost."""
    cost = total(missing)
    return {
        "cells_missing": len(missing),
        "cpu_s": round(cost.cpu_s),
        "wall_s": round(Pace(missing, order.jobs_wanted).left_s(0.0)) if missing else 0,
        "disk_bytes": cost.disk_bytes,
    }


def told(order: Order, missing: Sequence[Cell]) -> str:
    """Say what is to be done."""
    cost = estimate(order, missing)
    return (
        f"{len(order.cells)} cells, {len(order.cells) - len(missing)} finished; the others take "
        f"about {spelt(cost['cpu_s'])} of processor time with the embedded model, "
        f"{spelt(cost['wall_s'])} at {order.jobs_wanted} at a time, "
        f"and {cost['disk_bytes'] / 1e6:.1f} MB in {order.directory}"
    )


def run_spec(order: Order) -> None:
    """Run what the directory lacks.

    Raises:
        Fault: Some cells could not be run; the finished ones are kept.
    """
    cells = order.cells
    make_private_directory(order.directory, option="--dir")
    with lock_directory(order.directory, option="--dir"):
        folder = Folder(order.directory)
        missing = [cell for cell in cells if not folder.is_finished(cell)]
        check_disk(missing, order.directory)
        folder.claim(order.spec)
        began_s = time.monotonic()
        failed = run_missing(order, folder, missing) if missing else []
    if order.as_json:
        outcome = {
            "directory": str(order.directory),
            "cells": len(cells),
            "run": len(missing) - len(failed),
            "failed": [{"cell": one.cell.name, "why": one.why} for one in failed],
            "seconds": round(time.monotonic() - began_s, 1),
        }
        print(json.dumps(outcome))
    if failed:
        raise Fault(
            f"{len(failed)} of {len(cells)} cells could not be run:\n{listed(failed)}",
            fix="Mend that and run the same again: finished cells are kept.",
        )
    if not order.as_json:
        print(f"finished: {len(cells)} cells in {order.directory}")
        print(f"now:      drl-node lab report {order.directory}")


def listed(failed: Sequence[Failed]) -> str:
    """Say what was in the way of each: of the first all that is known, of the others a line."""
    first, *others = (f"  {one.cell.name}: {one.why}" for one in failed)
    return "\n".join([first, *(one.partition("\n")[0] for one in others)])


def run_missing(order: Order, folder: Folder, missing: list[Cell]) -> list[Failed]:
    """Run cells, the dearest first, and show how they go on."""
    missing = sorted(missing, key=lambda cell: -cost_of(cell).cpu_s)
    if not order.as_json:
        print(told(order, missing), file=sys.stderr)
    with Meter(missing, order.jobs_wanted, silent=order.as_json) as meter:
        return run_cells(missing, folder, jobs=order.jobs_wanted, told=meter.note)


def spelt(seconds: float) -> str:
    """Return a time as people say it."""
    return f"{seconds / 60:.0f} min" if seconds > MINUTES_FROM_S else f"{seconds:.0f} s"


class Meter:
    """A bar on a terminal, a line a finished cell elsewhere.

    Args:
        cells: What is to be run.
        jobs: How many at a time.
        silent: Show nothing.
    """

    def __init__(self, cells: Sequence[Cell], jobs: int, *, silent: bool) -> None:
        self._pace = Pace(cells, jobs)
        self._began_s = time.monotonic()
        self._over = 0
        self._cells = len(cells)
        console = Console(stderr=True)
        self._prints = not silent and not console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=silent or not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=1.0, left="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def note(self, cell: Cell, rounds: int) -> None:
        """Take note of how far a cell is; from any thread."""
        self._pace.note(cell, rounds)
        self._over += rounds == cell.rounds
        left = f"about {spelt(self._pace.left_s(time.monotonic() - self._began_s))} left"
        self._bar.update(
            self._task,
            completed=self._pace.share,
            description=f"{self._over}/{self._cells} cells",
            left=f"{left}; {cell.name} rounds {rounds}/{cell.rounds}",
        )
        if self._prints and rounds == cell.rounds:
            print(f"{self._over}/{self._cells} {cell.name}; {left}", file=sys.stderr)
