"""How near an author's weights are to this node's: what may be asked of its completions.

An author names its weights by their digest. Equal digests mean equal bits, and an exact replay.
The weights of the last rounds are remembered, too, and where there is room for them whole, a
contribution from a round ago is replayed under the very weights that it came from, as exactly as
one of now. Whoever holds these weights in shorter numbers is recognised as well. It
knows digests and tensors; it knows no completions.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import torch
from torch import Tensor, nn

_SHORTER = (torch.bfloat16, torch.float16)
"""What float32 weights are rounded to; what they were rounded from, nobody can tell."""


class Kinship(StrEnum):
    """What is known of the weights that an author says it sampled from."""

    SAME = "same"
    """Known here to the bit: a replay is exact, but for the last bits of sums."""
    ROUNDED = "rounded"
    """These weights in another number type, or in one so short that writing and reading round
    differently: a replay is right but for rounding."""
    STALE = "stale"
    """This node's own of a round or two ago, of which only the name is left here."""
    OTHER = "other"
    """Unknown: another model, another history, or a lie. Nothing can be replayed."""

    @property
    def proves(self) -> bool:
        """Whether a replay tells where a completion comes from.

        Among weights that are nearly equal it leaves an author many completions to choose from.
        """
        return self in (Kinship.SAME, Kinship.ROUNDED)


class Weights(Protocol):
    """A policy as far as its weights go; `node.policy.CausalPolicy` is one."""

    model: nn.Module

    def digest(self) -> bytes:
        """Return the 32-byte digest of the weights as they are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KinshipSettings:
    """What is remembered of past rounds.

    Args:
        rounds: How many rounds back an author may be; admission lets in no older contribution.
        bytes_max: Room for the weights themselves, over all rounds. The embedded model takes
            1.8 MB a round. Without room only digests are kept, and a replay needs a margin.
            Nor are weights rounded, to learn what others would call them, without room for that.

    Raises:
        ValueError: A number is negative.
    """

    rounds: int = 2
    bytes_max: int = 256 << 20

    def __post_init__(self) -> None:
        if self.rounds < 0 or self.bytes_max < 0:
            raise ValueError("rounds and bytes_max must be at least 0")


class Kin:
    """The weights of now and of the last rounds, by their digests.

    Args:
        policy: This node's; its weights change in place, and `now` must be called after that.
        settings: What to remember.
    """

    def __init__(self, policy: Weights, settings: KinshipSettings | None = None) -> None:
        self._policy = policy
        self._settings = settings or KinshipSettings()
        self._past: OrderedDict[bytes, Mapping[str, Tensor]] = OrderedDict()
        self._rounded: frozenset[bytes] | None = None
        self.digest = policy.digest()
        # Asked once: to walk through a model's weights for each completion would cost more than
        # most stages.
        self._is_long = all(one.dtype not in _SHORTER for one in policy.model.parameters())

    def now(self, *, rounded: frozenset[bytes] | None = None) -> None:
        """Take note that the weights have changed.

        Args:
            rounded: Digests of these weights in other number types, where somebody knows them;
                None to find out here, once somebody names weights that are unknown.
        """
        self.digest = self._policy.digest()
        self._rounded = rounded

    def remember(self) -> None:
        """Keep the weights as they are, for the rounds to come; call it before they change."""
        self._past[self.digest] = {}
        self._past.move_to_end(self.digest)
        while len(self._past) > self._settings.rounds:
            self._past.popitem(last=False)
        weights = dict(self._policy.model.named_parameters())
        needed = sum(weight.nbytes for weight in weights.values()) * self._settings.rounds
        if self._past and needed <= self._settings.bytes_max:
            self._past[self.digest] = {
                name: weight.detach().clone() for name, weight in weights.items()
            }

    def plain(self) -> list[str]:
        """Return the digests of past rounds' weights, oldest first, in hexadecimal."""
        return [digest.hex() for digest in self._past]

    def kept(self) -> dict[str, Tensor]:
        """Return past rounds' weights where they are kept whole, each named by its round."""
        return {
            f"{at}/{name}": weight
            for at, weights in enumerate(self._past.values())
            for name, weight in weights.items()
        }

    def restore(self, plain: Sequence[str], kept: Mapping[str, Tensor]) -> None:
        """Take up what `plain` and `kept` gave, of a model like this one."""
        self._past = OrderedDict((bytes.fromhex(digest), {}) for digest in plain)
        for at, digest in enumerate(self._past):
            whole = {
                name: kept[f"{at}/{name}"].to(weight.device)
                for name, weight in self._policy.model.named_parameters()
                if f"{at}/{name}" in kept
            }
            self._past[digest] = whole

    def turn_back(self, digest: bytes) -> bool:
        """Let the policy hold kept weights of an earlier round for good; tell whether it does."""
        weights = self._past.get(digest) or {}
        tensors = dict(self._policy.model.named_parameters())
        for name, weight in weights.items():
            tensors[name].data.copy_(weight)
        self.now()
        return self.digest == digest

    def of(self, digest: bytes) -> Kinship:
        """Return what is known of the weights of a digest."""
        if digest == self.digest or self._past.get(digest):
            return Kinship.SAME if self._is_long else Kinship.ROUNDED
        if digest in self._past:
            return Kinship.STALE
        if digest and self._rounded is None:
            self._rounded = self._digests_when_rounded()
        return Kinship.ROUNDED if digest in (self._rounded or ()) else Kinship.OTHER

    def is_past(self, digest: bytes) -> bool:
        """Whether these are kept weights of an earlier round."""
        return digest != self.digest and bool(self._past.get(digest))

    def as_then(self, digest: bytes) -> contextlib.AbstractContextManager[None]:
        """Let the policy hold kept weights of an earlier round for a while; nothing is copied."""
        return _holding(self._policy.model, self._past[digest])

    def _digests_when_rounded(self) -> frozenset[bytes]:
        model = self._policy.model
        tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        floats = {name: each for name, each in tensors.items() if each.is_floating_point()}
        needed = sum(each.nbytes for each in floats.values()) // 2
        if not self._is_long or needed > self._settings.bytes_max:
            return frozenset()
        digests = set()
        for dtype in _SHORTER:
            with _holding(model, {name: each.detach().to(dtype) for name, each in floats.items()}):
                digests.add(self._policy.digest())
        return frozenset(digests)


@contextlib.contextmanager
def _holding(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Let a model hold other weights, by name, for a while."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    own = {name: tensors[name].data for name in weights}
    try:
        for name, weight in weights.items():
            tensors[name].data = weight
        yield
    finally:
        for name, weight in own.items():
            tensors[name].data = weight
