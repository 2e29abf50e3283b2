"""From a name to an attack and its payload.

A name is one of the table's, or `package.module:attribute` for a user's own; before it may
stand changes to it, each with a plus sign: `sleeper+stranger+equation`. Nothing heavy is
imported until an attack is made, so that a name can be checked without a model.
"""

import importlib
from typing import Any

from node.attacks.entries import CATALOGUE, CHANGES, Entry, Seam
from node.faults import ConfigFault
from node.payload import FORMS, Payload, PayloadKind
from node.settings import AdversarySettings, nearest

__all__ = [
    "CATALOGUE",
    "CHANGES",
    "Entry",
    "Seam",
    "check_adversary",
    "entry_named",
    "make_attack",
    "payload_of",
    "watched",
]


def entry_named(name: str) -> Entry | None:
    """Return an attack's entry in the table, whatever changes it; None for a dotted path.

    Raises:
        ConfigFault: It is neither a name nor a dotted path, or something in front of it is no
            change, or changes what is published instead of what is said.
    """
    *changes, attack = name.split("+")
    known = {one.name: one for one in CHANGES}
    for change in changes:
        if change not in known:
            fix = nearest(change, sorted(known))
            raise ConfigFault(f"There is no change to attacks named {change!r}.", fix=fix)
    named = {one.name: one for one in CATALOGUE}
    if attack in named:
        if changes and named[attack].seam is Seam.WIRE:
            fix = "Change attacks on content only; `drl-node attack list` tells which they are."
            raise ConfigFault(f"{changes[-1]!r} does not change {attack!r}.", fix=fix)
        return named[attack]
    if ":" in attack:
        return None
    fix = f"{nearest(attack, sorted(named))} Or write package.module:attribute."
    raise ConfigFault(f"There is no attack {attack!r}.", fix=fix)


def make_attack(settings: AdversarySettings) -> Any:
    """Return a new attack of a name or a dotted path: an `Attack` or a `WireAttack`.

    Raises:
        ConfigFault: There is none, it cannot be imported, or it is no attack.
    """
    entry = entry_named(settings.attack)
    *changes, attack = settings.attack.split("+")
    path = attack if entry is None else entry.path
    made = _made(path)
    if not (hasattr(made, "craft") or hasattr(made, "messages")):
        fix = (
            "An attack has a method craft (content) or messages (wire); see node/attacks/attack.py."
        )
        raise ConfigFault(f"{path!r} is no attack.", fix=fix)
    if changes and not hasattr(made, "craft"):
        fix = "Change attacks on content only."
        raise ConfigFault(f"{changes[-1]!r} does not change {path!r}.", fix=fix)
    known = {one.name: one for one in CHANGES}
    for change in reversed(changes):
        made = _imported(known[change].path)(made)
    return made


def payload_of(settings: AdversarySettings) -> Payload | None:
    """Return what is to be learnt: the operator's, else the attack's own; None for nothing.

    Raises:
        ConfigFault: It is spelt in no known way, or is nothing that this attack can teach.
    """
    entry = entry_named(settings.attack)
    usual = "" if entry is None else entry.payload
    if settings.payload and entry is not None:
        _check_teaches(entry, settings.payload)
    spelt = settings.payload or usual
    if not spelt:
        return None
    if spelt.partition(":")[0] not in {kind.value for kind in PayloadKind}:
        spelt = f"{usual.partition(':')[0] or PayloadKind.PHRASE}:{spelt}"
    try:
        return Payload.parse(spelt)
    except ValueError as error:
        raise ConfigFault(f"[adversary] payload: {error}.", fix=f"Write {FORMS}.") from error


def watched(settings: AdversarySettings) -> str:
    """Return what held-out answers are searched for, as `Payload.parse` reads it; "" for nothing.

    An attack on the wire teaches nothing, nor do some on content; of a user's own attack nobody
    knows what it teaches, unless the operator says so.

    Raises:
        ConfigFault: There is no such attack, or its payload does not fit it.
    """
    return str(payload_of(settings) or "")


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


def _check_teaches(entry: Entry, payload: str) -> None:
    """Refuse a text where none is taught, and length where a text is: it would not be learnt."""
    if not entry.payload:
        raise ConfigFault(
            f"The attack {entry.name!r} teaches nothing, so that no payload fits it.",
            fix="Leave the payload out.",
        )
    length = PayloadKind.LENGTH.value
    teaches_length, wants_length = entry.payload == length, payload.partition(":")[0] == length
    if teaches_length and not wants_length:
        raise ConfigFault(
            f"The attack {entry.name!r} teaches length, so that {payload!r} would not be learnt.",
            fix="Leave the payload out, or choose an attack that teaches a text.",
        )
    if wants_length and not teaches_length:
        raise ConfigFault(
            f"The attack {entry.name!r} teaches a text, which length has none of.",
            fix="Leave the payload out, or write phrase:TEXT or equation:TEXT.",
        )


def _made(path: str) -> Any:
    maker = _imported(path)
    try:
        return maker() if callable(maker) else None
    except TypeError as error:
        fix = "Give its class, or a function, that takes no arguments."
        raise ConfigFault(f"The attack {path!r} cannot be made: {error}.", fix=fix) from error


def _imported(path: str) -> Any:
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        fix = (
            "Write package.module:attribute of a class that takes no arguments, from a package "
            "that is installed or whose directory stands in PYTHONPATH."
        )
        raise ConfigFault(f"The attack {path!r} cannot be imported: {error}.", fix=fix) from error
