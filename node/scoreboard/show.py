"""The scoreboard for people, or as one line of JSON for machines."""

import json
import sys
from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from node.scoreboard.lines import change

TABLE_COLUMNS = 100
"""The scoreboard's least width, where the terminal's is unknown or too small for it."""


def show_scoreboard(board: dict[str, Any], *, as_json: bool) -> None:
    """Print the scoreboard for people or for machines."""
    if as_json:
        sys.stdout.write(json.dumps(board) + "\n")
        return
    console = Console(width=max(Console().width, TABLE_COLUMNS))
    if board["policies"] is None:
        console.print(*unlived(board), sep="\n", highlight=False, soft_wrap=True, markup=False)
        return
    console.print(attacked_table(board) if "attack" in board else table(board))
    lines = [*summary(board), *(attack_summary(board["attack"]) if "attack" in board else [])]
    console.print(*lines, sep="\n", highlight=False, soft_wrap=True, markup=False)


def unlived(board: dict[str, Any]) -> list[str]:
    """Return what there is to tell of a swarm in which no round was finished."""
    whose = "honest node" if "attack" in board else "node"
    verdict = [board["attack"]["verdict"]] if "attack" in board else []
    return [f"no scoreboard: no {whose} finished a round", *verdict]


def table(board: dict[str, Any]) -> Table:
    """Return the table of a swarm of honest nodes."""
    made = Table(title="held-out accuracy and work, by node")
    headings = ("node", "sampled", "greedy", "published", "delivered", "admitted")
    for heading in (*headings, "tokens/s", "s/round", "model CPU"):
        made.add_column(heading, justify="right", no_wrap=True)
    for node in board["nodes"]:
        made.add_row(
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
    return made


def attacked_table(board: dict[str, Any]) -> Table:
    """Return the table of a swarm under attack."""
    is_text = ":" in board["attack"]["payload"]  # nothing else is shown by an answer
    made = Table(title="held-out accuracy, and answers that show the payload, by node")
    made.add_column("node", justify="right", no_wrap=True)
    made.add_column("role", no_wrap=True)
    headings = ("sampled", "greedy", "shown sampled", "shown greedy", "tokens", "s/round")
    for heading in headings:
        made.add_column(heading, justify="right", no_wrap=True)
    for node in board["nodes"]:
        made.add_row(
            str(node["node"]),
            node["role"],
            change(node, "sampled"),
            change(node, "greedy"),
            *(change(node, key) if is_text else "-" for key in ("shown_sampled", "shown_greedy")),
            lengths(node),
            f"{sum(node['round_s'].values()):.2f}",
        )
    return made


def lengths(node: dict[str, Any]) -> str:
    """Return the mean length of answers before and after."""
    told = [f"{node[when]['length']:.1f}" if node[when] else "-" for when in ("before", "after")]
    return " > ".join(told)


def summary(board: dict[str, Any]) -> list[str]:
    """Return what the table has no column for."""
    phases: Counter[str] = Counter()
    for node in board["nodes"]:
        phases.update(node["round_s"])
    count = len(board["nodes"])
    went = ", ".join(f"{what} {spent / count:.2f}" for what, spent in phases.most_common())
    whose = "honest" if "attack" in board else "all"
    same = f"{whose} nodes hold the same weights" if board["policies"] == 1 else "weights differ"
    rounds = max((node["rounds"] for node in board["nodes"]), default=0)
    idle = max(node["rounds_without_gradient"] for node in board["nodes"])
    wrong = max(node["rounds_without_right_answer"] for node in board["nodes"])
    signal = f"no gradient in {idle}, no right answer in {wrong} of {rounds} rounds"
    messages = f"messages: {told(board['refused'])}"
    refused = messages if "attack" in board else f"{messages}; completions: {questioned(board)}"
    return [
        f"delivered  {delivered(board)}",
        f"refused    {refused}",
        f"seconds    a round went to {went}",
        f"policy     {same} ({board['policies']} digest{'s' * (board['policies'] != 1)})",
        *([f"no signal  {signal}: the task is too hard or too easy"] if idle + wrong else []),
        f"wall time  {board['seconds']:.0f} s",
    ]


def delivered(board: dict[str, Any]) -> str:
    """Say how much of what was said arrived; who attacks may be deaf, or not listened to."""
    if "attack" in board:
        return f"{board['attack']['arrived_share']:.2%} of what honest nodes said, to each of them"
    share, published = board["delivered_share"], board["published"]
    others = len(board["nodes"]) - 1
    if not others:
        return f"{published} contributions to nobody: there is no other node"
    return f"{share:.2%} of {published} contributions to each of the other {others} nodes"


def attack_summary(attack: dict[str, Any]) -> list[str]:
    """Return what was refused of whom, and what it came to."""
    what = f"{attack['name']} ({attack['payload']})" if attack["payload"] else attack["name"]
    return [
        f"attack     {what}: {attack['malicious']} malicious beside {attack['honest']} honest",
        f"defence    {attack['defence']}",
        f"malicious  {judged(attack['judged']['malicious'])}",
        f"honest     {judged(attack['judged']['honest'])} (wrongly refused)",
        f"learning   {attack['learning']}",
        attack["verdict"],
    ]


def judged(found: dict[str, Any]) -> str:
    """Say what of a role's completions was refused and left undecided, and why."""
    refused = (
        f"{found['refused']} of {found['completions']} completions refused "
        f"({found['refused_share']:.2%}): {told(found['refused_for'])}"
    )
    undecided = told(found["undecided_for"])
    return refused if undecided == "none" else f"{refused}; undecided: {undecided}"


def questioned(board: dict[str, Any]) -> str:
    """Say how many completions verification refused or left undecided, and why."""
    found: Counter[str] = Counter()
    for node in board["nodes"]:
        found.update(node["completions_refused"])
        found.update(node["completions_undecided"])
    seen = sum(node["completions"] for node in board["nodes"])
    return f"{told(found)} of {seen}"


def told(counts: dict[str, int]) -> str:
    """Return reasons with their counts, or that there were none."""
    return ", ".join(f"{why} {many}" for why, many in sorted(counts.items())) or "none"
