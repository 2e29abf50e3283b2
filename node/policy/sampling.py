"""Choosing the next token: filter the model's scores, add noise, take the largest.

It knows scores and noise, not models or prompts: the same functions choose a token while a
completion is written and judge it later, from the logits of a whole completion at once.

The definition, over the whole vocabulary of V tokens at one position:

1.  Temperature 0 takes the largest logit, and nothing below applies.
2.  ``score = logit / temperature`` in float32.
3.  Tokens are ranked by score, largest first; of equal scores the lower token id first.
4.  ``top_k`` > 0 keeps the first ``top_k`` ranks.
5.  ``top_p`` < 1 takes the probabilities of the scores still kept (the exponential of their
    log-softmax, in float32), and keeps a token while the mass of the tokens ranked before it
    (summed in float64) is below ``top_p``: the token that reaches ``top_p`` is kept, so at
    least one always is.
6.  The choice is the largest ``score + gumbel`` of the kept tokens, which draws from the
    softmax over them; of equal sums the lower token id.

Sorting a vocabulary at every step costs more than a small model's forward pass, so only
tokens that can be kept are ranked. Tokens above a floor of probability are the first ranks,
ties included; where their mass reaches `top_p`, what is kept lies among them. Rows where it
does not are ranked whole.

Shapes: B rows (completions, or positions of them), V vocabulary, K candidates.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from node.policy.noise import gumbel

_TAIL_TOKENS = 64
"""The floor of probability is (1 - top_p) over this: a row is ranked whole only where more
tokens than this share the tail, and else has at most this over (1 - top_p) candidates."""

_WHOLE_VALUES_MAX = 1 << 22
"""How many (row, token) pairs are ranked or perturbed at once where all tokens count: a few
tensors of 32 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParameters:
    """How completions are drawn; the same for every author of a swarm.

    Args:
        temperature: What logits are divided by; 0 is greedy.
        top_k: Keep this many tokens at most; 0 is off.
        top_p: Keep the likeliest tokens up to this mass, in (0, 1]; 1 is off.
        tokens_max: Longest completion in tokens, its EOS included.

    Raises:
        ValueError: A number is out of its range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.95
    tokens_max: int = 64

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature must be finite and 0 or more, not {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k must be 0 (off) or more, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1 (off), not {self.top_p}")
        if self.tokens_max < 1:
            raise ValueError(f"tokens_max must be 1 or more, not {self.tokens_max}")


class Candidates(NamedTuple):
    """The tokens that may be chosen in some rows, by rank.

    Args:
        rows: (R,) int64, which rows of the logits these are.
        tokens: (R, K) int64 token ids; where the score is -inf, any.
        scores: (R, K) float32 logits / temperature, and -inf for what is not kept.
    """

    rows: Tensor
    tokens: Tensor
    scores: Tensor


def choose(logits: Tensor, keys: Tensor, positions: Tensor, sampling: SamplingParameters) -> Tensor:
    """Return the next token of each row.

    Args:
        logits: (B, V) of the model, in any floating type; not changed.
        keys: (B,) int64 noise keys.
        positions: (B,) int64, 0-based positions within the completions.
        sampling: How to filter and perturb.

    Returns:
        (B,) int64 token ids, equal to the definition over the whole vocabulary.

    Raises:
        FloatingPointError: A row's logits are not numbers.
    """
    if logits.device.type == "mps":  # has no float64
        on_cpu = choose(logits.cpu(), keys.cpu(), positions.cpu(), sampling)
        return on_cpu.to(logits.device)
    if sampling.temperature == 0:
        _check_numbers(logits)
        return _first_largest(logits, _every_token(logits))
    chosen = torch.empty_like(keys)
    for rows, tokens, scores in candidates(logits, sampling):
        noise = gumbel(keys[rows], positions[rows], tokens)
        chosen[rows] = _first_largest(scores + noise, tokens)
    return chosen


def candidates(logits: Tensor, sampling: SamplingParameters) -> Iterator[Candidates]:
    """Yield what top-k and top-p leave of each row (steps 2 to 5), each row once.

    Rows with like numbers of candidates come together, so K differs from one yield to the
    next, and a row's K may exceed what is kept of it.

    Args:
        logits: (B, V) of the model, in any floating type, on a device that has float64 (MPS
            does not); not changed.
        sampling: The filter; its temperature must be above 0.

    Raises:
        FloatingPointError: A row's logits are not numbers.
    """
    scores = logits.float() / sampling.temperature
    _check_numbers(scores)
    rows = torch.arange(len(scores), device=scores.device)
    if sampling.top_k:
        yield _of_first_ranks(rows, scores, sampling)
        return
    if sampling.top_p == 1:
        whole = rows
    else:
        likely, reached = _of_mass(rows, scores, sampling.top_p, whole=False)
        if reached.all():
            yield likely
            return
        yield Candidates(*(part[reached] for part in likely))
        whole = rows[~reached]
    for part in torch.split(whole, max(1, _WHOLE_VALUES_MAX // scores.shape[1])):
        yield _of_mass(part, scores[part], sampling.top_p, whole=True)[0]


def _check_numbers(scores: Tensor) -> None:
    """Raise where a row has no largest score: comparisons would go on with any token."""
    if not scores.amax(-1).isfinite().all():
        raise FloatingPointError("the model's logits are not numbers; its weights have diverged")


def _of_first_ranks(rows: Tensor, scores: Tensor, sampling: SamplingParameters) -> Candidates:
    count = min(sampling.top_k, scores.shape[1])
    last_kept = torch.topk(scores, count).values[:, -1:]
    # All ties of the last kept score come along; their ranks then cut them by token id.
    tokens, ranked = _ranked(scores, scores >= last_kept)
    tokens, ranked = tokens[:, :count], ranked[:, :count]
    if sampling.top_p < 1:
        before = _mass_before(ranked.log_softmax(-1).exp())
        ranked = ranked.masked_fill(before >= sampling.top_p, -torch.inf)
    return Candidates(rows, tokens, ranked)


def _of_mass(
    rows: Tensor, scores: Tensor, top_p: float, *, whole: bool
) -> tuple[Candidates, Tensor]:
    """Return the candidates of each row, and whether what top-p keeps surely is among them."""
    if top_p == 1:
        return Candidates(rows, _every_token(scores), scores), rows >= 0
    logprobs = scores.log_softmax(-1)
    floor = -torch.inf if whole else math.log((1 - top_p) / _TAIL_TOKENS)
    tokens, ranked = _ranked(scores, logprobs >= floor)
    mass = logprobs.gather(1, tokens).exp_().masked_fill_(ranked == -torch.inf, 0)
    before = _mass_before(mass)
    reached = before[:, -1] + mass[:, -1] >= top_p
    kept = ranked.masked_fill(before >= top_p, -torch.inf)
    return Candidates(rows, tokens, kept), reached


def _ranked(scores: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Return token ids and scores (B, K) of the tokens in `among` (B, V), by rank.

    Rows with fewer than K are filled up with a score of -inf.
    """
    counts = among.sum(-1)
    rows, ids = among.nonzero(as_tuple=True)
    first = counts.cumsum(0) - counts
    places = torch.arange(len(ids), device=ids.device) - first[rows]
    shape = (len(scores), max(1, int(counts.max())))
    tokens = ids.new_zeros(shape).index_put_((rows, places), ids)
    unranked = scores.new_full(shape, -torch.inf).index_put_((rows, places), scores[rows, ids])
    # Ids rise along a row, so a stable sort leaves equal scores in the order of their ids.
    ranked, order = unranked.sort(dim=-1, descending=True, stable=True)
    return tokens.gather(1, order), ranked


def _mass_before(mass: Tensor) -> Tensor:
    return functional.pad(mass.to(torch.float64).cumsum(-1)[:, :-1], (1, 0))


def _every_token(scores: Tensor) -> Tensor:
    return torch.arange(scores.shape[1], device=scores.device).expand_as(scores)


def _first_largest(scores: Tensor, tokens: Tensor) -> Tensor:
    """Return the token of the largest score in each row, the lowest id among equals."""
    largest = scores.amax(-1, keepdim=True)
    return tokens.masked_fill(scores != largest, torch.iinfo(torch.int64).max).amin(-1)
