"""`drl-node health`: whether a node does what it is there for, for whoever supervises it."""

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.options import ConfigOption, DataDirOption, SetOption, load
from node.datadir import looking_at, swarm_files
from node.faults import EXIT_OK, EXIT_UNHEALTHY

if TYPE_CHECKING:
    from node.scoreboard import Lines

TAIL_BYTES = 256 * 1024
"""How much of a metrics file is read: a round's line has a few KiB, with 64 authors some 20."""


def health(
    *,
    age_s_max: Annotated[
        float, typer.Option(help="How old the node's last figures may be.", min=0.0)
    ] = 300.0,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Say how long ago a node finished a round; exit code 1 if that is too long ago.

    It asks the metrics file in the node's data directory, so it needs no port and costs nothing.
    """
    directory = load(config, {("node", "data_dir"): data_dir}, assignments).config.data_dir
    newest = max(swarm_files(directory, "metrics.jsonl"), key=changed_s, default=None)
    if newest is None:
        typer.echo(f"unhealthy: no node has measured anything in {directory}")
        raise SystemExit(EXIT_UNHEALTHY)
    age_s = max(0.0, time.time() - changed_s(newest))
    is_well = age_s <= age_s_max
    word = "healthy" if is_well else "unhealthy"
    typer.echo(f"{word}: {told(last_lines(newest))} {age_s:.0f} s ago (at most {age_s_max:.0f})")
    raise SystemExit(EXIT_OK if is_well else EXIT_UNHEALTHY)


def changed_s(path: Path) -> float:
    """When a file was last written to."""
    return path.stat().st_mtime


def last_lines(path: Path) -> "Lines":
    """Return the whole lines at a metrics file's end."""
    with looking_at(path), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
    lines = tail.splitlines(keepends=True)
    whole = lines if size <= TAIL_BYTES else lines[1:]  # the first is cut
    read = []
    for line in whole:
        # One that cannot be read says nothing of the node's health, and neither does one's half.
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(line)
            if is_line(found):
                read.append(found)
    return read


def is_line(found: object) -> bool:
    """Whether it is a line of a node's, with what is told of it."""
    needs = {"kind", "round", "peers"}
    return isinstance(found, dict) and (
        needs <= found.keys() or found.get("kind", "round") != "round"
    )


def told(lines: "Lines") -> str:
    """Say what the last figures were about."""
    from node.scoreboard.lines import rounds_of

    done = rounds_of(lines)
    if not done:
        return "no round yet, measured"
    return f"round {done[-1]['round']} with {done[-1]['peers']} peers,"
