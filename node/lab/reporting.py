"""`lab report`: a directory of cells in, finished or not; tables, figures and a page out."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from node.datadir import make_private_directory
from node.lab.book import Origin
from node.lab.folder import Folder, put
from node.lab.intervals import Share, Spread
from node.lab.outcome import EVALUATED, Condition, Outcome, outcome_of
from node.lab.page import html_report, markdown_report
from node.lab.tables import tables_of

SHARES = ("asr_greedy", "asr_sampled", "accuracy_greedy", "accuracy_sampled")


def write_report(directory: Path, out: Path) -> list[Path]:
    """Write a report of what a directory holds; return its files.

    Raises:
        ConfigFault: matplotlib is not installed.
        DataDirFault: No laboratory has run there, or a file is damaged.
        DiskFault: The disk refuses.
    """
    from node.lab.figures import draw, save_figures

    folder = Folder(directory)
    outcome = outcome_of(folder)
    drawn = draw(outcome)
    tables = tables_of(outcome)
    made = {
        "spec": folder.spec(),
        "versions": folder.manifest().versions,
    }
    make_private_directory(out, option="--out")
    save_figures(drawn, out)
    texts = {
        "report.md": markdown_report(outcome, tables, drawn, **made),  # type: ignore[arg-type] # one str, one mapping
        "report.html": html_report(outcome, tables, drawn, **made),  # type: ignore[arg-type] # one str, one mapping
        "report.json": json.dumps(machine_report(outcome), indent=1) + "\n",
    }
    for name, text in texts.items():
        put(out / name, text.encode())
    return [out / name for name in texts]


def machine_report(outcome: Outcome) -> dict[str, Any]:
    """Return all that the tables and curves say, as plain values."""
    return {
        "title": outcome.title,
        "cells": len(outcome.runs),
        "sources": sorted(outcome.sources),
        "missing": [
            {"cell": run.cell.name, "rounds_done": run.rounds_done} for run in outcome.missing
        ],
        "conditions": [plain_condition(one, outcome) for one in outcome.conditions],
    }


def plain_condition(condition: Condition, outcome: Outcome) -> dict[str, Any]:
    """Return one condition as plain values."""
    clean = outcome.clean_for(condition)
    heads = [run.head for run in condition.runs if run.head]
    return {
        **condition.axes,
        "rounds": condition.cell.rounds,
        "watched": condition.cell.watched or None,
        "seeds": [run.cell.seed for run in condition.runs],
        "seeds_finished": [run.cell.seed for run in condition.finished],
        "shared": [head["shared"] for head in heads],
        "unshared_because": sorted({head["unshared_because"] for head in heads} - {""}),
        "last": {name: plain_spread(condition.last(name)) for name in EVALUATED},
        **{name: plain_share(condition.shown(name)) for name in SHARES},
        "times_longer": plain_spread(condition.longer()),
        "accuracy_greedy_beside_clean": plain_spread(condition.beside(clean, "accuracy_greedy")),
        "accuracy_sampled_beside_clean": plain_spread(condition.beside(clean, "accuracy_sampled")),
        "completions": {
            origin.value: {
                what: plain_share(condition.share(origin, what))
                for what in ("refused", "undecided", "taught")
            }
            for origin in Origin
        },
        "reasons": [
            dict(zip(("origin", "outcome", "stage", "reason", "count"), (*what, many), strict=True))
            for what, many in sorted(condition.reasons().items())
        ],
        "round_cpu_s": plain_spread(condition.round_cpu_s()),
        "curves": {
            name: {str(at): plain_spread(one) for at, one in condition.curve(name).items()}
            for name in (*EVALUATED, "honest_reward")
        },
    }


def plain_spread(found: Spread | None) -> dict[str, float] | None:
    """Return a spread as plain values."""
    return None if found is None else dataclasses.asdict(found)


def plain_share(share: Share | None) -> dict[str, float] | None:
    """Return a share as plain values, with its 95 % interval; None of nothing."""
    if share is None or not share.of:
        return None
    low, high = share.interval
    return {
        "count": share.count,
        "of": share.of,
        "value": share.value,
        "low": low,
        "high": high,
    }
