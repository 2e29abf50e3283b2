"""Options that several commands share, and the configuration that they end in."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from node.config import Loaded

Command = TypeVar("Command", bound=Callable[..., None])

ConfigOption = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", help="A node.toml; may be given again, later ones win."),
]
DataDirOption = Annotated[
    str | None, typer.Option("--data-dir", help="Where this node keeps key and checkpoints.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set any configuration key."),
]


def load(
    files: list[Path] | None,
    given: dict[tuple[str, str], object | None],
    assignments: list[str] | None,
) -> "Loaded":
    """Join files, environment and flags into a configuration."""
    from node.config import load_config, read_assignments

    flags = {key: value for key, value in given.items() if value is not None}
    flags |= read_assignments(assignments or [])
    return load_config(files=files or [], environment=os.environ, flags=flags)


def assigned(loaded: "Loaded") -> tuple[str, ...]:
    """Return every value that was set as a `section.key=value`, to hand on to a node."""
    from node.settings import plain

    found = []
    for section, key in loaded.origins:
        value = plain(getattr(loaded.config, section))[key]
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        found.append(f"{section}.{key}={text}")
    return tuple(found)


def flowing(command: Command) -> Command:
    """Make each paragraph of a command's help one line, which a terminal breaks where it must."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    command.__doc__ = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    return command


def flat(values: list[str] | None) -> list[str] | None:
    """Split repeated flags at commas too."""
    if values is None:
        return None
    return [part.strip() for value in values for part in value.split(",") if part.strip()]
