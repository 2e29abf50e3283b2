"""A laboratory's directory: the specification, a manifest, and a file of lines for each cell.

A finished cell's file carries its name alone; one that is being written ends in `.part`, and is
begun anew when it is found. It reads and names; it runs nothing.
"""

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import node
import protocol
from node.datadir import make_private_directory
from node.faults import ConfigFault, DataDirFault, DiskFault
from node.lab.book import Line, is_line
from node.lab.cell import FORMAT, Cell
from node.lab.spec import AXES, Spec
from node.settings import plain, read_settings
from node.whole import write_whole
from protocol.parameters import VERSION

MANIFEST = "manifest.json"
SPEC = "spec.toml"
SOURCE = "source"
"""Of the versions, what any edit changes: a run goes on, and its report says that they differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a directory is for.

    Args:
        title: The specification's.
        figures: Axes whose every combination has a figure.
        cells: The swarms that the specification names.
        versions: Of what the cells are made with.
    """

    title: str
    figures: tuple[str, ...]
    cells: tuple[Cell, ...]
    versions: Mapping[str, str]


def versions() -> dict[str, str]:
    """Return the versions that a cell's numbers depend on."""
    return {
        "drl-node": installed("drl-node"),
        "protocol": str(VERSION),
        "lines": str(FORMAT),
        "torch": installed("torch"),
        "transformers": installed("transformers"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        SOURCE: source_digest(),
    }


def source_digest() -> str:
    """Return the beginning of the SHA-256 of this program's modules, by path and content."""
    digest = hashlib.sha256()
    for package in (node, protocol):
        (root,) = package.__path__
        for path in sorted(Path(root).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:10]


class Folder:
    """One directory of cells.

    Args:
        path: Where it is, or is to be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells = path / "cells"

    def claim(self, spec: Spec) -> None:
        """Write down what the directory is for; what an earlier specification left stays.

        Raises:
            ConfigFault: Finished cells of the specification were made with other versions.
            DataDirFault: It cannot be made.
            DiskFault: The disk refuses.
        """
        make_private_directory(self.cells, option="--dir")
        now = versions()
        for head in (self.lines(cell)[0] for cell in spec.cells if self.is_finished(cell)):
            before = head["versions"]
            differ = [name for name in now if name != SOURCE and before.get(name) != now[name]]
            if differ:
                told = ", ".join(f"{name} {before.get(name)} (now {now[name]})" for name in differ)
                raise ConfigFault(
                    f"The cells in {self.path} were made with {told}.",
                    fix="Choose another --dir: numbers of two builds are no one experiment's.",
                )
        manifest = {
            "title": spec.title,
            "figures": spec.figures,
            "cells": [plain(cell) for cell in spec.cells],
            "versions": now,
        }
        put(self.path / SPEC, spec.text.encode())
        put(self.path / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")

    def manifest(self) -> Manifest:
        """Return what the directory is for.

        Raises:
            DataDirFault: No laboratory has run there, or its manifest is damaged.
        """
        try:
            read = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
            return Manifest(
                title=str(read["title"]),
                figures=tuple(AXES[AXES.index(name)] for name in read["figures"]),
                cells=tuple(cell_of(one) for one in read["cells"]),
                versions=dict(read["versions"]),
            )
        except FileNotFoundError as error:
            raise DataDirFault(
                f"No laboratory has run in {self.path}.", fix="Name the --dir of `lab run`."
            ) from error
        except (OSError, ValueError, KeyError, TypeError, ConfigFault) as error:
            raise DataDirFault(
                f"The manifest of {self.path} cannot be read: {error}.",
                fix="Run the specification again with this --dir; finished cells are kept.",
            ) from error

    def spec(self) -> str:
        """Return the specification as it was last run.

        Raises:
            DataDirFault: It is gone, or cannot be read.
        """
        try:
            return (self.path / SPEC).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise DataDirFault(
                f"{self.path / SPEC} cannot be read: {error}.",
                fix="Run the specification again with this --dir; finished cells are kept.",
            ) from error

    def finished(self, cell: Cell) -> Path:
        """Where a cell's lines are once it is over."""
        return self.cells / f"{cell.stem}.jsonl"

    def unfinished(self, cell: Cell) -> Path:
        """Where they are until then."""
        return self.cells / f"{cell.stem}.jsonl.part"

    def is_finished(self, cell: Cell) -> bool:
        """Whether a cell's lines are all there; one whose file is damaged is run again."""
        path = self.finished(cell)
        try:
            return path.exists() and is_whole(tuple(whole_lines(path)))
        except DataDirFault:
            return False

    def lines(self, cell: Cell) -> tuple[Line, ...]:
        """Return what there is of a cell: all, the beginning, or nothing.

        Raises:
            DataDirFault: A line is damaged.
        """
        over, begun = self.finished(cell), self.unfinished(cell)
        lines = tuple(whole_lines(over)) if over.exists() else ()
        if is_whole(lines) or not begun.exists():
            return lines
        # One that has an end, too, is none before it has its name: it is run again.
        return tuple(line for line in whole_lines(begun) if line["kind"] != "done")


def is_whole(lines: Sequence[Line]) -> bool:
    """Whether a cell is over: its lines have a beginning and an end."""
    return bool(lines) and (lines[0]["kind"], lines[-1]["kind"]) == ("cell", "done")


def cell_of(values: Mapping[str, object]) -> Cell:
    """Return a cell from its plain values."""
    return read_settings(Cell, values, where="cell")


def whole_lines(path: Path) -> Iterator[Line]:
    """Give a file's lines, but for one that is still being written.

    Raises:
        DataDirFault: It cannot be read, or a line is none that a cell writes.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        fix = "Make it readable for this user."
        raise DataDirFault(f"{path} cannot be read: {error.strerror}.", fix=fix) from error
    for number, line in enumerate(text.split(b"\n")[:-1], start=1):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not is_line(found):
            raise DataDirFault(
                f"Line {number} of {path} is damaged.",
                fix="Remove the file, and run the specification again: its cell is run anew.",
            )
        yield found


def put(path: Path, content: bytes) -> None:
    """Put a file on the disk whole, or leave what was there.

    Raises:
        DiskFault: The disk refuses.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        fix = "Free some space, or choose another directory."
        raise DiskFault(f"{path} cannot be written: {error.strerror}.", fix=fix) from error
