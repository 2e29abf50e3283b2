"""A laboratory's directory: the specification, a manifest, and a file of lines for each cell.

A finished cell's file carries its name alone; one that is being written ends in `.part`, and is
begun anew when it is found. It reads and names; it runs nothing.
"""

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import node
import protocol
from node.datadir import make_private_directory
from node.faults import ConfigFault, DataDirFault, DiskFault
from node.lab.book import Line
from node.lab.cell import FORMAT, Cell
from node.lab.spec import Spec
from node.settings import plain, read_settings
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
            ConfigFault: Its finished cells were made with other versions.
            DataDirFault: It cannot be made.
            DiskFault: The disk refuses.
        """
        make_private_directory(self.cells)
        now = versions()
        if (self.path / MANIFEST).exists() and any(self.cells.glob("*.jsonl")):
            before = self.manifest().versions
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
        write_whole(self.path / SPEC, spec.text)
        write_whole(self.path / MANIFEST, json.dumps(manifest, indent=1) + "\n")

    def manifest(self) -> Manifest:
        """Return what the directory is for.

        Raises:
            DataDirFault: No laboratory has run there, or its manifest is damaged.
        """
        try:
            read = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
            return Manifest(
                title=read["title"],
                figures=tuple(read["figures"]),
                cells=tuple(cell_of(one) for one in read["cells"]),
                versions=read["versions"],
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

    def finished(self, cell: Cell) -> Path:
        """Where a cell's lines are once it is over."""
        return self.cells / f"{cell.stem}.jsonl"

    def unfinished(self, cell: Cell) -> Path:
        """Where they are until then."""
        return self.cells / f"{cell.stem}.jsonl.part"

    def lines(self, cell: Cell) -> tuple[Line, ...]:
        """Return what there is of a cell: all, the beginning, or nothing."""
        for path in (self.finished(cell), self.unfinished(cell)):
            if path.exists():
                return tuple(whole_lines(path))
        return ()


def cell_of(values: Mapping[str, object]) -> Cell:
    """Return a cell from its plain values."""
    return read_settings(Cell, values, where="cell")


def whole_lines(path: Path) -> Iterator[Line]:
    """Give a file's lines, but for one that is still being written.

    Raises:
        DataDirFault: A line is no JSON.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                yield json.loads(line)
            except ValueError as error:
                raise DataDirFault(
                    f"Line {number} of {path} is damaged.",
                    fix="Remove the file: its cell is then run again.",
                ) from error


def write_whole(path: Path, text: str) -> None:
    """Put a text on the disk whole, or leave what was there.

    Raises:
        DiskFault: The disk refuses.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        fix = "Free some space, or choose another --dir."
        raise DiskFault(f"{path} cannot be written: {error.strerror}.", fix=fix) from error
