"""The whole program: its commands joined, and what ends one turned into an exit code."""

import errno
import os
import sys
from typing import NoReturn

import typer

from node.cli import attack, audit, health, identity, lab, ledger, peers, start, swarm

UNPRINTED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE})
"""What the system answers where standard output goes to a disk that is full or failing, or to
nobody; elsewhere what a disk says is a fault with a file's name already."""

STANDARD_OUTPUT = 1

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
        try:
            app()
        finally:
            if sys.stdout is not None:  # as it is where nobody has opened it
                sys.stdout.flush()  # while what refuses it can still be told
    except BaseException as error:  # noqa: BLE001 - the top: every end becomes an exit code
        end(error)


def end(error: BaseException) -> NoReturn:
    """Turn what ended a command into its message and exit code."""
    from node.faults import EXIT_BUG, EXIT_INTERRUPTED, Fault

    found = innermost(error)
    if isinstance(found, OSError) and (found.errno in UNPRINTED and found.filename is None):
        found = unprinted(found)
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


def unprinted(error: OSError) -> BaseException:
    """Return what it means that a command's output went nowhere, and let the rest of it go there.

    Who reads no further, as `head`, wants no words.
    """
    from node.faults import DiskFault

    os.dup2(os.open(os.devnull, os.O_WRONLY), STANDARD_OUTPUT)
    if isinstance(error, BrokenPipeError):
        return SystemExit(1)  # as click ends where it is the first to see it
    fix = "Free some space where the output goes, or send it elsewhere."
    return DiskFault(f"The output cannot be written: {error.strerror}.", fix=fix)


def innermost(error: BaseException) -> BaseException:
    """Return the one error that a group of a nursery's holds, or the group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
