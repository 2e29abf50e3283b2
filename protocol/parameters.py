"""The numbers that one swarm shares; other numbers are another swarm.

Their digest is in the topic and under every signature. What a node may choose for itself
(learning rate, device, peers) is not known here.
"""

import re
import struct
from dataclasses import dataclass, fields
from enum import StrEnum

from protocol.constants import DIGEST_BYTES, ENVELOPE_OVERHEAD_BYTES
from protocol.hashing import digest, length_prefixed, u64

VERSION = 1
"""Changing breaks: everything; peers of another version are ignored."""


class Mode(StrEnum):
    """How a round's work is cut among authors."""

    VERTICAL = "vertical"
    HORIZONTAL = "horizontal"


class PromptChoice(StrEnum):
    """Who chooses an author's prompts in a vertical swarm."""

    ASSIGNED = "assigned"
    FREE = "free"


class Encoding(StrEnum):
    """What completions travel as."""

    TOKENS = "tokens"
    TEXT = "text"


_RANGES: dict[str, tuple[int, int] | tuple[float, float]] = {
    "task_prompts": (1, 2**32 - 1),
    "vocabulary_size": (2, 2**32 - 1),
    "eos_token": (0, 2**32 - 2),
    "prompts_per_round": (1, 4096),
    "completions_per_prompt": (2, 1024),
    "shares": (1, 4096),
    "temperature": (0.01, 100.0),
    "top_k": (0, 2**32 - 1),
    "top_p": (0.01, 1.0),
    "completion_tokens_max": (1, 65_536),
    "message_bytes_max": (1024, 48 * 1024),
    "contribution_bytes_max": (1024, 16 * 1024 * 1024),
    "text_bytes_max": (1, 64 * 1024),
    "join_bits": (0, 40),
}
_PATTERNS: dict[str, tuple[str, str]] = {
    "swarm": (r"[a-z0-9][a-z0-9._-]{0,63}", "1 to 64 of a-z 0-9 . _ -, the first a-z or 0-9"),
    "task": (r"[!-~]{1,512}", "1 to 512 printable ASCII characters without blanks"),
    "task_digest": (r"[0-9a-f]{64}", "64 lowercase hexadecimal digits (SHA-256)"),
    "model_family": (r"[0-9a-f]{64}", "64 lowercase hexadecimal digits (SHA-256)"),
    "tokenizer": (r"[0-9a-f]{64}", "64 lowercase hexadecimal digits (SHA-256)"),
    "reward": (r"binary|graded", "binary or graded"),
}

_LEFT_OUT_IF_OFF = frozenset({"join_bits"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What one swarm agrees on. Strings and whole floats are normalised on the way in.

    Raises:
        ValueError: Naming the field, its value and what is allowed.
    """

    swarm: str = "default"
    """A name, to keep two swarms of equal numbers apart."""
    test_swarm: bool = False
    """Marked as a swarm for experiments; the project's adversaries enter no other."""
    task: str
    """The task's name, e.g. ``builtin:arith``."""
    task_digest: str
    """Of the task's prompts and answers; hexadecimal SHA-256."""
    task_prompts: int
    """How many training prompts: their indices are 0..task_prompts-1."""
    reward: str = "graded"
    """``binary`` or ``graded``: computed by every receiver, never sent."""
    model_family: str
    """Of the model's architecture; hexadecimal SHA-256."""
    tokenizer: str
    """Of the tokenizer; hexadecimal SHA-256."""
    vocabulary_size: int
    """Token ids are 0..vocabulary_size-1."""
    eos_token: int
    """The one token that closes a completion."""
    mode: Mode = Mode.VERTICAL
    """Vertical: own prompts, whole groups. Horizontal: shared prompts, a share of each group."""
    prompt_choice: PromptChoice = PromptChoice.ASSIGNED
    """Whether vertical prompts are derived from the beacon or the author's free choice."""
    encoding: Encoding = Encoding.TOKENS
    """Token ids among equal tokenizers, text otherwise; never both."""
    prompts_per_round: int = 16
    """B, the prompts of one round."""
    completions_per_prompt: int = 8
    """G, the completions of one prompt: the group."""
    shares: int = 4
    """m, into how many a round's work is cut; more authors only make the batch larger."""
    temperature: float = 1.0
    """Of sampling."""
    top_k: int = 0
    """Most likely tokens kept when sampling; 0 keeps all."""
    top_p: float = 0.95
    """Probability mass kept when sampling; 1 keeps all."""
    completion_tokens_max: int = 64
    """Tokens of a completion, the closing EOS included."""
    message_bytes_max: int = 48 * 1024
    """Of one gossip message; larger ones damage the streams of py-libp2p 0.8."""
    contribution_bytes_max: int = 1024 * 1024
    """Of one contribution's payload, over all its parts."""
    text_bytes_max: int = 16 * 1024
    """Of one completion's text in UTF-8; tokenising it takes milliseconds."""
    join_bits: int = 0
    """Bits of the puzzle that an author's key must solve; 0: any key will do."""

    def __post_init__(self) -> None:
        self._normalise()
        for name in (*_PATTERNS, *_RANGES):
            check_alone(name, getattr(self, name))
        self._check_agreement()

    def _normalise(self) -> None:
        for name, kind in (("mode", Mode), ("prompt_choice", PromptChoice), ("encoding", Encoding)):
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, kind(value))
            except ValueError:
                raise _fault(name, value, " or ".join(kind)) from None
        for name in ("temperature", "top_p"):
            value = getattr(self, name)
            if type(value) is int:
                object.__setattr__(self, name, float(value))
        if type(self.test_swarm) is not bool:
            raise _fault("test_swarm", self.test_swarm, "true or false")

    def _check_agreement(self) -> None:
        """Refuse numbers that are fine alone and impossible together."""
        vertical = self.mode is Mode.VERTICAL
        cut = "prompts_per_round" if vertical else "completions_per_prompt"
        if getattr(self, cut) % self.shares:
            raise _fault("shares", self.shares, f"a divisor of {cut} ({getattr(self, cut)})")
        if not vertical and self.prompt_choice is PromptChoice.FREE:
            raise _fault("prompt_choice", "free", "assigned in a horizontal swarm")
        if self.eos_token >= self.vocabulary_size:
            raise _fault("eos_token", self.eos_token, f"below {self.vocabulary_size}")
        if self.top_k > self.vocabulary_size:
            raise _fault("top_k", self.top_k, f"0 (off) to {self.vocabulary_size}")
        if self.task_prompts < self.prompts_per_author:
            least = self.prompts_per_author
            raise _fault("task_prompts", self.task_prompts, f"at least {least}, one author's round")
        if self.contribution_bytes_max < self.payload_bytes_max:
            least = self.payload_bytes_max
            raise _fault(
                "contribution_bytes_max",
                self.contribution_bytes_max,
                f"at least {least}, so that the longest honest contribution fits",
            )

    @property
    def prompts_per_author(self) -> int:
        """Prompts that one author answers in a round: B/m vertical, B horizontal."""
        vertical = self.mode is Mode.VERTICAL
        return self.prompts_per_round // self.shares if vertical else self.prompts_per_round

    @property
    def completions_per_author(self) -> int:
        """Completions that one author owes per prompt: G vertical, G/m horizontal."""
        vertical = self.mode is Mode.VERTICAL
        return (
            self.completions_per_prompt if vertical else self.completions_per_prompt // self.shares
        )

    @property
    def payload_bytes_max(self) -> int:
        """The largest payload that honest completions can make: what any decoder must hold."""
        if self.encoding is Encoding.TOKENS:
            completion = 5 + 5 * self.completion_tokens_max  # array header, ids of up to 32 bits
        else:
            completion = 1 + 5 + self.text_bytes_max + 1  # array header, text header, text, ended
        policy_digest = 2 + DIGEST_BYTES
        return 1 + policy_digest + 5 + self.completions_per_author * completion

    @property
    def chunk_bytes(self) -> int:
        """Payload bytes in every part but the last."""
        return self.message_bytes_max - ENVELOPE_OVERHEAD_BYTES

    @property
    def parts_max(self) -> int:
        """Parts of the largest contribution."""
        return -(-self.payload_bytes_max // self.chunk_bytes)

    def digest(self) -> bytes:
        """Return the 32 bytes that name this swarm, over its fields in order of declaration.

        Each field is hashed as its name, a letter for its type and its value; README.md gives
        the table. What is optional and off is left out: a swarm that does not use it stays the
        swarm that it was before there was such a thing.
        """
        encoded = [
            _encoded(field.name, getattr(self, field.name))
            for field in fields(self)
            if field.name not in _LEFT_OUT_IF_OFF or getattr(self, field.name)
        ]
        return digest("drl/parameters/1", u64(VERSION), *encoded)


def check_alone(name: str, value: object, *, called: str = "") -> None:
    """Refuse what a field of `Parameters` can be in no swarm, whatever its other fields are.

    Args:
        name: Of the field; one whose values need the others to be judged is let pass.
        value: What it is to be.
        called: The field's name in the refusal, where the asker has another for it.

    Raises:
        ValueError: Naming the field, its value and what is allowed.
    """
    if name in _PATTERNS:
        pattern, allowed = _PATTERNS[name]
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            raise _fault(called or name, value, allowed)
    if name in _RANGES:
        least, most = _RANGES[name]
        if type(value) is not type(least) or not least <= value <= most:
            allowed = f"{type(least).__name__} from {least} to {most}"
            raise _fault(called or name, value, allowed)


def _encoded(name: str, value: object) -> bytes:
    if isinstance(value, str):
        raw = b"s" + value.encode()
    elif isinstance(value, bool):
        raw = b"b" + bytes([value])
    elif isinstance(value, int):
        raw = b"i" + u64(value)
    elif isinstance(value, float):
        raw = b"f" + struct.pack(">d", value)
    else:
        raise TypeError(f"{name} has no encoding: {value!r}")
    return length_prefixed(name, raw)


def _fault(name: str, value: object, allowed: str) -> ValueError:
    return ValueError(f"{name} is {value!r}; allowed: {allowed}")
