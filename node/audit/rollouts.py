"""Rollouts as rows: a completion, what it earned, what was found of it, what it counted for."""

import json
from pathlib import Path

from rich.text import Text

from node.audit.reading import count_of, findings_of
from node.audit.writing import number, of_all, visible
from node.ledger import Wanted
from node.tables import plain_table, show_table
from node.work import Finding


def fields_of(one: Finding) -> dict[str, object]:
    """Return a rollout's fields, in the order of a file's columns."""
    return {
        "round_index": one.round_index,
        "prompt_index": one.prompt_index,
        "prompt": one.prompt,
        "author": one.author,
        "index": one.index,
        "text": one.text,
        "tokens": list(one.tokens),
        "ended": one.ended,
        "reward": one.reward,
        "policy_digest": one.policy_digest,
        "outcome": one.outcome,
        "stage": one.stage,
        "reason": one.reason,
        "trained": one.trained_reward is not None,
        "trained_reward": one.trained_reward,
        "trained_tokens": one.credited,
        "weight": one.weight,
        "contribution": one.contribution,
    }


def show_rollouts(data_dir: Path, wanted: Wanted, *, as_json: bool) -> None:
    """Print rollouts as a table or as lines of JSON.

    Raises:
        DataDirFault: No node has run there, or a ledger is damaged.
    """
    found = findings_of(data_dir, wanted)
    if as_json:
        for one in found:
            print(json.dumps(fields_of(one)))
        return
    listed = list(found)
    headings = ("round", "author", "prompt", "place", "reward", "outcome", "reason", "counts")
    table = plain_table(
        *headings,
        "contribution",
        "text",
        wide="text",
        title=of_all(len(listed), count_of(data_dir, wanted), "rollouts"),
    )
    for one in listed:
        table.add_row(
            str(one.round_index),
            f"...{one.author[-8:]}",
            str(one.prompt_index),
            str(one.index),
            number(one.reward),
            one.outcome,
            one.reason,
            number(one.weight),
            one.contribution[:12],
            Text(visible(one.text), no_wrap=True, overflow="ellipsis"),
        )
    show_table(table)
