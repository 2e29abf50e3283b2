"""The scoreboard of a swarm, as plain numbers; what an attack did to it stands in `harm`."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from node.scoreboard.harm import Experiment, harm
from node.scoreboard.lines import Lines, evaluations_of, measured, rounds_of


def scoreboard(
    members: Sequence[Lines], *, seconds: float, experiment: Experiment | None = None
) -> dict[str, Any]:
    """Sum up a swarm's metrics lines.

    Args:
        members: Each node's lines; of an attacked swarm the honest nodes' first. Where none of
            those finished a round, neither a share delivered nor a number of policies is told.
        seconds: How long it took.
        experiment: Who attacks how; what was refused and which weights differ is then told of
            the honest nodes alone.
    """
    nodes = [node_score(index, lines) for index, lines in enumerate(members)]
    published = sum(node["published"] for node in nodes)
    expected = published * (len(nodes) - 1)
    delivered = sum(node["delivered"] for node in nodes)
    honest = nodes if experiment is None else nodes[: len(experiment.honest)]
    has_lived = any(node["rounds"] for node in honest)
    refused: Counter[str] = Counter()
    for node in honest:
        refused.update(node["refused"])
    board: dict[str, Any] = {
        "nodes": nodes,
        "published": published,
        "delivered": delivered,
        # Of nothing there is no share, and who trained on nothing agrees with nobody.
        "delivered_share": (delivered / expected if expected else 1.0) if has_lived else None,
        "refused": dict(refused),
        "policies": len({node["policy"] for node in honest}) if has_lived else None,
        "seconds": round(seconds, 1),
    }
    if experiment is not None:
        for node in nodes:
            node["role"] = "honest" if node["node"] < len(honest) else "malicious"
        board["attack"] = harm(nodes, members, experiment)
    return board


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
        "before": measured(found, 0),
        "after": measured(found[1:], -1),  # the first tells of the start alone
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
