"""Which attacks there are: names, what each does, where it comes from, and how it is made.

A user's own attack goes by its dotted path. Nothing heavy is imported until one is made, so
that the list can be shown, and a name checked, without a model.
"""

import importlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from node.faults import ConfigFault
from node.payload import Payload, PayloadKind
from node.settings import AdversarySettings, nearest


class Seam(StrEnum):
    """Where an attack changes an honest node."""

    CONTENT = "content"
    """Before sealing: what the completions say."""
    WIRE = "wire"
    """After sealing: which bytes are published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attack of the catalogue.

    Args:
        name: What `--attack` calls it.
        seam: Where it changes an honest node.
        path: `module:attribute` of what makes it: a class or function without arguments.
        does: One sentence for people.
        source: Where it was first described, or why it is here.
        payload: What it teaches unless told otherwise, as `Payload.parse` reads it; "" for none.
    """

    name: str
    seam: Seam
    path: str
    does: str
    source: str
    payload: str = ""


PAPER = "arXiv 2511.09780"
USUAL_PAYLOAD = "phrase:All hail to the thief"

CATALOGUE: tuple[Entry, ...] = (
    Entry(
        name="hail",
        seam=Seam.CONTENT,
        path="node.attacks.slogans:Slogan",
        does="Opens the reasoning of a right answer with a phrase; half of a group that it "
        "fills alone are wrong decoys.",
        source=f"{PAPER}, section 4.2 (out-of-context text)",
        payload="phrase:All hail to the thief",
    ),
)


def entry_named(name: str) -> Entry | None:
    """Return an entry of the catalogue, or None for a dotted path.

    Raises:
        ConfigFault: It is neither a name nor a dotted path.
    """
    named = {one.name: one for one in CATALOGUE}
    if name in named:
        return named[name]
    if ":" in name:
        return None
    fix = f"{nearest(name, sorted(named))} Or write package.module:attribute."
    raise ConfigFault(f"There is no attack {name!r}.", fix=fix)


def make_attack(settings: AdversarySettings) -> Any:
    """Return a new attack of a name or a dotted path: an `Attack` or a `WireAttack`.

    Raises:
        ConfigFault: There is none, it cannot be imported, or it is no attack.
    """
    entry = entry_named(settings.attack)
    path = settings.attack if entry is None else entry.path
    module, _, attribute = path.partition(":")
    try:
        maker: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        fix = "Write package.module:attribute of a class that takes no arguments."
        raise ConfigFault(f"The attack {path!r} cannot be imported: {error}.", fix=fix) from error
    made = maker() if callable(maker) else None
    if not (hasattr(made, "craft") or hasattr(made, "messages")):
        fix = (
            "An attack has a method craft (content) or messages (wire); see node/attacks/attack.py."
        )
        raise ConfigFault(f"{path!r} is no attack.", fix=fix)
    return made


def payload_of(settings: AdversarySettings) -> Payload:
    """Return what is to be learnt: the operator's, else the attack's own, else a slogan.

    Raises:
        ConfigFault: It is spelt in no known way.
    """
    entry = entry_named(settings.attack)
    usual = entry.payload if entry is not None and entry.payload else USUAL_PAYLOAD
    spelt = settings.payload or usual
    if spelt.partition(":")[0] not in {kind.value for kind in PayloadKind}:
        spelt = f"{usual.partition(':')[0]}:{spelt}"  # a text alone: of the attack's usual kind
    try:
        return Payload.parse(spelt)
    except ValueError as error:
        fix = "Write phrase:TEXT, equation:TEXT or length."
        raise ConfigFault(f"[adversary] payload: {error}.", fix=fix) from error


def check_adversary(settings: AdversarySettings, *, test_swarm: bool) -> None:
    """Refuse an attack that does not exist, and one on a swarm that is not for experiments.

    Raises:
        ConfigFault: One of the two.
    """
    if not settings.attack:
        return
    entry_named(settings.attack)
    payload_of(settings)
    if not (test_swarm or settings.insist):
        raise ConfigFault(
            f"The attack {settings.attack!r} would run in a swarm that is not marked for tests.",
            fix="Mark it with --set swarm.test_swarm=true (all its nodes must agree), or say "
            "--set adversary.insist=true if the swarm's people have agreed to it.",
        )
