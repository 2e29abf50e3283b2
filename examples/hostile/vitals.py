"""What a node holds on to, read from outside: memory, descriptors, threads, rows, files."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from mortal import Mortal

Point = tuple[float, float]
"""Seconds and a value."""


def vitals(member: Mortal) -> dict[str, float]:
    """Return all figures of a member by name; of what cannot be read now, none."""
    found: dict[str, float] = {}
    for name, pid in (("network", member.pid), ("model", member.worker_pid())):
        try:
            found |= {f"{name} {key}": value for key, value in of_process(pid).items()}
        except OSError:
            continue  # it is being replaced
    found |= {f"rows {table}": count for table, count in rows(member.run_dir / "ledger.db").items()}
    return found | of_files(member.run_dir)


def of_process(pid: int | None) -> dict[str, float]:
    """Return memory in MB, descriptors, threads and processor seconds of a process.

    Raises:
        OSError: There is no such process.
    """
    place = Path(f"/proc/{pid}")
    status = dict(
        line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line
    )
    spent = (place / "stat").read_text().rpartition(")")[2].split()
    return {
        "rss_mb": int(status["VmRSS"].split()[0]) / 1024,
        "anonymous_mb": int(status["RssAnon"].split()[0]) / 1024,
        "descriptors": sum(1 for _ in (place / "fd").iterdir()),
        "threads": int(status["Threads"]),
        "cpu_s": (int(spent[11]) + int(spent[12])) / 100,  # in hundredths, on every Linux
    }


def rows(ledger: Path) -> dict[str, int]:
    """Count the rows of every table of a ledger that a node may be writing."""
    with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as file:
        tables = [
            name
            for (name,) in file.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        ]
        return {
            table: int(file.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608 - a name that the file itself gave
            for table in sorted(tables)
        }


def of_files(run: Path) -> dict[str, float]:
    """Count files and megabytes of a node's swarm; what grows a line a round, apart."""
    found = {"files": 0.0, "disk_mb": 0.0, "metrics_mb": 0.0}
    for place, _, names in os.walk(run):  # which passes over directories that vanish
        for name in names:
            with suppress(FileNotFoundError):  # a checkpoint that has just made way
                size_mb = (Path(place) / name).stat().st_size / 1e6
                found["files"] += 1
                found["metrics_mb" if name == "metrics.jsonl" else "disk_mb"] += size_mb
    return found


def slope_per_h(points: Sequence[Point]) -> float:
    """Return the slope, per hour, of the line of least squares through the second half's points."""
    _, late = halves(points)
    mean_s = sum(at for at, _ in late) / len(late)
    mean = sum(value for _, value in late) / len(late)
    spread = sum((at - mean_s) ** 2 for at, _ in late)
    leaning = sum((at - mean_s) * (value - mean) for at, value in late)
    return 3600.0 * leaning / spread if spread else 0.0


def grown(points: Sequence[Point]) -> float:
    """Return by how much the most of the second half exceeds the most of the first."""
    early, late = halves(points)
    return max(value for _, value in late) - max(value for _, value in early or late)


def halves(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """Return the points of the first and of the second half of the time that they cover."""
    middle_s = (points[0][0] + points[-1][0]) / 2
    return [one for one in points if one[0] < middle_s], [
        one for one in points if one[0] >= middle_s
    ]
