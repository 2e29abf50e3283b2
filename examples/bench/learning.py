"""Does a swarm of strangers learn? Held-out accuracy over rounds, for both modes and some seeds.

Each run is `drl-node swarm up`: separate processes over libp2p on this machine. Accuracies are of
sampled completions, one for each of `--prompts` held-out prompts, with 95 % Wilson intervals.

    python examples/bench/learning.py [--modes vertical horizontal] [--seeds 0 1 2]

Ends with one line of JSON.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

Z = 1.959964
"""Of the normal distribution, for 95 %."""


def main() -> None:
    """Run every swarm, print a row for each, then all figures as one line of JSON."""
    options = parsed()
    runs = []
    print(f"{'mode':<11}{'seed':>5}  {'before':>18}  {'round 10':>18}  {'last':>18}  greedy   wall")
    for mode in options.modes:
        for seed in options.seeds:
            run = one_swarm(options, mode, seed)
            runs.append(run)
            print(row(run, options.prompts), flush=True)
    print(json.dumps(summary(runs, options)))


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--modes", nargs="+", default=["vertical", "horizontal"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    return parser.parse_args()


def one_swarm(options: argparse.Namespace, mode: str, seed: int) -> dict[str, Any]:
    """Raise one swarm; return its scoreboard with what its nodes measured in between."""
    with tempfile.TemporaryDirectory(prefix="drl-learning-") as directory:
        command = [sys.executable, "-m", "node", "swarm", "up", "--json"]
        command += ["--nodes", str(options.nodes), "--rounds", str(options.rounds)]
        command += ["--mode", mode, "--seed", str(seed), "--dir", directory]
        command += ["--set", f"evaluate.prompts={options.prompts}", "--set", "evaluate.every=10"]
        command += ["--set", f"evaluate.prompts_final={options.prompts}"]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        board: dict[str, Any] = json.loads(ended.stdout)
        paths = sorted(Path(directory).glob("node-*/swarms/*/metrics.jsonl"))
        lines = [[json.loads(line) for line in path.read_text().splitlines()] for path in paths]
    return {
        "mode": mode,
        "seed": seed,
        "before": [at_round(one, 0) for one in lines],
        "round_10": [at_round(one, 10) for one in lines],
        "last": [at_round(one, options.rounds) for one in lines],
        "greedy": [node["after"]["greedy"] for node in board["nodes"]],
        "delivered_share": board["delivered_share"],
        "policies": board["policies"],
        "seconds": board["seconds"],
        "model_cpu_share": min(node["model_cpu_share"] for node in board["nodes"]),
        "round_s": board["nodes"][0]["round_s"],
    }


def at_round(lines: list[dict[str, Any]], index: int) -> float:
    """Return a node's sampled accuracy when it was to begin a round."""
    found = [one for one in lines if one["kind"] == "evaluation" and one["round"] == index]
    return float(found[-1]["sampled"]) if found else math.nan


def row(run: dict[str, Any], prompts: int) -> str:
    """Return one run as a row of the table: the worst node of each."""
    accuracies = "  ".join(
        f"{interval(min(run[key]), prompts):>18}" for key in ("before", "round_10", "last")
    )
    greedy = f"{min(run['greedy']):6.1%}"
    return f"{run['mode']:<11}{run['seed']:>5}  {accuracies}  {greedy}  {run['seconds']:4.0f} s"


def interval(share: float, count: int) -> str:
    """Return a share with its 95 % Wilson interval, in percent."""
    centre = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    spread = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    spread /= 1 + Z**2 / count
    return f"{share:.1%} ({centre - spread:.0%}-{centre + spread:.0%})"


def summary(runs: list[dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures, and whether each of the project's aims is met."""
    return {
        "bench": "learning",
        "nodes": options.nodes,
        "rounds": options.rounds,
        "prompts": options.prompts,
        "runs": runs,
        "round_10_min": min(min(run["round_10"]) for run in runs),
        "seconds_max": max(run["seconds"] for run in runs),
        "delivered_share_min": min(run["delivered_share"] for run in runs),
        "policies_max": max(run["policies"] for run in runs),
        "model_cpu_share_min": min(run["model_cpu_share"] for run in runs),
    }


if __name__ == "__main__":
    main()
