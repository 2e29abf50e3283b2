"""What a watcher of a swarm sees: progress while it runs, and the scoreboard at its end.

Computed from the nodes' metrics lines alone. It knows nothing of processes.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

TABLE_COLUMNS = 100
"""The scoreboard's least width, where the terminal's is unknown or too small for it."""

Lines = Sequence[dict[str, Any]]
"""One node's metrics, oldest first."""


class Progress:
    """A live table on a terminal, a line a round elsewhere."""

    def __init__(self, nodes: int, rounds: int, *, silent: bool) -> None:
        self._nodes = nodes
        self._rounds = rounds
        self._console = Console(stderr=True)
        self._live = (
            Live(console=self._console, refresh_per_second=4)
            if self._console.is_terminal and not silent
            else None
        )
        self._silent = silent
        self._told = -1

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._live:
            self._live.start()
        if not self._silent:
            print(f"{self._nodes} nodes are loading the model ...", file=sys.stderr)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last state standing."""
        if self._live:
            self._live.stop()

    def show(self, members: Sequence[Lines]) -> None:
        """Show what is new."""
        if self._silent:
            return
        if self._live:
            self._live.update(progress_table(members, self._rounds))
        done = min(len(rounds_of(lines)) for lines in members)
        if not self._live and done - 1 > self._told:
            self._told = done - 1
            print(progress_line(members, self._told, self._rounds), file=sys.stderr)


def rounds_of(lines: Lines) -> Lines:
    """The lines that report a round."""
    return [line for line in lines if line["kind"] == "round"]


def evaluations_of(lines: Lines) -> Lines:
    """The lines that report an evaluation."""
    return [line for line in lines if line["kind"] == "evaluation"]


def progress_table(members: Sequence[Lines], rounds: int) -> Table:
    """Return the table that a terminal shows while the swarm runs."""
    table = Table(title="drl-node swarm")
    for heading in ("node", "round", "peers", "out", "in", "refused", "reward", "held-out"):
        table.add_column(heading, justify="right")
    for index, lines in enumerate(members):
        done = rounds_of(lines)
        found = evaluations_of(lines)
        accuracy = f"{found[-1]['sampled']:.0%}" if found else "-"
        if not done:
            table.add_row(str(index), f"0/{rounds}", "-", "-", "-", "-", "-", accuracy)
            continue
        last = done[-1]
        table.add_row(
            str(index),
            f"{last['round'] + 1}/{rounds}",
            str(last["peers"]),
            str(last["published"]),
            str(last["delivered"]),
            str(sum(last["refused"].values())),
            f"{last['reward_mean']:.2f}",
            accuracy,
        )
    return table


def progress_line(members: Sequence[Lines], position: int, rounds: int) -> str:
    """Return one line about a round that every node has finished."""
    lines = [rounds_of(member)[position] for member in members]
    found = [evaluations_of(member) for member in members]
    held_out = " ".join(f"{each[-1]['sampled']:.0%}" for each in found if each)
    return (
        f"round {lines[0]['round'] + 1}/{rounds}  "
        f"peers {min(line['peers'] for line in lines)}  "
        f"out {sum(line['published'] for line in lines)}  "
        f"in {sum(line['delivered'] for line in lines)}  "
        f"reward {lines[0]['reward_mean']:.2f}  held-out {held_out or '-'}"
    )


def scoreboard(members: Sequence[Lines], *, seconds: float) -> dict[str, Any]:
    """Sum up a swarm's metrics lines."""
    nodes = [node_score(index, lines) for index, lines in enumerate(members)]
    published = sum(node["published"] for node in nodes)
    expected = published * (len(nodes) - 1)
    delivered = sum(node["delivered"] for node in nodes)
    digests = {node["policy"] for node in nodes}
    refused: Counter[str] = Counter()
    for node in nodes:
        refused.update(node["refused"])
    return {
        "nodes": nodes,
        "published": published,
        "delivered": delivered,
        "delivered_share": delivered / expected if expected else 1.0,
        "refused": dict(refused),
        "policies": len(digests),
        "seconds": round(seconds, 1),
    }


def node_score(index: int, lines: Lines) -> dict[str, Any]:
    """Sum up one node's lines."""
    done = rounds_of(lines)
    found = evaluations_of(lines)
    last = done[-1] if done else {}
    verified: dict[str, Counter[str]] = {"refuse": Counter(), "undecided": Counter()}
    for line in done:
        for outcome, reasons in line["verified"].items():
            verified[outcome].update(reasons)
    phases: Counter[str] = Counter()
    for line in done:
        phases.update(line["seconds"])
    cpu_model_s = sum(line["cpu_model_s"] for line in done)
    cpu_node_s = sum(line["cpu_node_s"] for line in done)
    sampling_s = phases.get("sample", 0.0)
    tokens = sum(line["tokens_sampled"] for line in done)
    return {
        "node": index,
        "rounds": len(done),
        "before": accuracy(found, 0),
        "after": accuracy(found, -1),
        "published": last.get("published", 0),
        "delivered": last.get("delivered", 0),
        "admitted": last.get("admitted", 0),
        "refused": last.get("refused", {}),
        "completions": sum(line["completions"] for line in done),
        "completions_refused": dict(verified["refuse"]),
        "completions_undecided": dict(verified["undecided"]),
        "policy": last.get("policy_digest", ""),
        "rounds_without_gradient": sum(line["warning"] is not None for line in done),
        "rounds_without_right_answer": sum(line["right"] == 0 for line in done),
        "tokens_per_s": round(tokens / sampling_s, 1) if sampling_s else 0.0,
        "round_s": {what: round(spent / len(done), 3) for what, spent in phases.items()},
        "model_cpu_share": round(cpu_model_s / (cpu_model_s + cpu_node_s), 4) if done else 0.0,
    }


def accuracy(found: Lines, at: int) -> dict[str, float]:
    """Return one evaluation's accuracies, or nothing where none was made."""
    if not found:
        return {}
    return {key: found[at][key] for key in ("prompts", "sampled", "greedy")}


def show_scoreboard(board: dict[str, Any], *, as_json: bool) -> None:
    """Print the scoreboard for people or for machines."""
    if as_json:
        print(json.dumps(board))
        return
    table = Table(title="held-out accuracy and work, by node")
    headings = ("node", "sampled", "greedy", "published", "delivered", "admitted")
    for heading in (*headings, "tokens/s", "s/round", "model CPU"):
        table.add_column(heading, justify="right", no_wrap=True)
    for node in board["nodes"]:
        table.add_row(
            str(node["node"]),
            change(node, "sampled"),
            change(node, "greedy"),
            str(node["published"]),
            str(node["delivered"]),
            str(node["admitted"]),
            f"{node['tokens_per_s']:.0f}",
            f"{sum(node['round_s'].values()):.2f}",
            f"{node['model_cpu_share']:.0%}",
        )
    console = Console(width=max(Console().width, TABLE_COLUMNS))
    console.print(table)
    console.print(*summary(board), sep="\n", highlight=False, soft_wrap=True)


def change(node: dict[str, Any], key: str) -> str:
    """Return an accuracy before and after."""
    return f"{percent(node['before'], key)} > {percent(node['after'], key)}"


def questioned(board: dict[str, Any]) -> str:
    """Say how many completions verification refused or left undecided, and why."""
    found: Counter[str] = Counter()
    for node in board["nodes"]:
        found.update(node["completions_refused"])
        found.update(node["completions_undecided"])
    seen = sum(node["completions"] for node in board["nodes"])
    told = ", ".join(f"{why} {many}" for why, many in sorted(found.items()))
    return f"{told or 'none'} of {seen}"


def percent(found: dict[str, float], key: str) -> str:
    """Return a share as people read it."""
    return f"{found[key]:.0%}" if found else "-"


def summary(board: dict[str, Any]) -> list[str]:
    """Return what the table has no column for."""
    phases: Counter[str] = Counter()
    for node in board["nodes"]:
        phases.update(node["round_s"])
    count = len(board["nodes"])
    went = ", ".join(f"{what} {spent / count:.2f}" for what, spent in phases.most_common())
    refused = ", ".join(f"{why} {many}" for why, many in sorted(board["refused"].items()))
    same = "all nodes hold the same weights" if board["policies"] == 1 else "weights differ"
    delivered = f"{board['delivered_share']:.2%} of {board['published']} contributions"
    rounds = max((node["rounds"] for node in board["nodes"]), default=0)
    idle = max(node["rounds_without_gradient"] for node in board["nodes"])
    wrong = max(node["rounds_without_right_answer"] for node in board["nodes"])
    signal = f"no gradient in {idle}, no right answer in {wrong} of {rounds} rounds"
    return [
        f"delivered  {delivered} to each of the other {count - 1} nodes",
        f"refused    messages: {refused or 'none'}; completions: {questioned(board)}",
        f"seconds    a round went to {went}",
        f"policy     {same} ({board['policies']} digest{'s' * (board['policies'] != 1)})",
        *([f"no signal  {signal}: the task is too hard or too easy"] if idle + wrong else []),
        f"wall time  {board['seconds']:.0f} s",
    ]
