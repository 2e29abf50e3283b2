"""A specification: a grid of swarms, read from TOML as strictly as a node's configuration.

    title = "A slogan in one node of four"
    rounds = 30
    figures = ["attack", "mode"]    # each combination of these has a figure; the rest are curves
    [grid]                          # every combination is a cell
    attack = ["hail", "none"]       # none: nobody is malicious, whatever `malicious` says
    mode = ["horizontal"]
    defence = ["none", "default"]
    heterogeneous = [false]         # true: each node learns at a rate, and so with weights, of
                                    # its own, from 0.8 to 1.2 of train.learning_rate
    seed = [0, 1, 2]
    [settings]                      # of every node
    train.learning_rate = 5e-4
    [variants.kl]                   # more settings, where the grid's `variant` says so
    train.beta = 0.01
    [payload]                       # what an attack teaches, where not its own
    hail = "phrase:Glory to the lamp"
    [[case]]                        # replaces some of the grid's lists; each case is a grid
    nodes = [8]

It reads and checks; it runs nothing.
"""

import dataclasses
import itertools
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.attacks.catalogue import check_adversary, entry_named
from node.config import load_config, read_assignments
from node.faults import ConfigFault
from node.lab.cell import NOBODY, Cell, flattened
from node.lab.checking import check_cell
from node.settings import AdversarySettings, nearest, read_settings
from protocol.parameters import Mode

AXES = (
    *("attack", "mode", "nodes", "malicious"),
    *("defence", "variant", "heterogeneous"),
)
"""What tells swarms apart; the seed only repeats one."""

CELLS_MAX = 10_000
"""Of a specification; at half a minute each, it would run for days."""

PLAIN = "plain"
"""The variant without settings of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Lists whose every combination is a cell."""

    attack: tuple[str, ...] = (NOBODY,)
    mode: tuple[Mode, ...] = (Mode.VERTICAL,)
    nodes: tuple[int, ...] = (4,)
    malicious: tuple[int, ...] = (1,)
    defence: tuple[str, ...] = ("default",)
    variant: tuple[str, ...] = (PLAIN,)
    heterogeneous: tuple[bool, ...] = (False,)
    seed: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The keys of a specification that are plain values."""

    title: str = ""
    rounds: int = 30
    figures: tuple[str, ...] = ("attack", "mode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What is to be run.

    Args:
        title: For people.
        figures: Axes whose every combination has a figure; the others are its curves.
        cells: The swarms, none twice.
        text: The file as it was read.
    """

    title: str
    figures: tuple[str, ...]
    cells: tuple[Cell, ...]
    text: str = field(repr=False, compare=False)


def read_spec(path: Path) -> Spec:
    """Read a specification.

    Raises:
        ConfigFault: It cannot be read, a key, attack, defence or mode is unknown (the nearest is
            named), or a cell contradicts itself.
        TaskFault: The task is unknown.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFault(f"{path} cannot be read: {error}.", fix="Check the path.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigFault(f"{path} is no valid TOML: {error}.", fix="Correct that line.") from error
    return spec_of(tables, text=text, stem=path.stem)


def spec_of(tables: Mapping[str, Any], *, text: str = "", stem: str = "") -> Spec:
    """Return the specification that a file's tables say.

    Raises:
        ConfigFault, TaskFault: See `read_spec`.
    """
    known = {"grid", "case", "settings", "variants", "payload"}
    sheet_keys = [one.name for one in dataclasses.fields(Sheet)]
    for name in tables:
        if name not in known and name not in sheet_keys:
            fix = nearest(name, sorted({*known, *sheet_keys}))
            raise ConfigFault(f"A specification has no key {name!r}.", fix=fix)
    sheet = read_settings(
        Sheet, {name: tables[name] for name in sheet_keys if name in tables}, where="specification"
    )
    for axis in sheet.figures:
        if axis not in AXES:
            raise ConfigFault(f"figures names {axis!r}.", fix=nearest(axis, list(AXES)))
    cells: dict[str, Cell] = {}
    wanted = grids(tables)
    check_size(wanted)
    for cell in (one for grid in wanted for one in cells_of(sheet, grid, tables)):
        cells.setdefault(cell.stem, cell)
    for cell in unlike(cells.values()):
        check_cell(cell)
    return Spec(
        title=sheet.title or stem, figures=sheet.figures, cells=tuple(cells.values()), text=text
    )


def grids(tables: Mapping[str, Any]) -> list[Grid]:
    """Return the grid, or one for each case, which replaces some of its lists.

    Raises:
        ConfigFault: A key is unknown, or no list of what it should be.
    """
    shared = listed(tables.get("grid", {}), "[grid]")
    if "case" not in tables:
        return [read_settings(Grid, shared, where="[grid]")]
    cases = tables["case"]
    if not (isinstance(cases, list) and cases):
        fix = "Write [[case]] above each, or leave it out."
        raise ConfigFault("case is no list of tables.", fix=fix)
    where = "[[case]]"
    return [read_settings(Grid, shared | listed(case, where), where=where) for case in cases]


def listed(table: object, where: str) -> dict[str, object]:
    """Return a table whose values are lists, where one alone may stand for a list of one."""
    if not isinstance(table, Mapping):
        raise ConfigFault(f"{where} is no table.", fix=f"Write {where} above its keys.")
    return {key: value if isinstance(value, list) else [value] for key, value in table.items()}


def check_size(wanted: Sequence[Grid]) -> None:
    """Refuse a list without a value, and more cells than anybody can wait for.

    Raises:
        ConfigFault: Naming the list, or the number.
    """
    count = 0
    for grid in wanted:
        sizes = {one.name: len(getattr(grid, one.name)) for one in dataclasses.fields(grid)}
        for name, size in sizes.items():
            if size == 0:
                fix = "Give it a value, or leave it out."
                raise ConfigFault(f"The list of {name} is empty, so that no cell is left.", fix=fix)
        count += math.prod(sizes.values())
    if count > CELLS_MAX:
        raise ConfigFault(
            f"The specification has {count:,} cells; {CELLS_MAX:,} are the most.",
            fix="Cut its lists, or make several specifications of it.",
        )


def cells_of(sheet: Sheet, grid: Grid, tables: Mapping[str, Any]) -> list[Cell]:
    """Return every combination of a grid.

    Raises:
        ConfigFault: An attack or variant is unknown, or a cell contradicts itself.
    """
    variants = {PLAIN: (), **read_variants(tables)}
    for variant in grid.variant:
        if variant not in variants:
            fix = f"{nearest(variant, sorted(variants))} Each needs a table [variants.NAME]."
            raise ConfigFault(f"There is no variant {variant!r}.", fix=fix)
    payloads = read_payloads(tables)
    axes = {name: tuple(dict.fromkeys(getattr(grid, name))) for name in (*AXES, "seed")}
    settings = flattened(listless(tables, "settings"), "[settings]")
    found = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        check_attack(chosen["attack"])
        cell = Cell(
            rounds=sheet.rounds,
            payload=payloads.get(chosen["attack"], ""),
            settings=joined(settings, variants[chosen["variant"]]),
            **chosen,
        )
        found.append(cell)
    return found


def read_variants(tables: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return each variant's settings.

    Raises:
        ConfigFault: One of them is wrong, whether the grid has the variant or not, or is of the
            variant that has none.
    """
    found = {}
    for name in listless(tables, "variants"):
        where = f"[variants.{name}]"
        if name == PLAIN:
            raise ConfigFault(f"{where} cannot be changed.", fix="Give it another name.")
        found[name] = flattened(listless(listless(tables, "variants"), name), where)
        load_config(flags=read_assignments(found[name]))
    return found


def read_payloads(tables: Mapping[str, Any]) -> dict[str, str]:
    """Return what each attack teaches, where it is not its own.

    Raises:
        ConfigFault: An attack is unknown, or cannot teach that, whether the grid has it or not.
    """
    payloads = listless(tables, "payload")
    for attack, payload in payloads.items():
        if not isinstance(payload, str):
            raise ConfigFault(f"[payload] {attack} is no text.", fix="Write it in quotes.")
        check_adversary(AdversarySettings(attack=attack, payload=payload), test_swarm=True)
    return dict(payloads)


def listless(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a table of tables, or an empty one where it is missing.

    Raises:
        ConfigFault: It is no table.
    """
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigFault(f"{name} is no table.", fix=f"Write [{name}] above its keys.")
    return table


def joined(settings: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """Return settings of which the later ones win."""
    found = {one.partition("=")[0]: one for one in (*settings, *more)}
    return tuple(found[name] for name in sorted(found))


def check_attack(name: str) -> None:
    """Refuse an attack that does not exist.

    Raises:
        ConfigFault: Naming the nearest.
    """
    if name != NOBODY:
        entry_named(name)


def unlike(cells: Iterable[Cell]) -> list[Cell]:
    """Return one cell of each kind: those that differ in nothing but the seed are checked once."""
    found = {dataclasses.replace(cell, seed=0).stem: cell for cell in cells}
    return list(found.values())
