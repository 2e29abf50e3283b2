"""What a node's ledgers say of its peers' completions, for people and for machines.

It reads; a running node is not disturbed.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from node.faults import DataDirFault
from node.ledger import Ledger
from node.settings import plain
from node.work import Finding


def findings_of(
    data_dir: Path,
    *,
    author: str | None,
    round_index: int | None,
    reason: str | None,
    count_max: int,
) -> tuple[Finding, ...]:
    """Return findings of every swarm that a node took part in, newest round first.

    Raises:
        DataDirFault: No node has run there, or a ledger is damaged.
    """
    paths = sorted(data_dir.glob("swarms/*/ledger.db"))
    if not paths:
        raise DataDirFault(
            f"No node has run in {data_dir}.", fix="Name its directory with --data-dir."
        )
    found: list[Finding] = []
    for path in paths:
        ledger = Ledger(path, read_only=True)
        try:
            found += ledger.findings(
                author=author, round_index=round_index, reason=reason, count_max=count_max
            )
        finally:
            ledger.close()
    found.sort(key=lambda one: one.round_index, reverse=True)
    return tuple(found[:count_max])


def show_findings(found: Sequence[Finding], *, as_json: bool) -> None:
    """Print findings as a table or as lines of JSON."""
    if as_json:
        for one in found:
            print(json.dumps(plain(one)))
        return
    table = Table(title=f"{len(found)} findings")
    for heading in ("round", "author", "prompt", "place", "outcome", "stage", "reason"):
        table.add_column(heading, no_wrap=True)
    for heading in ("value", "threshold", "detail"):
        table.add_column(heading)
    for one in found:
        table.add_row(
            str(one.round_index),
            f"...{one.author[-8:]}",
            str(one.prompt_index),
            str(one.index),
            one.outcome,
            one.stage,
            one.reason,
            "" if one.value is None else f"{one.value:.4g}",
            "" if one.threshold is None else f"{one.threshold:.4g}",
            one.detail,
        )
    Console().print(table)
