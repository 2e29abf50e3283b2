"""The command line: arguments in, exit codes out; everything heavy is imported when it is used."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from node.config import Loaded

app = typer.Typer(
    name="drl-node",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train a language model together with strangers, by decentralised GRPO.",
)
identity_app = typer.Typer(no_args_is_help=True, help="Who this node is.")
swarm_app = typer.Typer(no_args_is_help=True, help="A whole swarm on this machine.")
app.add_typer(identity_app, name="identity")
app.add_typer(swarm_app, name="swarm")

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


@app.command()
def start(
    *,
    peers: Annotated[
        list[str] | None,
        typer.Option("--peers", "-p", help="A peer's multiaddr; repeat it, or use commas."),
    ] = None,
    listen: Annotated[
        list[str] | None, typer.Option("--listen", help="A multiaddr to listen on.")
    ] = None,
    announce: Annotated[
        list[str] | None, typer.Option("--announce", help="A multiaddr that others can dial.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="vertical or horizontal.")] = None,
    task: Annotated[str | None, typer.Option(help="builtin:arith, gsm8k:PATH, ...")] = None,
    model: Annotated[
        str | None, typer.Option(help="builtin:tiny, a directory, or a hub id.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Stop after this many; 0: never.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the effective configuration and end.")
    ] = False,
) -> None:
    """Join a swarm (or begin one) and train until a signal."""
    given: dict[tuple[str, str], object | None] = {
        ("network", "peers"): flat(peers),
        ("network", "listen"): flat(listen),
        ("network", "announce"): flat(announce),
        ("swarm", "mode"): mode,
        ("task", "source"): task,
        ("model", "source"): model,
        ("round", "rounds"): rounds,
        ("node", "data_dir"): data_dir,
    }
    loaded = load(config, given, assignments)
    if dry_run:
        from node.config import render

        typer.echo(render(loaded), nl=False)
        return
    import trio

    from node.daemon import run_daemon

    trio.run(run_daemon, loaded.config)


@identity_app.command("show")
def identity_show(
    config: ConfigOption = None, data_dir: DataDirOption = None, assignments: SetOption = None
) -> None:
    """Print this node's peer id, making its key where there is none."""
    from node.keyfile import load_or_create_key

    directory = load(config, {("node", "data_dir"): data_dir}, assignments).config.data_dir
    path = directory / "identity.key"
    keypair = load_or_create_key(path)
    typer.echo(f"peer id   {keypair.peer_id}\nkey file  {path}")


@app.command()
def findings(
    *,
    author: Annotated[str | None, typer.Option(help="Of this peer id only.")] = None,
    round_index: Annotated[int | None, typer.Option("--round", help="Of this round only.")] = None,
    reason: Annotated[str | None, typer.Option(help="For this reason only.")] = None,
    count: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    json_output: Annotated[bool, typer.Option("--json", help="One line of JSON each.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Show what verification refused or could not decide, newest first; the node may run on."""
    from node.audit import findings_of, show_findings

    directory = load(config, {("node", "data_dir"): data_dir}, assignments).config.data_dir
    found = findings_of(
        directory, author=author, round_index=round_index, reason=reason, count_max=count
    )
    show_findings(found, as_json=json_output)


@app.command()
def version() -> None:
    """Print the versions of this program, of its protocol and of what it stands on."""
    from importlib.metadata import version as installed

    from protocol.parameters import VERSION

    typer.echo(f"drl-node {installed('drl-node')}, protocol {VERSION}")
    for package in ("libp2p", "torch", "transformers", "trio"):
        typer.echo(f"{package} {installed(package)}")


@swarm_app.command("up")
def swarm_up(
    *,
    nodes: Annotated[int, typer.Option(help="How many nodes.", min=1, max=64)] = 4,
    rounds: Annotated[int, typer.Option(help="How many rounds.", min=1)] = 20,
    mode: Annotated[str | None, typer.Option(help="vertical or horizontal.")] = None,
    task: Annotated[str | None, typer.Option(help="builtin:arith, gsm8k:PATH, ...")] = None,
    model: Annotated[
        str | None, typer.Option(help="builtin:tiny, a directory, or a hub id.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Draws keys, prompts and noise: a swarm of one seed replays.")
    ] = 0,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Keep keys, logs and checkpoints here (else a temporary one)."),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print the scoreboard as one line of JSON.")
    ] = False,
) -> None:
    """Raise a swarm of separate processes on loopback, watch it learn, print a scoreboard."""
    from node.swarm import SwarmPlan, run_swarm

    given: dict[tuple[str, str], object | None] = {
        ("swarm", "name"): f"local-{seed}",
        ("swarm", "test_swarm"): True,
        ("swarm", "shares"): nodes,
        ("swarm", "mode"): mode,
        ("task", "source"): task,
        ("model", "source"): model,
        ("round", "rounds"): rounds,
        ("round", "authors_min"): nodes,
    }
    loaded = load(config, given, assignments)
    plan = SwarmPlan(
        nodes=nodes,
        seed=seed,
        rounds=rounds,
        directory=directory,
        settings=assigned(loaded),
        as_json=json_output,
    )
    raise SystemExit(run_swarm(plan))


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


def flat(values: list[str] | None) -> list[str] | None:
    """Split repeated flags at commas too."""
    if values is None:
        return None
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def main() -> None:
    """Run a command; end with the exit code that README documents."""
    try:
        app()
    except BaseException as error:  # noqa: BLE001 - the top: every end becomes an exit code
        end(error)


def end(error: BaseException) -> NoReturn:
    """Turn what ended a command into its message and exit code."""
    from node.faults import EXIT_BUG, EXIT_INTERRUPTED, Fault

    found = innermost(error)
    if isinstance(found, SystemExit):
        raise found
    if isinstance(found, KeyboardInterrupt):
        raise SystemExit(EXIT_INTERRUPTED)
    if isinstance(found, Fault):
        typer.echo(f"drl-node: {found}", err=True)
        raise SystemExit(found.exit_code)
    import traceback

    typer.echo("".join(traceback.format_exception(error)), err=True)
    typer.echo(
        "drl-node: this is a bug of drl-node; please report it with the lines above.", err=True
    )
    sys.exit(EXIT_BUG)


def innermost(error: BaseException) -> BaseException:
    """Return the one error that a group of a nursery's holds, or the group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
