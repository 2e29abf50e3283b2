"""What a grid will cost, before it is run: processor seconds and bytes on the disk.

The seconds are of the embedded model on one core of a server of 2025; with finished cells at
hand, `Pace` corrects them by what those took. It knows nothing of processes.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.attacks.catalogue import entry_named
from node.faults import DiskFault
from node.lab.cell import NOBODY, Cell
from protocol.parameters import Mode

LOAD_S = 1.0
"""To load a model and make its first steps."""

COMPLETION_S = 1.8e-3
"""To sample and verify one."""

MESSAGE_S = 4.5e-4
"""To check one author's answers to one prompt, and write them down, in one node."""

STEP_S = 2.6e-3
"""To train on one, in one epoch."""

ANSWER_S = 2.3e-3
"""To write and score one held-out answer; each prompt has two."""

CANDIDATE_S = 1.5e-3
"""To draw one further answer, for an attack that chooses among many."""

LONGER = 1.5
"""How much dearer completions become where an attack on their length is not held off."""

LINE_BYTES = 1600
"""Of one node's line of one round, at most; measured 570 to 1,400."""

SPARE_BYTES = 64 << 20
"""What is left of the disk, at least."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What cells cost.

    Args:
        cpu_s: Processor seconds.
        disk_bytes: On the disk.
    """

    cpu_s: float
    disk_bytes: int


def cost_of(cell: Cell) -> Cost:
    """Return what a cell costs, with the embedded model."""
    config = cell.config()
    swarm = config.swarm
    models = cell.nodes if cell.unshared_because() else 1
    completions = swarm.prompts_per_round * swarm.completions_per_prompt
    epochs = config.train.epochs + (config.train.beta > 0)
    entry = None if cell.attack == NOBODY else entry_named(cell.attack)
    grows = entry is not None and entry.payload == "length" and cell.defence != "default"
    answers_each = swarm.prompts_per_round // (swarm.shares if cell.mode is Mode.VERTICAL else 1)
    messages = answers_each * cell.nodes
    round_s = completions * (COMPLETION_S + models * epochs * STEP_S) * (LONGER if grows else 1.0)
    round_s += messages * cell.nodes * MESSAGE_S
    told = cell.adversary()
    if entry is not None and (entry.samples or not told.oracle):
        round_s += cell.malicious * answers_each * told.candidates * CANDIDATE_S
    sizes = config.evaluate
    answers = 0
    lines = cell.rounds + 3
    if sizes.every:
        running = (cell.rounds - 1) // sizes.every
        answers = 2 * (2 * sizes.prompts_final + running * sizes.prompts)
        lines += running
    speaking = cell.honest if models > 1 else 1
    seconds = models * LOAD_S + cell.rounds * round_s + speaking * answers * ANSWER_S
    return Cost(seconds, lines * speaking * LINE_BYTES)


def total(cells: Sequence[Cell]) -> Cost:
    """Return what some cells cost together."""
    costs = [cost_of(cell) for cell in cells]
    return Cost(sum(one.cpu_s for one in costs), sum(one.disk_bytes for one in costs))


def check_disk(cells: Sequence[Cell], path: Path) -> None:
    """Refuse a grid that the disk has no room for.

    Raises:
        DiskFault: With the numbers.
    """
    present = next(one for one in (path, *path.absolute().parents) if one.exists())
    free = shutil.disk_usage(present).free
    needed = total(cells).disk_bytes
    if needed + SPARE_BYTES > free:
        rounds = sum(cell.rounds for cell in cells)
        raise DiskFault(
            f"{len(cells)} cells of {rounds} rounds in all need about {needed / 1e6:,.0f} MB in "
            f"{present}, where {free / 1e6:,.0f} MB are free.",
            fix="Shorten the grid or the rounds, or choose another --dir.",
        )


class Pace:
    """How much of the work is done, and how long the rest will take.

    Args:
        cells: What is to be run.
        jobs: How many run at a time.
    """

    def __init__(self, cells: Sequence[Cell], jobs: int) -> None:
        self._jobs = jobs
        self._costs = {cell.stem: cost_of(cell).cpu_s for cell in cells}
        self._rounds = {cell.stem: cell.rounds for cell in cells}
        self._done: dict[str, float] = {}

    def note(self, cell: Cell, rounds: int) -> None:
        """Take note that a cell has so many rounds behind it."""
        self._done[cell.stem] = rounds / self._rounds[cell.stem]

    @property
    def share(self) -> float:
        """How much of the work is done, 0 to 1."""
        whole = sum(self._costs.values())
        done = sum(self._costs[stem] * part for stem, part in self._done.items())
        return done / whole if whole else 1.0

    def left_s(self, elapsed_s: float) -> float:
        """Return the seconds that the rest will take, by the clock on the wall."""
        if self.share > 0:
            return elapsed_s * (1 - self.share) / self.share
        return sum(self._costs.values()) / max(1, min(self._jobs, len(self._costs)))
