"""One swarm of a laboratory's grid: who takes part, who attacks, what defends.

A cell says all that its result depends on, so that its digest can name its file: a finished cell
is never run again, and a changed one is another cell. It knows nothing of files or processes.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.attacks.catalogue import Seam, entry_named, watched
from node.config import NodeConfig, load_config, local_swarm_name, read_assignments
from node.faults import ConfigFault
from node.settings import AdversarySettings, nearest, plain
from protocol.parameters import Encoding, Mode

FORMAT = 1
"""Of the lines that a cell writes. Changing breaks: finished cells are run again."""

NOBODY = "none"
"""In place of an attack: a swarm in which everybody is honest."""

SECTIONS = ("swarm", "task", "model", "train", "verify", "trust", "round", "adversary", "evaluate")
"""What of a node's configuration a specification may set; the rest has no meaning here."""

GRIDS_OWN = {
    ("swarm", "name"): "seed",
    ("swarm", "test_swarm"): "attack",
    ("swarm", "mode"): "mode",
    ("swarm", "shares"): "nodes",
    ("verify", "defence"): "defence",
    ("adversary", "attack"): "attack",
    ("adversary", "payload"): "payload",
    ("evaluate", "watch"): "payload",
    ("round", "authors_min"): "nodes",
    ("round", "rounds"): "rounds",
}
"""Settings that follow from the grid, and from which of its keys."""

LEARNING_SPREAD = 0.4
"""Between the learning rates of the first and the last node of a heterogeneous swarm, as a share
of the rate that is set: from 0.8 to 1.2 of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One swarm of the grid.

    Args:
        rounds: How many rounds it lives.
        attack: A name of the catalogue, a dotted path, or none.
        mode: Vertical or horizontal.
        nodes: All of them; each is a share of the round.
        malicious: How many of them attack: the last ones.
        defence: What stands between a completion and the trainer.
        seed: Draws keys, and with them prompts and noise.
        variant: The name of further settings; plain has none.
        heterogeneous: Whether every node has a learning rate, and so weights, of its own.
        payload: What the attack teaches; empty: its own.
        settings: `section.key=value` for every node.

    Raises:
        ConfigFault: It contradicts itself, or a setting is wrong.
    """

    rounds: int
    attack: str = NOBODY
    mode: Mode = Mode.VERTICAL
    nodes: int = 4
    malicious: int = 1
    defence: str = "default"
    seed: int = 0
    variant: str = "plain"
    heterogeneous: bool = False
    payload: str = ""
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.attack == NOBODY:
            object.__setattr__(self, "malicious", 0)
        if min(self.rounds, self.nodes) < 1 or self.malicious < 0:
            raise ConfigFault(
                f"The cell {self.name} has {self.rounds} rounds, {self.nodes} nodes and "
                f"{self.malicious} malicious ones.",
                fix="Have at least one round and one node, and no negative number.",
            )
        if self.malicious >= self.nodes:
            raise ConfigFault(
                f"In the cell {self.name} {self.malicious} of {self.nodes} nodes are malicious, "
                "which leaves nobody honest to look at.",
                fix="Lower `malicious`, or raise `nodes`.",
            )

    @property
    def name(self) -> str:
        """What people call it; unique within a specification."""
        share = f"{self.malicious}of{self.nodes}"
        parts = [self.attack, self.mode.value, share, self.defence, f"s{self.seed}"]
        parts += [self.variant] if self.variant != "plain" else []
        parts += ["heterogeneous"] if self.heterogeneous else []
        return "_".join(re.sub(r"[^A-Za-z0-9.]+", "-", part) for part in parts)

    @property
    def stem(self) -> str:
        """What its files are called: its name, and the digest of all that its result depends on."""
        told = json.dumps([FORMAT, plain(self)], sort_keys=True)
        return f"{self.name}-{hashlib.sha256(told.encode()).hexdigest()[:10]}"

    @property
    def honest(self) -> int:
        """How many nodes are honest: the first ones."""
        return self.nodes - self.malicious

    @property
    def watched(self) -> str:
        """What held-out answers are searched for, as `Payload.parse` reads it; or nothing."""
        if self.attack == NOBODY:
            return ""
        return watched(AdversarySettings(attack=self.attack, payload=self.payload))

    def adversary(self) -> AdversarySettings:
        """What a malicious node is told."""
        return self.config(attacks=True).adversary

    def unshared_because(self) -> str:
        """Why its nodes cannot share one model from the start; nothing if they can."""
        if self.heterogeneous:
            return "every node has weights of its own"
        if self.config().swarm.encoding is Encoding.TEXT:
            return "a node trusts its own texts more than others'"
        if self.malicious == 0:
            return ""
        entry = entry_named(self.attack)
        if entry is None:
            return "nobody knows what a user's own attack does to the messages"
        wire = "the attack works on messages, so that nodes may hold different ones"
        return wire if entry.seam is Seam.WIRE else ""

    def config(self, *, index: int = 0, attacks: bool = False) -> NodeConfig:
        """Return the configuration of one of its nodes, as a live node's.

        Args:
            index: 0-based place of the node; it matters in a heterogeneous swarm.
            attacks: Whether it is malicious.

        Raises:
            ConfigFault: A setting is unknown or does not fit.
        """
        flags = read_assignments(self.settings)
        flags |= {
            ("swarm", "name"): local_swarm_name(self.seed),
            ("swarm", "test_swarm"): True,
            ("swarm", "mode"): self.mode.value,
            ("swarm", "shares"): self.nodes,
            ("verify", "defence"): self.defence,
            ("round", "authors_min"): self.nodes,
            ("round", "rounds"): self.rounds,
            ("evaluate", "watch"): self.watched,
        }
        if attacks:
            flags["adversary", "attack"] = self.attack
            flags["adversary", "payload"] = self.payload
        if self.heterogeneous:
            rate = load_config(flags=flags).config.train.learning_rate
            place = index / max(1, self.nodes - 1) - 0.5
            flags["train", "learning_rate"] = rate * (1 + LEARNING_SPREAD * place)
        return load_config(flags=flags).config


def flattened(table: Mapping[str, object], where: str) -> tuple[str, ...]:
    """Return a table of settings as `section.key=value`, in the order of their names.

    Args:
        table: `section.key` or tables of sections, as TOML gives them.
        where: What to call the table in errors.

    Raises:
        ConfigFault: A key has another form, is the grid's own or has no meaning here.
    """
    found: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            found[name] = value
    for name in found:
        section, dot, key = name.partition(".")
        if not (dot and key):
            raise ConfigFault(f"{where} {name!r} does not fit.", fix="Write section.key = value.")
        if section not in SECTIONS:
            fix = nearest(section, list(SECTIONS))
            raise ConfigFault(f"{where} sets [{section}], which has no meaning here.", fix=fix)
        if (section, key) in GRIDS_OWN:
            fix = f"Set `{GRIDS_OWN[section, key]}` of the specification instead."
            raise ConfigFault(f"{where} sets {name}, which follows from the grid.", fix=fix)
    return tuple(f"{name}={spelt(value)}" for name, value in sorted(found.items()))


def spelt(value: object) -> str:
    """Return a value as a flag spells it."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(spelt(part) for part in value)
    return str(value)
