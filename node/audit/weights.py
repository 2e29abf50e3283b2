"""Which weights a contribution is judged with now, and what that means for the verdict.

A node keeps its last few checkpoints only, each with the weights of the two rounds before it, and
may be training on while it is asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node import checkpoint
from node.datadir import entries
from node.engine import Engine
from node.faults import CheckpointFault
from protocol.contribution import Contribution

PATTERN = "round-*"
"""Of checkpoints' directories; the number is the round that each goes on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The weights that were asked.

    Args:
        digest: Hexadecimal.
        named: Whether they are the ones that the contribution's author names.
        where: Where they come from, for people.
        meaning: What a verdict under them is worth, for people.
        passed_over: Checkpoints that are damaged, and how.
    """

    digest: str
    named: bool
    where: str
    meaning: str
    passed_over: tuple[str, ...] = ()


def hold(engine: Engine, contribution: Contribution) -> Held:
    """Give an engine the weights that tell most about a contribution.

    Those that its author names, where they are still kept; else this node's own of that round,
    under which it judged the contribution then; else the newest.

    Args:
        engine: With the model as loaded.
        contribution: Whose author names weights.

    Raises:
        CheckpointFault: There are checkpoints, and none of them can be used.
    """
    named, round_index = contribution.policy_digest, contribution.round_index
    if engine.policy.digest() == named:
        return _exact(engine, "the model as loaded, before any training")
    damaged: list[str] = []
    usable: list[Path] = []
    for path in kept(engine.run_dir, first=round_index):
        try:
            found = engine.hold(checkpoint.load(path), named)
        except CheckpointFault as fault:
            damaged.append(f"{path.name}: {fault.cause}")
            continue
        usable.append(path)
        if found:
            return _exact(engine, f"checkpoint {path.name}", damaged)
    if damaged and not usable:
        raise CheckpointFault(
            f"None of the checkpoints in {engine.run_dir} can be used ({'; '.join(damaged)}).",
            fix="Move the damaged ones away, or restore them from a backup.",
        )
    if not usable:
        return _other(engine, "the model as loaded", "No checkpoint is kept", damaged)
    # The round's own stands first where it is kept, and the newest elsewhere.
    engine.hold(checkpoint.load(usable[0]))
    where = f"checkpoint {usable[0].name}"
    if _round_of(usable[0]) == round_index:
        return _other(engine, where, "They are this node's of that round", damaged)
    return _other(engine, where, f"Those of round {round_index} are no longer kept", damaged)


def kept(run_dir: Path, *, first: int) -> Iterator[Path]:
    """Yield the checkpoints of a run: the one of a round, then the newest first."""
    paths = [one for one in entries(run_dir / "checkpoints") if one.match(PATTERN)]
    rounds = {_round_of(path): path for path in paths if path.name[6:].isdigit()}
    if first in rounds:
        yield rounds.pop(first)
    for round_index in sorted(rounds, reverse=True):
        yield rounds[round_index]


def _round_of(path: Path) -> int:
    return int(path.name.removeprefix("round-"))


def _exact(engine: Engine, where: str, damaged: list[str] | None = None) -> Held:
    return Held(
        digest=engine.policy.digest().hex(),
        named=True,
        where=where,
        meaning="They are the weights that its author names: every token is replayed exactly.",
        passed_over=tuple(damaged or ()),
    )


def _other(engine: Engine, where: str, why: str, damaged: list[str]) -> Held:
    return Held(
        digest=engine.policy.digest().hex(),
        named=False,
        where=where,
        meaning=f"{why}; the ones that its author names are not kept here. No token can be "
        "replayed, and likelihoods are those of these weights.",
        passed_over=tuple(damaged),
    )
