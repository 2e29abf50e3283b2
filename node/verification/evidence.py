"""What one forward pass says about each token of somebody's completion.

All model stages read from here, and so may the trainer: the pass that tells whether an honest
policy could have written a completion gives its log-probabilities, too. This module states
numbers about tokens and judges nothing; it knows no author, no policy digest and no verdict.

Two policies that are nearly one (other sums in another batch, another number type, a few
optimiser steps between them) agree on what is likely, but not on which side of a filter's
border a token falls. So a replay margin comes twice: over the filter as it is (within the
rounding of sums), and over a filter whose border is uncertain. Only tokens that are inside for
certain can beat the claimed one, which itself need only be inside perhaps.

Shapes: N tokens in a part, V vocabulary, T tokens of a completion, K candidates.
"""

import enum
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from node.policy.causal_lm import CompletionLogits
from node.policy.noise import key_tensor
from node.policy.sampling import SamplingParameters
from node.verification.margins import Places, SupportSlack, replay_margins
from node.verification.scores import Scored

LOGITS_MAX = 1 << 20
"""Scores that exist at once: 4 MiB of float32, thrice. Larger parts fall out of the caches."""

ROUNDING = SupportSlack(1e-4)
"""How uncertain a filter's border is among equal weights: float32 sums differ in their last
bits from one batch to another, and a hundred times as much is still no room to cheat in."""

Tokens = tuple[int, ...]
Floats = NDArray[np.float32]


class Reader(Protocol):
    """What evidence asks of a policy; `node.policy.CausalPolicy` is one."""

    vocabulary_size: int
    eos_token: int

    def completion_logits(
        self, prompts: Sequence[Tokens], completions: Sequence[Tokens], *, logits_max: int
    ) -> Iterator[CompletionLogits]:
        """Yield the logits that completion tokens were chosen from, some at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A completion that somebody claims to have sampled.

    Args:
        prompt_tokens: What it continues, derived by the receiver.
        completion_tokens: What is claimed, with the closing EOS if there is one.
        key: The noise it must have been drawn with; None where sampling is not replayed.
    """

    prompt_tokens: Tokens
    completion_tokens: Tokens
    key: int | None = None


class Unread(enum.StrEnum):
    """Why a completion has no evidence."""

    EMPTY = "empty"
    """It has no tokens."""
    TOO_LONG = "too_long"
    """It has more tokens than the swarm allows."""
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105 - a word of language models, not a password
    """It holds a token id that the model does not have."""
    NOT_NUMBERS = "not_numbers"
    """The model's scores are not numbers: the receiver's own weights have diverged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the receiver's policy says about one completion, token by token.

    All arrays are of length T and cannot be written to; all are empty where `unread` is set.
    Probabilities are those at the swarm's temperature over the whole vocabulary.

    Args:
        tokens: The token ids, int32.
        logprobs: Of the tokens, in nats: what a trainer calls old log-probabilities.
        peak_logprobs: Of the likeliest token at each place.
        ranks: How many tokens are likelier, int32; ties count in the token's favour.
        mass_above: The probability of all likelier tokens.
        tail_mass: The probability of all tokens that are no likelier, the token among them.
        eos_probs: The probability that the completion should have ended here instead.
        margins: By how much another token beats this one in the replay; 0 where this one is
            what the noise chooses, infinite where the filter excludes it. Empty without a key.
        margins_slack: The same over a filter whose border is uncertain.
        unread: Why there is nothing to see, if so.
    """

    tokens: NDArray[np.int32]
    logprobs: Floats
    peak_logprobs: Floats
    ranks: NDArray[np.int32]
    mass_above: Floats
    tail_mass: Floats
    eos_probs: Floats
    margins: Floats
    margins_slack: Floats
    unread: Unread | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def is_replayed(self) -> bool:
        """Whether there are margins."""
        return len(self.margins) == len(self.tokens) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSettings:
    """Bounds of a pass.

    Args:
        batch_size: Completions read at once.
        logits_max: Scores that exist at once, though one token's V always may.
        slack: How uncertain the filter's border is among weights that are nearly equal.

    Raises:
        ValueError: A size is below 1.
    """

    batch_size: int = 128
    logits_max: int = LOGITS_MAX
    slack: SupportSlack = SupportSlack(1.0)

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.logits_max < 1:
            raise ValueError("batch_size and logits_max must be at least 1")


@torch.inference_mode()
def gather(
    policy: Reader,
    claims: Sequence[Claim],
    sampling: SamplingParameters,
    *,
    settings: EvidenceSettings | None = None,
) -> list[Evidence]:
    """Return the evidence on each claim, in their order.

    Args:
        policy: The receiver's.
        claims: What authors say they wrote. Claims that share a prompt should be neighbours:
            the prompt is then read once.
        sampling: The swarm's; its temperature must be above 0.
        settings: Bounds of memory and of borders.

    Raises:
        ValueError: The temperature is 0, where a completion has no probability.
        ModelFault: A prompt and its completion do not fit the model's positions.
    """
    if sampling.temperature == 0:
        raise ValueError("greedy sampling has no noise to replay; the temperature must be above 0")
    settings = settings or EvidenceSettings()
    unread = [_unread(policy, claim, sampling) for claim in claims]
    readable = [claim for claim, reason in zip(claims, unread, strict=True) if reason is None]
    read: list[Evidence] = []
    for start in range(0, len(readable), settings.batch_size):
        batch = _Batch(readable[start : start + settings.batch_size])
        batch.read(policy, sampling, settings)
        read += batch.evidence()
    in_order = iter(read)
    return [next(in_order) if reason is None else _nothing(reason) for reason in unread]


def _unread(policy: Reader, claim: Claim, sampling: SamplingParameters) -> Unread | None:
    tokens = claim.completion_tokens
    if not tokens:
        return Unread.EMPTY
    if len(tokens) > sampling.tokens_max:
        return Unread.TOO_LONG
    if min(tokens) < 0 or max(tokens) >= policy.vocabulary_size:
        return Unread.UNKNOWN_TOKEN
    return None


_LOGPROB, _PEAK, _EOS, _RANK, _ABOVE, _TAIL, _MARGIN, _MARGIN_SLACK = range(8)
"""The rows of a batch's table."""


class _Batch:
    """Claims that are read in one pass, their tokens laid end to end."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._claims = claims
        self._ends = list(itertools.accumulate(len(claim.completion_tokens) for claim in claims))
        laid = itertools.chain.from_iterable(claim.completion_tokens for claim in claims)
        self._tokens = torch.tensor(list(laid))
        self._starts = torch.tensor([0, *self._ends[:-1]])
        self._keys = key_tensor([claim.key or 0 for claim in claims], torch.device("cpu"))
        self._replayed = torch.tensor([claim.key is not None for claim in claims])
        self._table = torch.zeros((8, len(self._tokens)))

    def read(
        self, policy: Reader, sampling: SamplingParameters, settings: EvidenceSettings
    ) -> None:
        """Fill in the table, a part at a time."""
        parts = policy.completion_logits(
            [claim.prompt_tokens for claim in self._claims],
            [claim.completion_tokens for claim in self._claims],
            logits_max=settings.logits_max,
        )
        for part in parts:
            device = part.logits.device
            flat = self._starts.to(device)[part.rows] + part.positions
            scored = Scored.of(part.logits, self._tokens.to(device)[flat], sampling.temperature)
            told = [scored.logprobs(), scored.peak_logprobs()]
            told += [scored.probability_of(policy.eos_token), *scored.tails()]
            told += self._margins(part, scored, sampling, settings.slack)
            self._table[:, flat.cpu()] = torch.stack(told).cpu()

    def _margins(
        self,
        part: CompletionLogits,
        scored: Scored,
        sampling: SamplingParameters,
        slack: SupportSlack,
    ) -> Tensor:
        """Return (2, N) margins; only places where more than one token may follow are asked."""
        margins = torch.zeros((2, len(part.rows)), device=part.rows.device)
        certain = (scored.own == scored.largest) & (scored.logprobs().exp() >= sampling.top_p)
        asked = self._replayed.to(part.rows.device)[part.rows] & ~certain
        at = (asked & scored.normaliser.isfinite()).nonzero()[:, 0]
        if len(at):
            places = Places(
                scores=scored.scores[at],
                normaliser=scored.normaliser[at],
                claimed=scored.claimed[at],
                keys=self._keys.to(part.rows.device)[part.rows[at]],
                positions=part.positions[at],
            )
            margins[:, at] = replay_margins(places, sampling, (ROUNDING, slack))
        return margins

    def evidence(self) -> list[Evidence]:
        """Cut the table into completions."""
        table = self._table.numpy()
        tokens = self._tokens.numpy().astype(np.int32)
        ranks = table[_RANK].astype(np.int32)
        for array in (table, tokens, ranks):
            array.flags.writeable = False
        return [
            _evidence(claim, tokens[start:end], ranks[start:end], table[:, start:end])
            for claim, start, end in zip(self._claims, [0, *self._ends], self._ends, strict=False)
        ]


def _evidence(
    claim: Claim, tokens: NDArray[np.int32], ranks: NDArray[np.int32], table: Floats
) -> Evidence:
    if np.isnan(table[_PEAK]).any():
        return _nothing(Unread.NOT_NUMBERS)
    replayed = slice(None) if claim.key is not None else slice(0)
    return Evidence(
        tokens=tokens,
        logprobs=table[_LOGPROB],
        peak_logprobs=table[_PEAK],
        eos_probs=table[_EOS],
        ranks=ranks,
        mass_above=table[_ABOVE],
        tail_mass=table[_TAIL],
        margins=table[_MARGIN, replayed],
        margins_slack=table[_MARGIN_SLACK, replayed],
    )


def _nothing(reason: Unread) -> Evidence:
    none = np.zeros(0, np.float32)
    ids = np.zeros(0, np.int32)
    for array in (none, ids):
        array.flags.writeable = False
    return Evidence(
        tokens=ids,
        logprobs=none,
        peak_logprobs=none,
        eos_probs=none,
        ranks=ids,
        mass_above=none,
        tail_mass=none,
        margins=none,
        margins_slack=none,
        unread=reason,
    )
