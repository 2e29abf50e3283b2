"""What one forward pass says about each token of somebody's completion.

All model stages read from here, and so may the trainer: the pass that tells whether an honest
policy could have written a completion gives its log-probabilities, too, to the bit. This module
states numbers about tokens and judges nothing; it knows no author, no weights but those that it
is given, and no verdict.

Shapes: T tokens of a completion, N tokens in a part of a pass, V vocabulary.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from node.policy import CompletionLogits, SamplingParameters, key_tensor
from node.verification.choices import ROUNDING, BorderSlack, Places, weigh
from node.verification.scores import Scored

LOGITS_MAX = 1 << 20
"""Scores that exist at once: 4 MiB of float32, and as much again a few times over. Where no token
is certain (a hostile completion), candidates bring it to some 75 MiB."""

Tokens = tuple[int, ...]
Floats = NDArray[np.float32]
Integers = NDArray[np.int32]


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
        key: The noise it must have been drawn with.
    """

    prompt_tokens: Tokens
    completion_tokens: Tokens
    key: int


class Unread(StrEnum):
    """Why a completion has no evidence."""

    EMPTY = "it has no tokens"
    TOO_LONG = "it has more tokens than the swarm allows"
    UNKNOWN_TOKEN = "it holds a token id that the model does not have"  # noqa: S105 - no password
    NOT_NUMBERS = "the model's scores are not numbers: the weights here have diverged"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the receiver's policy says about one completion, token by token.

    All arrays are of length T and cannot be written to; they are empty where `unread` is set.
    Probabilities are those at the swarm's temperature over the whole vocabulary.

    Args:
        tokens: The token ids.
        logprobs: Of the tokens, in nats: what a trainer calls old log-probabilities.
        peak_logprobs: Of the likeliest token at each place.
        eos_probs: The probability that the completion ends here instead.
        ranks: How many tokens are likelier; ties count in the token's favour.
        mass_above: The probability of all likelier tokens.
        tail_mass: The probability of all tokens that are no likelier, the token among them.
        margins: By how much another token beats this one in the replay; 0 where this one is
            what the noise chooses, infinite where the filter excludes it.
        margins_rounded: The same over a filter whose border is a little uncertain, for these
            weights in another number type.
        margins_stale: The same over one that is more so, for weights that are nearly these.
        expected: Mean surprise, in nats, of what an honest author with these weights writes
            there; the surprise of a token is minus the logarithm of its tail mass.
        variance: Of the same.
        unread: Why there is nothing to see, if so.
    """

    tokens: Integers
    logprobs: Floats
    peak_logprobs: Floats
    eos_probs: Floats
    ranks: Integers
    mass_above: Floats
    tail_mass: Floats
    margins: Floats
    margins_rounded: Floats
    margins_stale: Floats
    expected: Floats
    variance: Floats
    unread: Unread | None = None

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSettings:
    """Bounds of a pass.

    Args:
        batch_size: Completions read at once.
        logits_max: Scores that exist at once, though one token's V always may.
        rounded_slack: How uncertain a filter's border is among weights that differ by their
            number type (see `BorderSlack`). Twenty times less gives bfloat16 no more honest
            refusals than this; twenty times more hides a third of chosen samples.
        stale_slack: The same among weights that are nearly equal. Two rounds of the embedded
            model's fastest learning put 3.7 % of honest completions outside a filter without
            slack, 0.15 % with this.

    Raises:
        ValueError: A number is out of its range.
    """

    batch_size: int = 128
    logits_max: int = LOGITS_MAX
    rounded_slack: float = 0.1
    stale_slack: float = 2.0

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.logits_max < 1:
            raise ValueError("batch_size and logits_max must be at least 1")
        _ = self.slacks

    @property
    def slacks(self) -> tuple[BorderSlack, ...]:
        """For equal, rounded and stale weights, as margins are told."""
        return ROUNDING, BorderSlack(self.rounded_slack), BorderSlack(self.stale_slack)


@torch.inference_mode()
def gather(
    policy: Reader,
    claims: Sequence[Claim],
    sampling: SamplingParameters,
    settings: EvidenceSettings | None = None,
) -> list[Evidence]:
    """Return the evidence on each claim, in their order.

    Args:
        policy: Whose weights are asked.
        claims: What authors say they wrote. Claims that share a prompt should be neighbours:
            the prompt is then read once.
        sampling: The swarm's; its temperature must be above 0.
        settings: Bounds.

    Raises:
        ValueError: The temperature is 0, where a completion has no probability.
        ModelFault: A prompt and its completion do not fit the model's positions.
    """
    if sampling.temperature == 0:
        raise ValueError("a greedy completion has no probability; temperature must be above 0")
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


_LOGPROB, _PEAK, _EOS, _RANK, _ABOVE, _TAIL, *_MARGINS, _EXPECTED, _VARIANCE = range(11)
"""The rows of a batch's table."""


class _Batch:
    """Claims that are read in one pass, their tokens laid end to end."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._claims = claims
        ends = list(itertools.accumulate(len(claim.completion_tokens) for claim in claims))
        self._bounds = list(itertools.pairwise([0, *ends]))
        laid = itertools.chain.from_iterable(claim.completion_tokens for claim in claims)
        self._tokens = torch.tensor(list(laid))
        self._starts = torch.tensor([start for start, _ in self._bounds])
        self._keys = key_tensor([claim.key for claim in claims], torch.device("cpu"))
        self._table = torch.zeros((_VARIANCE + 1, len(self._tokens)))

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
            here = _off_mps(part)
            device = here.logits.device
            flat = self._starts.to(device)[here.rows] + here.positions
            scored = Scored.of(here.logits, self._tokens.to(device)[flat], sampling.temperature)
            told = [scored.logprobs(), scored.peak_logprobs()]
            told += [scored.probability_of(policy.eos_token), *scored.tails()]
            told += self._weighed(here, scored, sampling, settings.slacks)
            self._table[:, flat.cpu()] = torch.stack(told).cpu()

    def _weighed(
        self,
        part: CompletionLogits,
        scored: Scored,
        sampling: SamplingParameters,
        slacks: Sequence[BorderSlack],
    ) -> Tensor:
        """Return (5, N) margins and moments, all 0 where there is no choice.

        A token that alone holds all that top-p keeps is what any noise chooses. In a trained
        model most are of that kind, and cost nothing here.
        """
        told = torch.zeros((len(_MARGINS) + 2, len(part.rows)), device=part.rows.device)
        alone = scored.peak_logprobs().exp() >= sampling.top_p
        no_choice = alone & (scored.own == scored.largest)
        at = (~no_choice & scored.normaliser.isfinite()).nonzero()[:, 0]
        if len(at):
            places = Places(
                scores=scored.scores[at],
                normaliser=scored.normaliser[at],
                claimed=scored.claimed[at],
                keys=self._keys.to(at.device)[part.rows[at]],
                positions=part.positions[at],
            )
            weighed = weigh(places, sampling, slacks)
            told[:-2, at] = weighed.margins
            told[-2, at], told[-1, at] = weighed.expected, weighed.variance
        return told

    def evidence(self) -> list[Evidence]:
        """Cut the table into completions."""
        table = self._table.numpy()
        tokens = self._tokens.numpy().astype(np.int32)
        ranks = table[_RANK].astype(np.int32)
        for array in (table, tokens, ranks):
            array.flags.writeable = False
        found = [
            _evidence(tokens[start:end], ranks[start:end], table[:, start:end])
            for start, end in self._bounds
        ]
        if not np.isnan(table[_PEAK]).any():
            return found
        return [
            _nothing(Unread.NOT_NUMBERS) if np.isnan(one.peak_logprobs).any() else one
            for one in found
        ]


def _off_mps(part: CompletionLogits) -> CompletionLogits:
    """Move a part to the CPU from a device that lacks float64, in which noise is made."""
    return CompletionLogits(*(each.cpu() for each in part)) if part.rows.is_mps else part


def _evidence(tokens: Integers, ranks: Integers, table: Floats) -> Evidence:
    return Evidence(
        tokens=tokens,
        logprobs=table[_LOGPROB],
        peak_logprobs=table[_PEAK],
        eos_probs=table[_EOS],
        ranks=ranks,
        mass_above=table[_ABOVE],
        tail_mass=table[_TAIL],
        margins=table[_MARGINS[0]],
        margins_rounded=table[_MARGINS[1]],
        margins_stale=table[_MARGINS[2]],
        expected=table[_EXPECTED],
        variance=table[_VARIANCE],
    )


def _nothing(reason: Unread) -> Evidence:
    ids, none = np.zeros(0, np.int32), np.zeros((_VARIANCE + 1, 0), np.float32)
    for array in (ids, none):
        array.flags.writeable = False
    return dataclasses.replace(_evidence(ids, ids, none), unread=reason)
