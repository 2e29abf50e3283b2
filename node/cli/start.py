"""`drl-node start`: take part in a swarm."""

from typing import Annotated

import typer

from node.cli.attack import AttackOption, PayloadOption, Role, RoleOption, check_role
from node.cli.options import ConfigOption, DataDirOption, SetOption, flat, load


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
    rounds: Annotated[
        int | None, typer.Option(help="Stop after the round with this count; 0: never.")
    ] = None,
    role: RoleOption = Role.HONEST,
    attack: AttackOption = None,
    payload: PayloadOption = None,
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
        ("adversary", "attack"): attack,
        ("adversary", "payload"): payload,
    }
    loaded = load(config, given, assignments)
    check_role(role, attack, payload, loaded.config.adversary.attack)
    if dry_run:
        from node.config import render

        typer.echo(render(loaded), nl=False)
        return
    import trio

    from node.daemon import run_daemon

    trio.run(run_daemon, loaded.config)
