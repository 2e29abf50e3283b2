"""What a laboratory's round costs, beside the model work that no laboratory can do without.

    python examples/bench/laboratory.py [--rounds 10] [--mode horizontal] [--attack hail]

One cell of 4 nodes and 128 completions a round with the embedded model, once with its whole swarm
(gates, signatures, ledgers, mesh, findings) and once as bare calls of one engine: sample for each
node, train once. Both in one process with one thread, alternating; medians of the rounds. Ends
with one line of JSON.
"""

import argparse
import dataclasses
import io
import json
import statistics
import tempfile
import time

from node.attacks.adversary import Adversary
from node.engine import Engine
from node.keyfile import seeded_keypair
from node.lab.cell import NOBODY, Cell
from node.lab.experiment import run_cell
from protocol.beacon import HashChain
from protocol.contribution import Contribution
from protocol.parameters import Mode
from protocol.schedule import Schedule

AIM_S = 2.0
"""Processor seconds that a round of 128 completions may take."""


def main() -> None:
    """Measure both, print a row for each, then all figures as one line of JSON."""
    options = parsed()
    cell = Cell(
        rounds=options.rounds,
        attack=options.attack,
        mode=Mode(options.mode),
        defence=options.defence,
        settings=("evaluate.every=0", f"train.epochs={options.epochs}"),
    )
    swarm, bare = [], []
    for _ in range(options.repeats):
        swarm += in_a_laboratory(cell)
        bare += bare_calls(cell)
    figures = {
        "bench": "laboratory",
        "completions": 128,
        "nodes": cell.nodes,
        "mode": cell.mode.value,
        "attack": cell.attack,
        "defence": cell.defence,
        "epochs": options.epochs,
        "rounds": len(swarm),
        "round_cpu_s": round(statistics.median(swarm), 3),
        "round_cpu_s_max": round(max(swarm), 3),
        "bare_cpu_s": round(statistics.median(bare), 3),
        "ratio": round(statistics.median(swarm) / statistics.median(bare), 3),
        "is_met": statistics.median(swarm) <= AIM_S,
    }
    print(f"a whole swarm   {figures['round_cpu_s']:.2f} CPU s a round")
    print(f"bare calls      {figures['bare_cpu_s']:.2f} CPU s a round")
    print(json.dumps(figures))


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--mode", choices=list(Mode), default="horizontal")
    parser.add_argument("--attack", default="hail", help=f"or {NOBODY}")
    parser.add_argument("--defence", default="default")
    return parser.parse_args()


def in_a_laboratory(cell: Cell) -> list[float]:
    """Return the processor seconds of each round of a cell."""
    file = io.StringIO()
    run_cell(cell, file, {}, lambda _rounds: None)
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    return [line["cpu_s"] for line in lines if line["kind"] == "round"]


def bare_calls(cell: Cell) -> list[float]:
    """Return the processor seconds of the same rounds, as calls of an engine and nothing else."""
    keys = [seeded_keypair(cell.seed, index).peer_id for index in range(cell.nodes)]
    adversary = Adversary(cell.adversary()) if cell.malicious else None
    with tempfile.TemporaryDirectory() as place:
        engine = Engine(dataclasses.replace(cell.config().engine_settings, data_dir=place))
        engine.open()
        schedule = Schedule(engine.parameters, HashChain(engine.parameters.digest()))
        spent = []
        for round_index in range(cell.rounds):
            began_s = time.process_time()
            made: list[Contribution] = []
            for place_of_key, key in enumerate(keys):
                done = engine.sample(key, round_index, schedule.prompts(round_index, key))
                if adversary and place_of_key >= cell.honest:
                    done = adversary.crafted(engine, key, round_index, done)
                made += done.contributions
            made.sort(key=lambda one: one.canonical_order)
            engine.train(keys[0], round_index, made)
            spent.append(time.process_time() - began_s)
    return spent


if __name__ == "__main__":
    main()
