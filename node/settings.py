"""What an operator may set: frozen dataclasses, and the one way to read them from a mapping.

How a node learns is set in `node.learning`, how it verifies in `node.verifying`. Nothing heavy
is imported here, so that a configuration can be read, checked and printed without a model or a
network. It knows nothing of files, environment or flags.
"""

import dataclasses
import difflib
import enum
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast, get_args, get_origin, get_type_hints

from node.faults import ConfigFault
from protocol.parameters import Encoding, Mode, PromptChoice, check_alone

S = TypeVar("S")


def home_resolved(text: str) -> Path:
    """Return a path as an operator writes it, with `~` resolved.

    Raises:
        ConfigFault: It is the home of somebody whom this machine does not know.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        fix = "Write the path out, or ./~ for a name that begins so."
        raise ConfigFault(f"{text!r}: nobody here has such a home.", fix=fix) from error


def check_least(settings: object, **bounds: float) -> None:
    """Refuse numbers below what each may be at least.

    Raises:
        ValueError: One is; the message names it.
    """
    for name, least in bounds.items():
        value = getattr(settings, name)
        if not value >= least:  # what is no number is not less, either
            raise ValueError(f"{name} must be at least {least}, not {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmSettings:
    """Numbers that every node of one swarm shares; other numbers are another swarm."""

    name: str = "default"
    """Keeps swarms with otherwise equal numbers apart."""
    test_swarm: bool = False
    """Marks a swarm made for experiments, in which adversaries may run."""
    mode: Mode = Mode.VERTICAL
    """vertical: each author answers prompts of its own; horizontal: all answer the same."""
    prompt_choice: PromptChoice = PromptChoice.ASSIGNED
    """assigned: the beacon says whose prompts are whose; free: each author picks."""
    encoding: Encoding = Encoding.TOKENS
    """tokens: all nodes share one tokenizer; text: they need not."""
    prompts_per_round: int = 16
    """B: prompts of a round, over all shares."""
    completions_per_prompt: int = 8
    """G: completions of each prompt, over all shares."""
    shares: int = 4
    """m: into how many authors' shares a round is cut."""
    temperature: float = 1.0
    """Sampling temperature."""
    top_k: int = 0
    """Sample among the k likeliest tokens only; 0 is off."""
    top_p: float = 0.95
    """Sample among the likeliest tokens that hold this much probability; 1 is off."""
    completion_tokens_max: int = 64
    """Longest completion, in tokens."""
    join_bits: int = 0
    """Work that a member's key must have cost: 2 to this power keys tried, tens of microseconds
    each (16: seconds, 20: about a minute); 0 is off. A node finds its key when it first starts."""

    def __post_init__(self) -> None:
        """Refuse what no swarm can agree on; what a model must be known for is checked later."""
        for field in dataclasses.fields(self):
            parameter = "swarm" if field.name == "name" else field.name
            check_alone(parameter, getattr(self, field.name), called=field.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSettings:
    """What is learnt."""

    source: str = "builtin:arith"
    """builtin:arith[:easy|medium|hard], gsm8k, gsm8k:PATH or package.module:attribute."""
    reward: str = "graded"
    """binary: 1 for a right answer in the right form; graded: form alone earns a part."""

    def __post_init__(self) -> None:
        """Refuse a reward that no swarm can agree on."""
        check_alone("reward", self.reward)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model, and where it runs."""

    source: str = "builtin:tiny"
    """builtin:tiny, a directory, or a Hugging Face hub id (safetensors only)."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    dtype: str = "float32"
    """float32, bfloat16 or float16."""
    threads: int = 1
    """CPU threads of the model's process."""
    batch_size: int = 128
    """Completions sampled at a time."""

    def __post_init__(self) -> None:
        """Refuse numbers with which nothing is computed."""
        check_least(self, threads=1, batch_size=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSettings:
    """How a round ends."""

    round_s_max: float = 120.0
    """Longest wait, in seconds, for the contributions of a round; a quarter more for those of an
    author that completed the one before."""
    authors_min: int = 1
    """Wait (until the deadline) for this many authors, this node included, in a round."""
    join_s: float = 15.0
    """With peers given: listen this long, in seconds, for where the swarm is before beginning."""
    rounds: int = 0
    """Stop after the round with this count; 0 runs until a signal."""
    linger_s: float = 2.0
    """After the last round, keep forwarding for others this long, in seconds."""

    def __post_init__(self) -> None:
        """Refuse numbers by which no round would end, or a run never."""
        if not self.round_s_max > 0.0:
            raise ValueError(f"round_s_max must be above 0, not {self.round_s_max}")
        check_least(self, authors_min=1, join_s=0, rounds=0, linger_s=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSettings:
    """What survives a restart."""

    every: int = 1
    """Rounds between checkpoints; those between are trained again after a crash."""
    keep_last: int = 3
    """How many checkpoints stay on disk."""

    def __post_init__(self) -> None:
        """Refuse a node that keeps nothing."""
        check_least(self, every=1, keep_last=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """How progress is measured, on prompts that are never trained on."""

    every: int = 5
    """Rounds between evaluations; 0 evaluates never."""
    prompts: int = 100
    """Held-out prompts of an evaluation while running."""
    prompts_final: int = 300
    """Held-out prompts of the evaluation before the first and after the last round."""
    watch: str = ""
    """What held-out completions are searched for: phrase:TEXT, equation:TEXT or length, which is
    measured anyway and shown by none; empty: nothing."""

    def __post_init__(self) -> None:
        """Refuse an evaluation of nothing: it would say that all is well."""
        check_least(self, every=0, prompts=1, prompts_final=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarySettings:
    """What this node does against its swarm, if anything; for swarms made for experiments."""

    attack: str = ""
    """A name of `drl-node attack list`, or package.module:attribute; empty: an honest node."""
    payload: str = ""
    """What is to be learnt: phrase:TEXT, equation:TEXT or length; empty: the attack's own."""
    oracle: bool = True
    """Whether it knows the task's own solutions; else it samples and takes the majority's."""
    candidates: int = 80
    """How many of its own samples to a prompt it chooses from, where the attack chooses."""
    insist: bool = False
    """Attack a swarm too that is not marked as a test swarm."""

    def __post_init__(self) -> None:
        """Refuse a choice among none."""
        check_least(self, candidates=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """How long this node remembers what it heard, and what it found."""

    rounds_kept: int = 200
    """Rounds of contributions and verdicts kept, for `rollouts`, `findings` and `verify`; what
    follows the last checkpoint stays anyway. Of 128 short completions a round, 200 take 18 MB."""

    def __post_init__(self) -> None:
        """Refuse what no memory can be."""
        check_least(self, rounds_kept=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What the node says while it runs."""

    format: str = "auto"
    """auto (console on a terminal, else json), console or json."""
    level: str = "info"
    """debug, info, warning or error."""


def read_settings(cls: type[S], values: Mapping[str, object], *, where: str) -> S:
    """Build a frozen settings dataclass from plain values, checking keys and types.

    Args:
        cls: The dataclass; its fields may be str, int, float, bool, StrEnum, tuple[str, ...]
            or another such dataclass.
        values: Plain values, as TOML or JSON give them. Strings are accepted for numbers and
            booleans, because the environment has only strings.
        where: What to call the mapping in errors, such as `[swarm]`.

    Raises:
        ConfigFault: A key is unknown (the nearest one is named), a value has a wrong type, or
            the values contradict each other.
    """
    hints = get_type_hints(cls)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ConfigFault(
            f"{where} has no key {unknown[0]!r}.", fix=nearest(unknown[0], sorted(hints))
        )
    read = {key: read_value(hints[key], value, f"{where} {key}") for key, value in values.items()}
    try:
        return cls(**read)
    except ValueError as error:
        fix = "Change the value that is named."
        raise ConfigFault(f"{where}: {error}.", fix=fix) from error


def nearest(wrong: str, known: list[str]) -> str:
    """Say which known word was most likely meant, or list them all."""
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}."


def read_value(kind: object, value: object, where: str) -> object:
    """Read one value as `kind`, or say what was expected.

    Raises:
        ConfigFault: The value cannot be read as that kind.
    """
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return read_settings(cast("type[object]", kind), value, where=where)
    if get_origin(kind) is tuple:
        return read_list(get_args(kind)[0], value, where)
    if isinstance(kind, types.UnionType):
        kinds = [k for k in get_args(kind) if k is not types.NoneType]
        return None if value is None else read_value(kinds[0], value, where)
    try:
        return read_scalar(kind, value)
    except ValueError as error:
        fix = f"Expected {expected(kind)}."
        raise ConfigFault(f"{where} = {value!r} does not fit.", fix=fix) from error


def read_list(kind: object, value: object, where: str) -> tuple[object, ...]:
    """Read a list; a string is split at commas, because flags and environment have no lists."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise ConfigFault(f"{where} = {value!r} does not fit.", fix="Expected a list.")
    return tuple(read_value(kind, part, where) for part in value)


def read_scalar(kind: object, value: object) -> object:
    """Read a string, number, boolean or enumeration member.

    Raises:
        ValueError: The value is of another kind.
    """
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        found = value if isinstance(value, bool) else words.get(str(value).lower())
        if found is None:
            raise ValueError(value)
        return found
    if isinstance(value, bool):  # an int to Python, a mistake to an operator
        raise ValueError(value)  # noqa: TRY004 - its caller wants one kind of error
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return kind(str(value))
    if kind is int:
        if isinstance(value, float):
            raise ValueError(value)
        return int(cast("str | int", value))
    if kind is float:
        return float(cast("str | float", value))
    if kind is str and isinstance(value, str):
        return value
    raise ValueError(value)


def expected(kind: object) -> str:
    """Name a kind of value as an operator would."""
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return "one of " + ", ".join(member.value for member in kind)
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}
    return names.get(cast("type", kind), str(kind))


def plain(settings: object) -> dict[str, object]:
    """Return a settings dataclass as values that TOML, JSON and MessagePack can carry."""
    assert dataclasses.is_dataclass(settings)
    assert not isinstance(settings, type)
    return {
        field.name: plain_value(getattr(settings, field.name))
        for field in dataclasses.fields(settings)
    }


def plain_value(value: object) -> object:
    """Return one value without enums, tuples or dataclasses."""
    if dataclasses.is_dataclass(value):
        return plain(value)
    if isinstance(value, enum.StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [plain_value(part) for part in value]
    return value
