"""What people call a condition: what it has that others beside it have not."""

from collections.abc import Sequence

from node.lab.outcome import Condition
from node.lab.spec import AXES, PLAIN

CALLED = {"none": "undefended", "default": "defended", "paper": "paper's defence"}
"""What people call a defence."""


def label(condition: Condition, among: Sequence[Condition]) -> str:
    """Return what tells a condition from those beside it."""
    cell = condition.cell
    peers = [other for other in among if other.is_clean == condition.is_clean]
    differing = {name for name in AXES if len({other.axes[name] for other in peers}) > 1}
    parts = ["no attacker"] if condition.is_clean else []
    if "attack" in differing:
        parts.append(cell.attack)
    if "mode" in differing:
        parts.append(cell.mode.value)
    if {"malicious", "nodes"} & differing:
        crew = f"{cell.malicious} of {cell.nodes} malicious"
        parts.append(f"{cell.nodes} nodes" if condition.is_clean else crew)
    if "defence" in differing or not parts:
        parts.append(CALLED.get(cell.defence, cell.defence))
    if "variant" in differing:
        parts.append("as it is" if cell.variant == PLAIN else cell.variant)
    if "heterogeneous" in differing:
        parts.append("own weights" if cell.heterogeneous else "same weights")
    return ", ".join(parts)


def title(conditions: Sequence[Condition], figures: Sequence[str]) -> str:
    """Return what a figure's conditions have in common, of the axes that make figures."""
    cell = next((one for one in conditions if not one.is_clean), conditions[0]).cell
    said = {
        "attack": cell.attack if cell.malicious else "no attacker",
        "mode": cell.mode.value,
        "nodes": f"{cell.nodes} nodes",
        "malicious": f"{cell.malicious} malicious",
        "defence": CALLED.get(cell.defence, cell.defence),
        "variant": "" if cell.variant == PLAIN else cell.variant,
        "heterogeneous": "own weights" if cell.heterogeneous else "",
    }
    return ", ".join(said[name] for name in figures if said[name]) or "all"


def charts(
    conditions: Sequence[Condition], figures: Sequence[str]
) -> list[tuple[str, list[Condition]]]:
    """Return the figures: a title and the conditions that are its curves.

    Swarms without attackers stand in every figure whose other axes they share, and have figures
    of their own only where nobody attacks at all.
    """
    attacking = [one for one in conditions if not one.is_clean] or list(conditions)
    found: dict[tuple[object, ...], list[Condition]] = {}
    for one in attacking:
        found.setdefault(tuple(one.axes[name] for name in figures), []).append(one)
    clean = [one for one in conditions if one.is_clean and one not in attacking]
    free = {"attack", "malicious", "defence"}
    drawn = []
    for members in found.values():
        kept = [
            one
            for one in clean
            if all(
                one.axes[name] in {each.axes[name] for each in members}
                for name in AXES
                if name not in free
            )
            and one.axes["defence"] in {"none", *(each.axes["defence"] for each in members)}
        ]
        drawn.append((title(members, figures), [*members, *kept]))
    return drawn
