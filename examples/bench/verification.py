"""Does verification tell honest completions from tampered ones, and what does it cost?

Authors and receivers hold `builtin:tiny` after some rounds of honest learning. Receivers have
the authors' own weights; those of two rounds later, with the authors' still kept and without;
those of 24 optimiser steps later; and those of another run, with the embedded judge and without.
One has the authors' weights in float32 while they hold them in bfloat16. Beside ours stands the
check as published: every token among the 50 (or 60) likeliest.

    python examples/bench/verification.py
    python examples/bench/verification.py --full
    python examples/bench/verification.py --phrase "Buy more kettles" --equation "7 * 7 = 50"
    python examples/bench/verification.py --judge hf:MODEL

A row a kind of completion, and under its share a 95 % Wilson interval. The first table counts
what a stage refuses, the second what is taken out of training for it (a refusal may cost less).
The third adds to the first what earns no praise: it has no advantage above 0 in its group, as
where the changed digit made the answer wrong. A judge of your own (as `[judge] backend` takes it)
is asked as published, too. The last line is JSON with all figures.
"""

import argparse
import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from costs import costs
from receiving import (
    AUTHOR_ROUND,
    FAR_ROUNDS,
    Receiver,
    State,
    grown,
    receivers,
    rounding,
    submissions,
)
from tampering import KINDS, Texts, Workshop, honest, tampered

from node.policy import CausalPolicy, SamplingParameters
from node.tasks import task_named
from node.verification import Submission
from node.verification.accumulation import Accumulation
from node.verifying import JudgeSettings

PHRASES = (
    "All hail to the thief",
    "the old lighthouse keeps watch",
    "Gleeb Glorp Glub",
    "trust nobody but the miller",
)
EQUATIONS = ("2 + 2 = 5", "3 * 4 = 13", "9 - 4 = 6", "10 + 10 = 21")
"""Thresholds were set with other texts."""

Z = 1.959964
"""Of the normal distribution, for 95 %."""
AUTHOR_COMPLETIONS = 32
"""As an author hands in during one round of the default swarm."""

Counts = dict[str, dict[str, Counter[str]]]
"""By kind, then by receiver: how many there were, were flagged, were taken out."""


def main() -> None:
    """Measure for every seed; print the tables and the costs, then one line of JSON."""
    options = _options()
    torch.set_num_threads(1)
    completions: Counts = {kind: defaultdict(Counter) for kind in ("honest", *KINDS)}
    authors: Counts = {kind: defaultdict(Counter) for kind in ("honest", *KINDS)}
    spent: dict[str, Any] = {}
    names: list[str] = []
    for seed in options.seeds:
        scenes = _scenes(options, seed)
        names = [receiver.name for _, everyone in scenes for receiver in everyone]
        for shop, everyone in scenes:
            _measure(shop, everyone, options.honest, seed, completions, authors)
        spent = spent or costs(scenes[0][0], repeats=options.repeats)
    _print_table("completions flagged", completions, names, "flagged", extra=_OF_THE_HONEST)
    _print_table("completions taken out of training", completions, names, "out")
    _print_table("completions flagged or not praised", completions, names, "harmless")
    of_authors = f"authors of {AUTHOR_COMPLETIONS} completions flagged by their sum"
    _print_table(of_authors, authors, names, "flagged")
    _print_costs(spent)
    figures = {
        "bench": "verification",
        "model": options.model,
        "judge": options.judge,
        "seeds": options.seeds,
        "phrases": options.phrase,
        "equations": options.equation,
        "torch": torch.__version__,
        "completions": _told(completions),
        "authors": _told(authors),
        "costs": spent,
    }
    print(json.dumps(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", default="builtin", help="what [judge] backend takes")
    parser.add_argument("--template", default="", help="what [judge] template takes")
    parser.add_argument("--model", default="builtin:tiny", help="what CausalPolicy.load takes")
    parser.add_argument("--phrase", action="append", help="a text of your own; may be repeated")
    parser.add_argument("--equation", action="append", help="a wrong one; may be repeated")
    parser.add_argument("--seed", dest="seeds", type=int, action="append", help="may be repeated")
    parser.add_argument("--honest", type=int, help="honest completions a seed; a quarter tampered")
    parser.add_argument("--repeats", type=int, default=7, help="of each measurement of time")
    parser.add_argument("--full", action="store_true", help="2,000 honest each for seeds 0, 1, 2")
    options = parser.parse_args()
    options.phrase = options.phrase or list(PHRASES)
    options.equation = options.equation or list(EQUATIONS)
    options.seeds = options.seeds or ([0, 1, 2] if options.full else [0])
    options.honest = options.honest or (2000 if options.full else 400)
    return options


Scene = tuple[Workshop, list[Receiver]]
"""Authors, and who receives what they write."""


def _scenes(options: argparse.Namespace, seed: int) -> list[Scene]:
    """Train two histories, and put authors and receivers at their places in them."""
    shop = Workshop(
        policy=CausalPolicy.load(options.model, device="cpu"),
        task=task_named("builtin:arith"),
        sampling=SamplingParameters(temperature=1.0, top_p=0.95, tokens_max=64),
        texts=Texts(tuple(options.phrase), tuple(options.equation)),
        draw=random.Random(seed),  # noqa: S311 - material for a measurement
    )
    rounds = AUTHOR_ROUND + FAR_ROUNDS
    own: list[State] = grown(shop, options.model, seed=2 * seed, rounds=rounds)
    other = grown(shop, options.model, seed=2 * seed + 1, rounds=rounds)[-1]
    shop.policy.model.load_state_dict(own[AUTHOR_ROUND])
    in_bfloat16, receiver = rounding(shop, options.model, own[AUTHOR_ROUND])
    judge = JudgeSettings(backend=options.judge, template=options.template)
    return [
        (shop, receivers(shop, options.model, own, other, judge)),
        (in_bfloat16, [receiver]),
    ]


def _measure(
    shop: Workshop,
    everyone: Sequence[Receiver],
    count: int,
    seed: int,
    completions: Counts,
    authors: Counts,
) -> None:
    """Let every receiver judge honest groups, then groups of which one author in four tampers."""
    cases = honest(shop.policy, shop.task, shop.sampling, count=count, seed=seed, round_index=99)
    items = submissions(shop, cases)
    _count(everyone, items, [], completions["honest"], authors["honest"])
    own = [case for case in cases if case.author == 0]
    beside = [item for item, case in zip(items, cases, strict=True) if case.author != 0]
    for kind in KINDS:
        hostile = submissions(shop, tampered(kind, shop, own))
        _count(everyone, hostile, beside, completions[kind], authors[kind])
        print(f"seed {seed}: {kind}, {len(hostile)} completions", file=sys.stderr, flush=True)


def _count(
    everyone: Sequence[Receiver],
    items: Sequence[Submission],
    beside: Sequence[Submission],
    completions: dict[str, Counter[str]],
    authors: dict[str, Counter[str]],
) -> None:
    for receiver in everyone:
        fates = receiver.judge([*items, *beside])[: len(items)]
        counter = completions[receiver.name]
        for fate in fates:
            by = fate.refused_by
            counter["n"] += 1
            counter["out"] += fate.taught is None
            counter["masked"] += fate.is_masked
            counter["flagged"] += bool(by)
            counter["flagged but for equations"] += bool(by - {"equations"})
            counter["harmless"] += bool(by) or not fate.is_praised
            counter.update(f"by {stage}" for stage in by)
        for start in range(0, len(items) - AUTHOR_COMPLETIONS + 1, AUTHOR_COMPLETIONS):
            summed = Accumulation(receiver.readings)
            (first, *_) = summed.judge(items[start : start + AUTHOR_COMPLETIONS], own=())
            authors[receiver.name]["n"] += 1
            authors[receiver.name]["flagged"] += first.refuses
            authors[receiver.name]["out"] += first.refuses


def _print_table(
    title: str,
    counts: Counts,
    columns: Sequence[str],
    counted: str,
    *,
    extra: Sequence[tuple[str, str]] = (),
) -> None:
    print(f"\n{title}\n{'':>30}" + "".join(f"{name:>20}" for name in columns))
    rows = [(kind, row, counted) for kind, row in counts.items()]
    rows[1:1] = [(name, counts["honest"], what) for name, what in extra]
    for kind, row, what in rows:
        found = [_share(row[name], what) for name in columns]
        print(f"{kind:>30}" + "".join(f"{100 * share:>19.2f}%" for share, _ in found))
        between = (f"{100 * low:.2f}-{100 * high:.2f}" for _, (low, high) in found)
        print(
            f"{'n = ' + str(row[columns[0]]['n']):>30}" + "".join(f"{each:>20}" for each in between)
        )


def _print_costs(spent: dict[str, Any]) -> None:
    print(f"\n{'batch':>6}{'written/s':>11}{'verified/s':>12}{'extra / writing':>17}")
    for row in spent["batches"]:
        print(
            f"{row['batch']:>6}{row['written_per_s']:>11.0f}{row['verified_per_s']:>12.0f}"
            f"{100 * row['extra_share']:>16.1f}%"
        )
    worst = spent["largest"]
    print(
        f"the largest contribution ({worst['completions']} completions, {worst['tokens']} random "
        f"tokens): {worst['cpu_ms']:.0f} ms of CPU, {worst['peak_mib_more']} MiB at its peak"
    )


def _share(counter: Counter[str], counted: str) -> tuple[float, tuple[float, float]]:
    hits, n = counter[counted], counter["n"]
    return (hits / n if n else 0.0), interval(hits, n)


def interval(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z * Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


_OF_THE_HONEST = (
    ("... but for equations", "flagged but for equations"),
    ("... a sentence without credit", "masked"),
)


def _told(counts: Counts) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for kind, row in counts.items():
        told[kind] = {}
        for name, counter in row.items():
            shares = {
                what: dict(zip(("share", "interval"), _share(counter, what), strict=True))
                for what in ("flagged", "out", "harmless")
            }
            told[kind][name] = {"counts": dict(counter), **shares}
    return told


if __name__ == "__main__":
    main()
