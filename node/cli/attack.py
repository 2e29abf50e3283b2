"""`drl-node attack`: what adversaries there are, and what makes a node one of them."""

import json
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from node.attacks.catalogue import Entry

app = typer.Typer(no_args_is_help=True, help="Adversaries, for swarms made for experiments.")

NAME_ONE = "Add --attack NAME; `drl-node attack list` has the names."
"""The way out for who asks for something that only adversaries have."""

_WIDTH = 96
_INDENT = 18


class Role(StrEnum):
    """What a node is in its swarm."""

    HONEST = "honest"
    ADVERSARY = "adversary"


RoleOption = Annotated[
    Role, typer.Option(help="An adversary needs --attack, and a swarm marked for tests.")
]
AttackOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="A name of `drl-node attack list`, or own code.")
]
PayloadOption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="What it teaches: TEXT, phrase:TEXT or equation:TEXT."),
]


@app.callback()
def attack() -> None:
    """Keep `list` a command of its own while it is the only one."""


@app.command("list")
def listed(
    *, json_output: Annotated[bool, typer.Option("--json", help="One line of JSON each.")] = False
) -> None:
    """Print every attack with what it does and where it comes from."""
    from node.attacks.catalogue import CATALOGUE, CHANGES

    if json_output:
        for entry in (*CATALOGUE, *CHANGES):
            typer.echo(json.dumps(_plain(entry, changes=entry in CHANGES)))
        return
    for entry in CATALOGUE:
        typer.echo("\n".join(_lines(entry, entry.name)))
    typer.echo("\nChanges to attacks on content, written before one: --attack stranger+equation\n")
    for entry in CHANGES:
        typer.echo("\n".join(_lines(entry, f"{entry.name}+")))


def check_role(role: Role, attack_name: str | None, payload: str | None, configured: str) -> None:
    """Refuse a role and an attack that contradict each other.

    Args:
        role: What was asked for.
        attack_name: From the flag, if it was given.
        payload: From the flag, if it was given.
        configured: The attack that holds, wherever it was set; "" for none.

    Raises:
        ConfigFault: They do.
    """
    from node.faults import ConfigFault

    if role is Role.ADVERSARY and not configured:
        raise ConfigFault("--role adversary says nothing without an attack.", fix=NAME_ONE)
    given = "--attack" if attack_name is not None else "--payload" if payload is not None else ""
    if role is Role.HONEST and given:
        fix = "Add --role adversary, or leave it out."
        raise ConfigFault(f"{given} is for adversaries only.", fix=fix)


def _plain(entry: "Entry", *, changes: bool) -> dict[str, object]:
    return {
        "name": entry.name,
        "seam": entry.seam.value,
        "changes_another": changes,
        "does": entry.does,
        "source": entry.source,
        "payload": entry.payload,
    }


def _lines(entry: "Entry", name: str) -> Iterator[str]:
    teaches = f"; teaches {entry.payload}" if entry.payload else ""
    text = [entry.does, f"({entry.seam.value}; {entry.source}{teaches})"]
    wrapped = [line for part in text for line in textwrap.wrap(part, _WIDTH - _INDENT)]
    for at, line in enumerate(wrapped):
        yield f"{name if at == 0 else '':{_INDENT}}{line}"
