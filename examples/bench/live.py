"""Does a swarm of live processes become what the laboratory says, to the bit? One of each, by seed.

Three honest nodes and one that puts a slogan into its answers, with the default defence: once as
`drl-node swarm up`, separate processes over libp2p, and once as the laboratory's cell, in one
process over a mesh in memory. For each seed stand what the honest nodes refused of the malicious
node's completions and of each other's, and which weights they ended with.

    python examples/bench/live.py [--seeds 0 1 2] [--rounds 3]

Ends with one line of JSON; the exit code is 1 if a live swarm and its cell differ.
"""

import argparse
import io
import json
import subprocess
import sys
import time
from collections import Counter
from typing import Any

from node.lab.book import Origin
from node.lab.cell import Cell
from node.lab.experiment import run_cell
from protocol.parameters import Mode

HONEST, MALICIOUS = 3, 1
ATTACK = "hail"
DEFENCE = "default"
SETTINGS = ("train.epochs=2", "train.learning_rate=3e-4", "evaluate.prompts_final=100")
"""Of every node in both: as `swarm up` sets an attacked swarm, with shorter evaluations."""

Outcome = dict[str, Any]
"""By role what was refused of it and how many completions there were, and the honest `policies`."""

ROLES = ("malicious", "honest")


def main() -> int:
    """Run both for every seed, print a row for each, then all figures as one line of JSON."""
    options = parsed()
    rows = []
    told = ("of the malicious", "of the honest", "weights of the honest")
    print(f"seed  where       {told[0]:>18}  {told[1]:>18}  {told[2]:<26}  wall")
    for seed in options.seeds:
        row = both(seed, options.rounds)
        rows.append(row)
        for where in ("live", "laboratory"):
            print(line(row, where), flush=True)
        print(f"{seed:>4}  {'the same' if row['agree'] else 'DIFFERENT'}", flush=True)
    agree = all(row["agree"] for row in rows)
    figures = {
        "bench": "live",
        "attack": ATTACK,
        "defence": DEFENCE,
        "honest": HONEST,
        "malicious": MALICIOUS,
        "rounds": options.rounds,
        "settings": SETTINGS,
        "runs": rows,
        "agree": agree,
    }
    print(json.dumps(figures))
    return 0 if agree else 1


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def both(seed: int, rounds: int) -> dict[str, Any]:
    """Run a seed's swarm in either way; return what came of each and whether it is the same."""
    row: dict[str, Any] = {"seed": seed}
    for where, run in (("live", live), ("laboratory", laboratory)):
        began_s = time.monotonic()
        row[where] = run(seed, rounds)
        row[f"{where}_s"] = round(time.monotonic() - began_s, 1)
    row["agree"] = row["live"] == row["laboratory"]
    return row


def live(seed: int, rounds: int) -> Outcome:
    """Raise a swarm of processes; return what its scoreboard says."""
    command = [sys.executable, "-m", "node", "swarm", "up", "--json", "--seed", str(seed)]
    command += ["--honest", str(HONEST), "--malicious", str(MALICIOUS), "--attack", ATTACK]
    command += ["--defence", DEFENCE, "--rounds", str(rounds), "--mode", Mode.HORIZONTAL.value]
    command += [part for setting in SETTINGS for part in ("--set", setting)]
    ended = subprocess.run(  # noqa: S603 - this very program
        command, stdout=subprocess.PIPE, text=True, check=False
    )
    if not ended.stdout:
        raise SystemExit(f"The swarm of seed {seed} ended with {ended.returncode}; see above.")
    board = json.loads(ended.stdout)
    judged = board["attack"]["judged"]
    counts = {role: [judged[role]["refused"], judged[role]["completions"]] for role in ROLES}
    return counts | {"policies": sorted({node["policy"] for node in board["nodes"][:HONEST]})}


def laboratory(seed: int, rounds: int) -> Outcome:
    """Run the same swarm as a cell; return the same of its lines."""
    cell = Cell(
        rounds=rounds,
        attack=ATTACK,
        mode=Mode.HORIZONTAL,
        nodes=HONEST + MALICIOUS,
        malicious=MALICIOUS,
        defence=DEFENCE,
        seed=seed,
        settings=SETTINGS,
    )
    file = io.StringIO()
    run_cell(cell, file, {}, lambda _rounds: None)
    lines = [json.loads(one) for one in file.getvalue().splitlines()]
    done = [one for one in lines if one["kind"] == "round"]
    # Where the nodes share one model, one of them speaks for all.
    each_speaks_for = HONEST // len({one["node"] for one in done})
    counted: Counter[tuple[str, str]] = Counter()
    for one in done:
        for origin, found in one["origins"].items():
            role = "honest" if origin == Origin.HONEST.value else "malicious"
            for what in ("refused", "completions"):
                counted[role, what] += found[what] * each_speaks_for
    counts = {role: [counted[role, "refused"], counted[role, "completions"]] for role in ROLES}
    last = [one for one in done if one["round"] == rounds - 1]
    return counts | {"policies": sorted({one["policy_digest"] for one in last})}


def line(row: dict[str, Any], where: str) -> str:
    """Return one outcome as a row of the table."""
    found: Outcome = row[where]
    malicious, honest = (" of ".join(map(str, found[role])) for role in ROLES)
    weights = ", ".join(policy[:12] for policy in found["policies"])
    return (
        f"{row['seed']:>4}  {where:<10}  {malicious:>18}  {honest:>18}  {weights:<26}  "
        f"{row[f'{where}_s']:>3.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
