"""The whole program: its commands joined, and what ends one turned into an exit code."""

import sys
from typing import NoReturn

import typer

from node.cli import attack, audit, health, identity, lab, ledger, peers, start, swarm

app = typer.Typer(
    name="drl-node",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train a language model together with strangers, by decentralised GRPO.",
)


def version() -> None:
    """Print the versions of this program, of its protocol and of what it stands on."""
    from importlib.metadata import version as installed

    from protocol.parameters import VERSION

    typer.echo(f"drl-node {installed('drl-node')}, protocol {VERSION}")
    for package in ("libp2p", "torch", "transformers", "trio"):
        typer.echo(f"{package} {installed(package)}")


app.command()(start.start)
app.add_typer(identity.app, name="identity")
app.command()(audit.findings)
app.add_typer(audit.rollouts_app, name="rollouts")
app.command()(audit.verify)
app.command()(health.health)
app.command()(version)
app.add_typer(swarm.app, name="swarm")
app.add_typer(lab.app, name="lab")
app.add_typer(attack.app, name="attack")
app.add_typer(peers.app, name="peers")
app.add_typer(ledger.app, name="ledger")


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
