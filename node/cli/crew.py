"""Who is in the swarm that `swarm up` raises, and what each of them is set to."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from node.cli.attack import NAME_ONE
from node.cli.options import assigned, load
from node.faults import ConfigFault

if TYPE_CHECKING:
    from node.config import Loaded, NodeConfig
    from node.swarm import AttackPlan

NODES = 4
HONEST, MALICIOUS = 3, 1
"""How many there are unless the command line says: without an attack, and with one."""
NODES_MAX = 64

DEFENCE_NAMES = ("default", "paper", "paper_judge", "top_p", "min_p", "none")
"""As `node.verification.defences` has them, whose import takes seconds."""

SILENCE_S = 20.0
"""Of an attack on the wire: the longest wait for somebody whom nobody may listen to any more."""

Flags = dict[tuple[str, str], object | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """How many nodes there are of each kind.

    Raises:
        ConfigFault: Too few or too many.
    """

    honest: int
    malicious: int

    def __post_init__(self) -> None:
        if self.honest < 1 <= self.malicious:
            fix = "Leave at least one honest node; nobody else's answers are looked at."
            raise ConfigFault(f"--honest {self.honest} leaves nobody to be attacked.", fix=fix)
        if not 1 <= self.nodes <= NODES_MAX or self.malicious < 0:
            fix = f"Ask for 1 to {NODES_MAX} nodes in all."
            raise ConfigFault(f"{self.nodes} nodes cannot be raised.", fix=fix)

    @property
    def nodes(self) -> int:
        """How many of both kinds."""
        return self.honest + self.malicious


def crew_of(
    nodes: int | None, honest: int | None, malicious: int | None, *, attacked: bool
) -> Crew:
    """Read how many nodes were asked for.

    Raises:
        ConfigFault: The numbers contradict each other or leave nobody.
    """
    if not attacked:
        if malicious:
            cause = f"--malicious {malicious} says nothing without an attack."
            raise ConfigFault(cause, fix=NAME_ONE)
        if None not in (nodes, honest):
            raise ConfigFault("--nodes and --honest mean the same here.", fix="Leave one out.")
        asked = honest if nodes is None else nodes
        return Crew(honest=NODES if asked is None else asked, malicious=0)
    if nodes is not None:
        fix = "Say --honest and --malicious instead."
        raise ConfigFault("--nodes does not say who of them attacks.", fix=fix)
    if malicious == 0:
        fix = "Leave --attack out, or ask for at least one malicious node."
        raise ConfigFault("--malicious 0 leaves nobody to attack.", fix=fix)
    return Crew(
        honest=HONEST if honest is None else honest,
        malicious=MALICIOUS if malicious is None else malicious,
    )


def settled(
    given: Flags,
    files: list[Path] | None,
    assignments: list[str] | None,
    counts: tuple[int | None, int | None, int | None],
) -> tuple["Loaded", Crew]:
    """Return the swarm's configuration, with what was left open filled in, and its crew.

    Args:
        given: What the flags say.
        files: Configuration files.
        assignments: `section.key=value`.
        counts: Nodes, honest and malicious ones that were asked for.

    Raises:
        ConfigFault: A setting is wrong, or contradicts another.
    """
    asked = load(files, given, assignments)
    attack = asked.config.adversary.attack
    crew = crew_of(*counts, attacked=bool(attack))
    if given.get(("adversary", "payload")) is not None and not attack:
        raise ConfigFault("--payload says nothing without an attack.", fix=NAME_ONE)
    usual = usual_flags(asked.config, crew)
    if attack:
        usual |= attack_flags(asked.config)
        if ("swarm", "mode") not in asked.origins:
            usual["swarm", "shares"] = shares(crew, asked.config.swarm.completions_per_prompt)
    left_open = {key: value for key, value in usual.items() if key not in asked.origins}
    loaded = load(files, given | left_open, assignments)
    check(loaded)
    return loaded, crew


def usual_flags(config: "NodeConfig", crew: Crew) -> Flags:
    """Return what a swarm on one machine is set to, unless the operator says otherwise."""
    swarm = config.swarm
    vertical = swarm.mode == "vertical"
    cut = swarm.prompts_per_round if vertical else swarm.completions_per_prompt
    return {("swarm", "shares"): shares(crew, cut), ("round", "authors_min"): crew.nodes}


def shares(crew: Crew, cut: int) -> int:
    """Return into how many shares a round is cut: one a node, or as many as divide it evenly."""
    return next(count for count in range(min(crew.nodes, cut), 0, -1) if cut % count == 0)


def attack_flags(config: "NodeConfig") -> Flags:
    """Return what an attacked swarm is set to, unless the operator says otherwise.

    It learns as eagerly as it must for the paper's attacks to succeed undefended.

    Raises:
        ConfigFault: There is no such attack, or its payload does not fit it.
    """
    from node.attacks.catalogue import Seam, entry_named, watched

    entry = entry_named(config.adversary.attack)
    flags: Flags = {
        ("swarm", "mode"): "horizontal",
        ("train", "epochs"): 2,
        ("train", "learning_rate"): 3e-4,
        ("evaluate", "watch"): watched(config.adversary),
    }
    if entry is not None and entry.seam is Seam.WIRE:
        flags["round", "round_s_max"] = SILENCE_S
    return flags


def check(loaded: "Loaded") -> None:
    """Refuse what would only come to light once all nodes have loaded their models.

    Raises:
        ConfigFault: The defence is unknown, or an attack's outcome would go unmeasured.
    """
    from node.settings import nearest

    defence = loaded.config.verify.defence
    if defence not in DEFENCE_NAMES:
        fix = nearest(defence, list(DEFENCE_NAMES))
        raise ConfigFault(f"There is no defence {defence!r}.", fix=fix)
    if loaded.config.adversary.attack and loaded.config.evaluate.every == 0:
        fix = "Set evaluate.every to 1 or more."
        raise ConfigFault("evaluate.every=0 would leave an attack's outcome unmeasured.", fix=fix)


def shared_settings(loaded: "Loaded") -> tuple[str, ...]:
    """Return what every node is set to: honest, whatever the environment says."""
    shared = [one for one in assigned(loaded) if not one.startswith("adversary.")]
    return (*shared, "adversary.attack=")


def attack_plan(loaded: "Loaded", crew: Crew) -> "AttackPlan | None":
    """Return who attacks and how; None where nobody does.

    Raises:
        ConfigFault: What is watched for is spelt in no known way.
    """
    from node.payload import FORMS, Payload
    from node.swarm import AttackPlan

    config = loaded.config
    if not config.adversary.attack:
        return None
    watch = config.evaluate.watch
    try:
        payload = Payload.parse(watch) if watch else None
    except ValueError as error:
        raise ConfigFault(f"[evaluate] watch: {error}.", fix=f"Write {FORMS}.") from error
    own = [one for one in assigned(loaded) if one.startswith("adversary.")]
    return AttackPlan(
        name=config.adversary.attack,
        malicious=crew.malicious,
        payload=payload,
        defence=config.verify.defence,
        settings=(*own, "evaluate.every=0"),  # nobody asks what an adversary has learnt
    )
