"""One frozen tree of settings, composed of the rooms' own: file < environment < flags.

It reads and checks; it opens nothing but the files that it is given.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_type_hints

from node.faults import ConfigFault
from node.learning import TrainSettings
from node.mesh.settings import MeshSettings
from node.settings import (
    AdversarySettings,
    CheckpointSettings,
    EvaluateSettings,
    LedgerSettings,
    LogSettings,
    ModelSettings,
    RoundSettings,
    SwarmSettings,
    TaskSettings,
    home_resolved,
    nearest,
    plain,
    read_settings,
)
from node.standing import TrustSettings
from node.verifying import JudgeSettings, VerifySettings
from node.work import EngineSettings

ENVIRONMENT_PREFIX = "DRL_"
"""`DRL_SECTION__KEY` sets `key` of `[section]`."""

Origins = dict[tuple[str, str], str]
"""Where each value that is not a default came from, by section and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSettings:
    """Where this node keeps what is its own."""

    data_dir: str = "~/.drl-node"
    """Key, ledger and checkpoints; one process at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """All settings of a node, by section."""

    node: PlaceSettings = field(default_factory=PlaceSettings)
    network: MeshSettings = field(default_factory=MeshSettings)
    swarm: SwarmSettings = field(default_factory=SwarmSettings)
    round: RoundSettings = field(default_factory=RoundSettings)
    task: TaskSettings = field(default_factory=TaskSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    verify: VerifySettings = field(default_factory=VerifySettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)
    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)
    adversary: AdversarySettings = field(default_factory=AdversarySettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def data_dir(self) -> Path:
        """The data directory, with `~` resolved."""
        return home_resolved(self.node.data_dir).absolute()

    @property
    def engine_settings(self) -> EngineSettings:
        """The part of it that the model's process needs."""
        return EngineSettings(
            data_dir=str(self.data_dir),
            swarm=self.swarm,
            task=self.task,
            model=self.model,
            train=self.train,
            verify=self.verify,
            judge=self.judge,
            trust=self.trust,
            checkpoint=self.checkpoint,
            adversary=self.adversary,
            watch=self.evaluate.watch,
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and where its values came from."""

    config: NodeConfig
    origins: Origins


def load_config(
    *,
    files: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, str], object] | None = None,
) -> Loaded:
    """Join files (left to right), environment and flags into one configuration.

    Raises:
        ConfigFault: A file cannot be read; a section, key or value is wrong.
    """
    values: dict[str, dict[str, object]] = {}
    origins: Origins = {}
    layers = [(str(path), read_file(path)) for path in files]
    layers.append(("environment", read_environment(environment or {})))
    layers.append(("flag", dict(flags or {})))
    for origin, layer in layers:
        for (section, key), value in layer.items():
            check_section(section, origin)
            check_key(section, key)
            values.setdefault(section, {})[key] = value
            origins[section, key] = origin
    hints = get_type_hints(NodeConfig)
    read = {
        section: read_settings(hints[section], mapping, where=f"[{section}]")
        for section, mapping in values.items()
    }
    return Loaded(NodeConfig(**read), origins)


def check_section(section: str, origin: str) -> None:
    """Refuse a section that no room has.

    Raises:
        ConfigFault: It is unknown; the nearest one is named.
    """
    known = [one.name for one in dataclasses.fields(NodeConfig)]
    if section not in known:
        raise ConfigFault(f"{origin}: no section [{section}].", fix=nearest(section, known))


def check_key(section: str, key: str) -> None:
    """Refuse a key that another section has, or is.

    Raises:
        ConfigFault: Naming where it stands.
    """
    hints = get_type_hints(NodeConfig)
    if key in get_type_hints(hints[section]):
        return
    elsewhere = [f"{name}.{key}" for name, kind in hints.items() if key in get_type_hints(kind)]
    if key in hints:
        keys = ", ".join(get_type_hints(hints[key]))
        raise ConfigFault(f"[{section}] has no key {key!r}.", fix=f"[{key}] is a section: {keys}.")
    if elsewhere:
        fix = f"Did you mean {' or '.join(elsewhere)}?"
        raise ConfigFault(f"[{section}] has no key {key!r}.", fix=fix)


def read_file(path: Path) -> dict[tuple[str, str], object]:
    """Read a TOML file of sections.

    Raises:
        ConfigFault: It cannot be read, is no TOML, or has a key outside a section.
    """
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFault(f"{path} cannot be read: {error}.", fix="Check the path.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigFault(f"{path} is no valid TOML: {error}.", fix="Correct that line.") from error
    for section, keys in parsed.items():
        if not isinstance(keys, dict):
            fix = "Put it below its section, such as [swarm]."
            raise ConfigFault(f"{path}: the key {section!r} stands outside a section.", fix=fix)
    return {
        (section, key): value for section, keys in parsed.items() for key, value in keys.items()
    }


def read_environment(environment: Mapping[str, str]) -> dict[tuple[str, str], object]:
    """Pick `DRL_SECTION__KEY` out of an environment."""
    found: dict[tuple[str, str], object] = {}
    for name, value in sorted(environment.items()):
        section, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).partition("__")
        if name.startswith(ENVIRONMENT_PREFIX) and separator:
            found[section.lower(), key.lower()] = value
    return found


def read_assignments(assignments: Sequence[str]) -> dict[tuple[str, str], object]:
    """Read `section.key=value` flags.

    Raises:
        ConfigFault: One of them has another form.
    """
    found: dict[tuple[str, str], object] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        section, dot, key = name.strip().partition(".")
        if not (equals and dot and section and key):
            raise ConfigFault(
                f"--set {assignment!r} does not fit.", fix="Write --set section.key=value."
            )
        found[section, key] = value
    return found


def render(loaded: Loaded) -> str:
    """Return the effective configuration as TOML, each set value with its origin."""
    lines: list[str] = []
    for section in dataclasses.fields(NodeConfig):
        lines.append(f"[{section.name}]")
        for key, value in plain(getattr(loaded.config, section.name)).items():
            origin = loaded.origins.get((section.name, key))
            shown = toml_value(value)
            line = f"{key} = {shown}" if shown is not None else f"# {key} is not set"
            lines.append(f"{line}  # {origin}" if origin else line)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def toml_value(value: object) -> str | None:
    """Return one plain value as TOML writes it; None has no form there."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str():
            # TOML's strings are JSON's, but for one character that JSON leaves as it is.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return "[" + ", ".join(str(toml_value(part)) for part in value) + "]"
        case _:
            return str(value)


def local_swarm_name(seed: int) -> str:
    """Return the name of a swarm on one machine, which keeps swarms of different seeds apart."""
    return f"local-{seed}"


def swarm_flags(config: NodeConfig) -> str:
    """Return the flags that another node needs to be of the same swarm, or nothing."""
    shared = ("swarm", "task", "model")
    local = {("model", "device"), ("model", "dtype"), ("model", "threads"), ("model", "batch_size")}
    flags = [
        f"--set {section}.{key}={value}"
        for section in shared
        for key, value in plain(getattr(config, section)).items()
        if value != plain(getattr(NodeConfig(), section))[key] and (section, key) not in local
    ]
    return " ".join(flags)
