"""The reference tables of the documents, made from the code that they describe.

`python -m node.reference` writes them anew; a test fails when they differ.
"""

import ast
import dataclasses
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

from node import faults, verdict
from node.config import ENVIRONMENT_PREFIX, NodeConfig
from node.settings import expected, plain
from protocol.errors import Reason

PATH = Path(__file__).with_name("REFERENCE.md")

CONFIGURATION = (
    "Each key can stand in a `node.toml` (`-c`), in the environment as "
    f"`{ENVIRONMENT_PREFIX}SECTION__KEY`, or in a flag `--set section.key=value`; "
    "the later wins. `drl-node start --dry-run` prints what holds and where it came from."
)

REASONS = (
    "`REJECT`: objectively invalid, not forwarded, may cost the forwarder. "
    "`IGNORE`: not wanted here or now, not forwarded, costs nobody. "
    "The rules are numbered in [the specification](../protocol/README.md)."
)

FINDINGS = (
    "What a stage of verification may say of a completion. A refusal costs the completion its "
    "place (`drop`), its place where it would be praised (`veto`), that at the best reward only "
    "and else the praise of a sentence (`withhold`), credit for the tokens at fault (`mask`) or "
    "its reward (`zero`), by stage, as `[verify]` says; it never costs a forwarder. "
    "`drl-node findings` shows them."
)


def document() -> str:
    """Return the whole reference."""
    parts = [
        "# Reference",
        "Made by `make reference` from the code; do not edit.",
        "## Configuration",
        CONFIGURATION,
        *config_tables(),
        "## Exit codes",
        exit_codes(),
        "## Reasons for refusing a message",
        REASONS,
        reasons(),
        "## Findings about completions",
        FINDINGS,
        findings(),
    ]
    return "\n\n".join(parts) + "\n"


def config_tables() -> Iterator[str]:
    """Give a heading and a table for each section."""
    for section in dataclasses.fields(NodeConfig):
        settings = getattr(NodeConfig(), section.name)
        hints = get_type_hints(type(settings))
        said = attribute_docstrings(type(settings))
        rows = [
            [f"`{key}`", f"`{shown(value)}`", kind(hints[key]), said[key]]
            for key, value in plain(settings).items()
        ]
        yield f"### [{section.name}]"
        yield table(["key", "default", "kind", "meaning"], rows)


def shown(value: object) -> str:
    """Return a default as a reader would write it."""
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)


def kind(hint: object) -> str:
    """Name what a key takes."""
    if hint == tuple[str, ...]:
        return "list of strings"
    named = expected(hint)
    return "a number, or not set" if "None" in named else named


def exit_codes() -> str:
    """Return the table of exit codes."""
    found = {
        one.exit_code: one.meaning
        for one in vars(faults).values()
        if isinstance(one, type) and issubclass(one, faults.Fault) and one is not faults.Fault
    }
    found[faults.EXIT_OK] = "Done, or ended by a signal with everything saved."
    found[faults.EXIT_SWARM] = (
        "`swarm up`: a node of the swarm failed, or an attack harmed an honest one."
    )
    found[faults.EXIT_REFUSED] += " `verify`: something in the contribution is refused."
    found[faults.EXIT_UNHEALTHY] += " `health`: the node has finished no round of late."
    found[faults.EXIT_UNPROVEN] += " `ledger verify`: something in a ledger does not fit."
    found[faults.Fault.exit_code] += " `lab run`: a cell could not be run; the others are kept."
    found[faults.EXIT_INTERRUPTED] = "Interrupted before there was anything to save."
    found[faults.EXIT_BUG] = "A bug of drl-node; please report the traceback."
    return table(["code", "meaning"], [[str(code), found[code]] for code in sorted(found)])


def reasons() -> str:
    """Return the table of reasons."""
    rows = [
        [f"`{reason.value}`", "REJECT" if reason.rejects else "IGNORE", reason.meaning]
        for reason in Reason
    ]
    return table(["reason", "outcome", "meaning"], rows)


def findings() -> str:
    """Return the table of what verification says."""
    rows = [
        [f"`{reason.value}`", reason.outcome.value, reason.meaning] for reason in verdict.Reason
    ]
    return table(["reason", "outcome", "meaning"], rows)


def table(headings: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def attribute_docstrings(cls: type) -> dict[str, str]:
    """Return the string that stands below each attribute of a class, as one line."""
    (definition,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for attribute, below in zip(definition.body, definition.body[1:], strict=False):
        match attribute, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found


if __name__ == "__main__":
    PATH.write_text(document(), encoding="utf-8")
    sys.stdout.write(f"{PATH}\n")
