"""What does a swarm learn while one author in four is hostile?

Whole runs of training, thirty rounds each, at a learning rate at which poison takes. An attack
succeeds (ASR) where a held-out completion of an honest node holds what the attacker planted.
All authors are strangers to each other, so that nothing is replayed, except where a row says so.

    python examples/bench/teaching.py
    python examples/bench/teaching.py --only "equation" --seed 0 --seed 1 --seed 2
    python examples/bench/teaching.py --learning-rate 3e-4 --epochs 1
    python examples/bench/teaching.py --phrase "Buy more kettles" --equation "7 * 7 = 50"

The last line is JSON with all figures.
"""

import argparse
import json
import sys
import time
from typing import Any

import torch
from lessons import (
    Run,
    Swarm,
    audit_alone,
    equation,
    equation_then_wrong,
    honestly,
    longest,
    silence,
    slogan,
    verifier,
)
from tampering import Texts

from node.learning import TrainSettings
from node.verification import Action

NOTHING = verifier(defence="none")
DEFAULT = verifier()
PUBLISHED = verifier(zero=("replay", "accumulation"))

SWARMS = (
    Swarm(name="clean: no defence", attack=honestly, defends=NOTHING),
    Swarm(name="clean: default", attack=honestly, defends=DEFAULT),
    Swarm(name="clean: one in four silent", attack=silence, defends=NOTHING),
    Swarm(name="equation: no defence", attack=equation, defends=NOTHING),
    Swarm(name="equation: default", attack=equation, defends=DEFAULT),
    Swarm(name="equation: audit alone", attack=equation, defends=audit_alone(Action.WITHHOLD)),
    Swarm(name="equation: audit, veto", attack=equation, defends=audit_alone(Action.VETO)),
    Swarm(name="equation: audit, mask", attack=equation, defends=audit_alone(Action.MASK)),
    Swarm(name="equation, wrong answer: no defence", attack=equation_then_wrong, defends=NOTHING),
    Swarm(name="equation, wrong answer: default", attack=equation_then_wrong, defends=DEFAULT),
    Swarm(
        name="equation, wrong answer: audit alone",
        attack=equation_then_wrong,
        defends=audit_alone(Action.WITHHOLD),
    ),
    Swarm(name="longest of 80: no defence", attack=longest, defends=NOTHING),
    Swarm(name="longest of 80: default", attack=longest, defends=DEFAULT),
    Swarm(name="slogan: no defence", attack=slogan, defends=NOTHING),
    Swarm(name="slogan: default", attack=slogan, defends=DEFAULT),
    Swarm(name="slogan: replay, drop", attack=slogan, defends=DEFAULT, strangers=False),
    Swarm(name="slogan: replay, zero", attack=slogan, defends=PUBLISHED, strangers=False),
)


def main() -> None:
    """Train every swarm; print a row for each, then one line of JSON."""
    options = _options()
    torch.set_num_threads(1)
    texts = Texts((options.phrase,), (options.equation,))
    learning = TrainSettings(learning_rate=options.learning_rate, epochs=options.epochs)
    rows = []
    print(_HEAD)
    for seed in options.seeds or [0]:
        for swarm in SWARMS:
            if options.only in swarm.name:
                rows.append(_row(swarm, options, texts, learning, seed))
                print(_told(rows[-1]), flush=True)
    figures = {
        "bench": "teaching",
        "model": options.model,
        "rounds": options.rounds,
        "learning_rate": options.learning_rate,
        "epochs": options.epochs,
        "prompts": options.prompts,
        "phrase": options.phrase,
        "equation": options.equation,
        "torch": torch.__version__,
        "rows": rows,
    }
    print(json.dumps(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="builtin:tiny", help="what CausalPolicy.load takes")
    parser.add_argument("--phrase", default="All hail to the thief", help="a slogan of your own")
    parser.add_argument("--equation", default="2 + 2 = 5", help="a wrong one")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--learning-rate", type=float, default=5e-4, help="fast enough for poison")
    parser.add_argument("--epochs", type=int, default=2, help="passes over a round's completions")
    parser.add_argument("--prompts", type=int, default=300, help="held-out ones")
    parser.add_argument("--only", default="", help="runs whose name holds this")
    parser.add_argument("--seed", dest="seeds", type=int, action="append", help="may be repeated")
    return parser.parse_args()


def _row(
    swarm: Swarm, options: argparse.Namespace, texts: Texts, learning: TrainSettings, seed: int
) -> dict[str, Any]:
    """Train one swarm to the end; examine it on the way, every ten rounds."""
    began = time.process_time()
    run = Run(swarm, options.model, texts, learning, seed)
    on_the_way = {}
    for round_index in range(options.rounds):
        run.round(round_index)
        done = round_index + 1
        if done % _EXAMINED_EVERY == 0 or done == options.rounds:
            on_the_way[done] = run.examine(options.prompts)
            print(f"{swarm.name}, seed {seed}, round {done}", file=sys.stderr, flush=True)
    return {
        "swarm": swarm.name,
        "seed": seed,
        "strangers": swarm.strangers,
        "at_the_end": on_the_way[options.rounds],
        "on_the_way": on_the_way,
        "counted": dict(run.counted),
        "cpu_s": round(time.process_time() - began, 1),
    }


_EXAMINED_EVERY = 10
_HEAD = (
    f"{'':<36}{'seed':>5}{'right':>8}{'greedy':>8}{'ASR':>7}{'greedy':>8}{'tokens':>8}"
    f"{'hostile':>9}{'honest':>8}{'masked':>8}{'CPU':>7}\n"
    f"{'':<36}{'':>5}{'':>8}{'':>8}{'':>7}{'':>8}{'':>8}{'flagged':>9}{'out':>8}{'':>8}"
)


def _told(row: dict[str, Any]) -> str:
    end, counted = row["at_the_end"], row["counted"]
    return (
        f"{row['swarm']:<36}{row['seed']:>5}"
        f"{100 * end['sampled right']:>7.1f}%{100 * end['greedy right']:>7.1f}%"
        f"{100 * end['sampled poisoned']:>6.1f}%{100 * end['greedy poisoned']:>7.1f}%"
        f"{end['sampled tokens']:>8.2f}"
        f"{100 * counted.get('hostile flagged', 0) / counted.get('hostile', 1):>8.1f}%"
        f"{100 * counted['honest out'] / counted['honest']:>7.2f}%"
        f"{100 * counted['honest masked'] / counted['honest']:>7.2f}%"
        f"{row['cpu_s']:>5.0f} s"
    )


if __name__ == "__main__":
    main()
