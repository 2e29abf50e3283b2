"""`drl-node swarm`: a whole swarm on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from node.cli.attack import AttackOption, PayloadOption
from node.cli.crew import (
    DEFENCE_NAMES,
    HONEST,
    MALICIOUS,
    NODES,
    attack_plan,
    settled,
    shared_settings,
)
from node.cli.options import ConfigOption, SetOption, flowing

app = typer.Typer(no_args_is_help=True, help="A whole swarm on this machine.")

SeedOption = Annotated[
    int, typer.Option(help="Draws keys, prompts and noise: a swarm of one seed replays.")
]
PlaceOption = Annotated[
    Path | None,
    typer.Option(
        "--dir", help="A new place for keys, logs and checkpoints (else a temporary one)."
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the scoreboard as one line of JSON.")
]


@app.command("up")
@flowing
def up(
    *,
    nodes: Annotated[
        int | None, typer.Option(help=f"How many nodes, all honest. Default: {NODES}.")
    ] = None,
    honest: Annotated[
        int | None, typer.Option(help=f"With --attack: how many do not. Default: {HONEST}.")
    ] = None,
    malicious: Annotated[
        int | None, typer.Option(help=f"With --attack: how many do. Default: {MALICIOUS}.")
    ] = None,
    attack: AttackOption = None,
    payload: PayloadOption = None,
    defence: Annotated[
        str | None, typer.Option(help=f"Of every node: {', '.join(DEFENCE_NAMES)}.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="How many rounds.", min=1)] = 20,
    mode: Annotated[str | None, typer.Option(help="vertical or horizontal.")] = None,
    task: Annotated[str | None, typer.Option(help="builtin:arith, gsm8k:PATH, ...")] = None,
    model: Annotated[str | None, typer.Option(help="builtin:tiny, a directory, a hub id.")] = None,
    seed: SeedOption = 0,
    directory: PlaceOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    json_output: JsonOption = False,
) -> None:
    """Raise a swarm of separate processes on loopback, watch it learn, print a scoreboard.

    With --attack some of its nodes are adversaries. Unless you set them, --mode is then
    horizontal, train.epochs 2 and train.learning_rate 3e-4, so that thirty rounds suffice where
    nothing is in their way.

    The exit code is 0 only if every honest node stayed clean and kept its skill: its held-out
    answers, sampled or greedy, show the payload in at most 2 % more cases than at the start (of
    length: are at most 1.25 times as long), its sampled accuracy fell by at most 5 points of a
    hundred, and at least 98 % of what honest nodes said reached all of them in time.
    """
    from node.config import local_swarm_name
    from node.keyfile import puzzle_of
    from node.swarm import SwarmPlan, run_swarm

    given: dict[tuple[str, str], object | None] = {
        ("swarm", "name"): local_swarm_name(seed),
        ("swarm", "test_swarm"): True,
        ("swarm", "mode"): mode,
        ("task", "source"): task,
        ("model", "source"): model,
        ("verify", "defence"): defence,
        ("round", "rounds"): rounds,
        ("adversary", "attack"): attack,
        ("adversary", "payload"): payload,
    }
    loaded, crew = settled(given, config, assignments, (nodes, honest, malicious))
    plan = SwarmPlan(
        honest=crew.honest,
        seed=seed,
        rounds=rounds,
        directory=directory,
        settings=shared_settings(loaded),
        as_json=json_output,
        attack=attack_plan(loaded, crew),
        puzzle=puzzle_of(loaded.config.swarm),
    )
    raise SystemExit(run_swarm(plan))
