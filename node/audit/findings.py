"""Findings for people and for machines."""

import json
from collections.abc import Iterator
from pathlib import Path

from node.audit.reading import count_of, findings_of
from node.audit.rollouts import fields_of
from node.audit.writing import finite, number, of_all, visible
from node.ledger import Wanted
from node.tables import plain_table, show_table
from node.work import Finding, Said


def show_findings(data_dir: Path, wanted: Wanted, *, as_json: bool) -> None:
    """Print findings as a table or as lines of JSON.

    Raises:
        DataDirFault: No node has run there, or a ledger is damaged.
    """
    found = findings_of(data_dir, wanted)
    if as_json:
        for one in found:
            print(json.dumps(with_verdicts(one)))
        return
    listed = list(found)
    headings = ("round", "author", "prompt", "place", "outcome", "stage", "reason", "value")
    table = plain_table(
        *headings,
        "threshold",
        "contribution",
        "detail",
        wide="detail",
        title=of_all(len(listed), count_of(data_dir, wanted), "findings"),
    )
    for one in listed:
        table.add_row(*cells(one))
    show_table(table)


def cells(one: Finding) -> Iterator[str]:
    """Yield a row of the table."""
    yield str(one.round_index)
    yield f"...{one.author[-8:]}"
    yield str(one.prompt_index)
    yield str(one.index)
    yield one.outcome
    yield one.stage
    yield one.reason
    yield number(one.deciding.value)
    yield number(one.deciding.threshold)
    yield one.contribution[:12]
    yield visible(one.deciding.detail)


def with_verdicts(one: Finding) -> dict[str, object]:
    """Return all that is known of a completion, for JSON."""
    decides = said_of(one.deciding)
    return fields_of(one) | decides | {"verdicts": [said_of(each) for each in one.verdicts]}


def said_of(one: Said) -> dict[str, object]:
    """Return a verdict for JSON."""
    return {
        "stage": one.stage,
        "outcome": one.outcome,
        "reason": one.reason,
        "value": finite(one.value),
        "threshold": finite(one.threshold),
        "spans": [list(span) for span in one.spans],
        "detail": one.detail,
    }
