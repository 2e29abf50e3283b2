"""A node's metrics lines, and what is looked up in them again and again."""

from collections.abc import Sequence
from typing import Any

Lines = Sequence[dict[str, Any]]
"""One node's metrics, oldest first."""

MEASURED = ("prompts", "sampled", "greedy", "length", "shown_sampled", "shown_greedy")
"""What of an evaluation a scoreboard keeps."""


def rounds_of(lines: Lines) -> Lines:
    """The lines that report a round."""
    return [line for line in lines if line["kind"] == "round"]


def evaluations_of(lines: Lines) -> Lines:
    """The lines that report an evaluation."""
    return [line for line in lines if line["kind"] == "evaluation"]


def measured(found: Lines, at: int) -> dict[str, float]:
    """Return what one evaluation measured, or nothing where none was made."""
    return {key: found[at][key] for key in MEASURED} if found else {}


def percent(found: dict[str, float], key: str) -> str:
    """Return a share as people read it."""
    return f"{found[key]:.0%}" if found else "-"


def change(node: dict[str, Any], key: str) -> str:
    """Return a share before and after."""
    return f"{percent(node['before'], key)} > {percent(node['after'], key)}"
