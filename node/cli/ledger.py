"""`drl-node ledger verify`: whether a node's ledgers hold what was written into them."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.options import ConfigOption, DataDirOption, SetOption, flowing, load

if TYPE_CHECKING:
    from node.ledger.chain import Head
    from node.ledger.proof import Proof

app = typer.Typer(no_args_is_help=True, help="What this node must not forget.")

HeadOption = Annotated[
    list[str] | None,
    typer.Option(
        "--head",
        metavar="SWARM:LINK:DIGEST",
        help="A head that was printed earlier, which the chain must go through; may be repeated.",
    ),
]
NOTED = re.compile(r"([0-9a-f]{16}):([0-9]{1,15}):([0-9a-f]{64})")
CHECKPOINT = re.compile(r"round-([0-9]{8,15})")


@app.callback()
def ledger() -> None:
    """Keep `verify` a command of its own, whatever joins it."""


@app.command()
@flowing
def verify(
    *,
    heads: HeadOption = None,
    json_output: Annotated[bool, typer.Option("--json", help="One line of JSON each.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Prove each ledger's hash chain, signatures and structure; the node may run on.

    Ends with 0 where all fits, with 1 where something does not (the first such thing is named),
    with 3 where there is no ledger, or one that cannot be read at all.

    Who can write a ledger can write its whole chain anew: keep the printed head somewhere else,
    and give it back with --head.
    """
    from node.audit.reading import run_dirs
    from node.faults import EXIT_OK, EXIT_UNPROVEN

    directory = load(config, {("node", "data_dir"): data_dir}, assignments).config.data_dir
    places = run_dirs(directory)
    noted = [read_head(text, places) for text in heads or []]
    fit = True
    for place in places:
        proof = proven(place, [head for swarm, head in noted if swarm == place.name])
        fit = fit and proof.misfit is None
        typer.echo(as_json(proof) if json_output else told(proof))
    raise SystemExit(EXIT_OK if fit else EXIT_UNPROVEN)


def read_head(text: str, places: list[Path]) -> "tuple[str, Head]":
    """Return the swarm and the head that a person noted.

    Raises:
        ConfigFault: It is none, or of a swarm that has no ledger here.
    """
    from node.faults import ConfigFault
    from node.ledger import Head

    found = NOTED.fullmatch(text.strip())
    if found is None:
        fix = "Give it as `drl-node ledger verify` prints it: SWARM:LINK:DIGEST."
        raise ConfigFault(f"--head {text}: this is no head of a ledger.", fix=fix)
    if found[1] not in {place.name for place in places}:
        fix = f"Name its --data-dir. Here are {', '.join(place.name for place in places)}."
        raise ConfigFault(f"--head {text}: there is no ledger of that swarm here.", fix=fix)
    return found[1], Head(int(found[2]), bytes.fromhex(found[3]))


def proven(place: Path, heads: "list[Head]") -> "Proof":
    """Prove the ledger of one swarm, and that it is no older than the checkpoints beside it."""
    from node.datadir import entries
    from node.ledger.misfit import LOST, Misfit
    from node.ledger.proof import prove

    names = (path.name for path in entries(place / "checkpoints"))
    saved = [int(match[1]) for name in names if (match := CHECKPOINT.fullmatch(name))]
    proof = prove(place / "ledger.db", tuple(heads))
    newest = max(saved, default=0)
    if proof.misfit is None and 0 <= proof.last_round < newest - 1:
        expected = f"round {newest - 1}, which a checkpoint beside it was trained on"
        found = f"round {proof.last_round}: an older ledger was put back"
        return replace(proof, misfit=Misfit("the last closed round", expected, found, LOST))
    return proof


def head_of(proof: "Proof") -> str:
    """Return what is worth noting elsewhere."""
    return proof.head.noted(proof.path.parent.name)


def as_json(proof: "Proof") -> str:
    """Return a proof as one line of JSON; where something does not fit, no count is known."""
    counts = {
        "head": head_of(proof),
        "links": proof.links,
        "dropped": proof.anchor.seq,
        "rounds": proof.rounds,
        "last_round": None if proof.last_round < 0 else proof.last_round,
        "signed": proof.signed,
        "heard": proof.heard,
    }
    fields = {
        "ledger": str(proof.path),
        "fits": proof.misfit is None,
        "misfit": None if proof.misfit is None else asdict(proof.misfit),
    }
    return json.dumps(fields | (counts if proof.misfit is None else dict.fromkeys(counts)))


def told(proof: "Proof") -> str:
    """Return a proof for people."""
    if proof.misfit is not None:
        wrong = proof.misfit
        return (
            f"{proof.path}: DOES NOT FIT\n  where     {wrong.where}\n  expected  {wrong.expected}\n"
            f"  found     {wrong.found}\n  fix       {wrong.fix}"
        )
    gone = proof.anchor.seq
    dropped = f" ({gone} before them dropped with their rounds)" if gone else ""
    return (
        f"{proof.path}: fits\n"
        f"  {proof.links} links{dropped}, {proof.rounds} closed rounds, "
        f"{proof.signed} messages of its own, {proof.heard} of peers\n"
        f"  head      {head_of(proof)}"
    )
