"""A wrong clock is told and costs nobody anything: what peers agree on never asks for the time."""

import ast
import os
from pathlib import Path

import pytest

import protocol
from node.clock import STEP_S, ClockWatch

SOURCES = sorted(Path(protocol.__file__).parent.glob("*.py"))
CLOCKS = {"time", "datetime", "trio", "calendar"}


def imported(source: Path) -> set[str]:
    found: set[str] = set()
    for one in ast.walk(ast.parse(source.read_text())):
        if isinstance(one, ast.Import):
            found |= {name.name.partition(".")[0] for name in one.names}
        elif isinstance(one, ast.ImportFrom):
            found.add(str(one.module).partition(".")[0])
    return found


def test_the_protocol_reads_no_clock() -> None:
    """Rounds follow from what was heard; the time until one is given up is measured elsewhere."""
    assert len(SOURCES) > 10
    assert {source.name for source in SOURCES if imported(source) & CLOCKS} == set()


class Clocks:
    """Two clocks that a test sets."""

    def __init__(self) -> None:
        self.wall_s, self.steady_s = 1_000_000.0, 50.0

    def run(self, seconds: float, *, set_by_s: float = 0.0) -> None:
        self.steady_s += seconds
        self.wall_s += seconds + set_by_s


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def watch(clocks: Clocks) -> ClockWatch:
    return ClockWatch(lambda: clocks.wall_s, lambda: clocks.steady_s)


@pytest.mark.parametrize("by_s", [3600.0, -3600.0, STEP_S])
def test_a_clock_that_was_set_is_told_once(watch: ClockWatch, clocks: Clocks, by_s: float) -> None:
    clocks.run(10.0, set_by_s=by_s)

    assert watch.stepped_s() == by_s
    clocks.run(10.0)
    assert watch.stepped_s() == 0.0


def test_a_clock_that_is_kept_right_is_let_be(watch: ClockWatch, clocks: Clocks) -> None:
    for _ in range(10):
        clocks.run(10.0, set_by_s=1.0)
        assert watch.stepped_s() == 0.0


def test_a_clock_that_is_behind_what_was_written_is_told(
    watch: ClockWatch, clocks: Clocks, tmp_path: Path
) -> None:
    written = tmp_path / "metrics.jsonl"
    assert watch.behind_s(written) == 0.0
    written.touch()
    for at_s, behind_s in ((clocks.wall_s + 60.0, 60.0), (clocks.wall_s - 60.0, 0.0)):
        os.utime(written, (at_s, at_s))
        assert watch.behind_s(written) == behind_s
