"""By how much a claimed token misses what its noise would have chosen.

Sampling with noise that everybody can derive leaves an author one right token at each place.
Here the choice is made again from the receiver's scores. It knows scores, noise and filters; it
knows no completions, and does not say which margin is too much.

Shapes: n rows (places in completions), V vocabulary, K candidates.
"""

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from node.policy.noise import gumbel
from node.policy.sampling import Candidates, SamplingParameters, candidates


@dataclass(frozen=True, slots=True)
class SupportSlack:
    """How uncertain the border of a filter is.

    Args:
        share: With 0.5, the tail that top-p cuts may be half as large again or be smaller by a
            third, and top-k's k larger by half or smaller by a third.

    Raises:
        ValueError: It is negative.
    """

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < float("inf"):
            raise ValueError(f"a support slack must be finite and 0 or more, not {self.share}")

    def core(self, sampling: SamplingParameters) -> SamplingParameters:
        """The filter that keeps what is inside for certain."""
        return _scaled(sampling, 1 + self.share)

    def wide(self, sampling: SamplingParameters) -> SamplingParameters:
        """The filter that keeps what may be inside."""
        return _scaled(sampling, 1 / (1 + self.share))


def _scaled(sampling: SamplingParameters, factor: float) -> SamplingParameters:
    """Return the filter whose top-p tail is scaled, and whose top-k the other way round."""
    tail = (1 - sampling.top_p) * factor
    k = sampling.top_k and max(1, round(sampling.top_k / factor))
    return dataclasses.replace(sampling, top_k=k, top_p=max(1 - tail, _TOP_P_MIN))


_TOP_P_MIN = 1e-9
"""A filter always keeps the likeliest token; this mass is below any model's."""


class Places(NamedTuple):
    """Where tokens are claimed.

    Args:
        scores: (n, V) float32 logits / temperature, all numbers.
        normaliser: (n,) the log of the sum of their exponentials.
        claimed: (n,) int64 token ids.
        keys: (n,) int64 noise keys.
        positions: (n,) int64, 0-based positions within the completions.
    """

    scores: Tensor
    normaliser: Tensor
    claimed: Tensor
    keys: Tensor
    positions: Tensor


def replay_margins(
    places: Places, sampling: SamplingParameters, slacks: tuple[SupportSlack, ...]
) -> Tensor:
    """Return by how much each claimed token loses, once for each slack.

    Args:
        places: Where and what is claimed.
        sampling: The swarm's filter; its temperature is not used, the scores have it.
        slacks: How uncertain the filter's border is.

    Returns:
        (len(slacks), n) float32: 0 where the token is what the noise chooses, infinite where it
        is outside the filter.
    """
    margins = places.scores.new_empty((len(slacks), len(places.scores)))
    at_one = dataclasses.replace(sampling, temperature=1.0)
    widest = max(slacks, key=lambda slack: slack.share).wide(at_one)
    if widest.top_k:  # top-p is then relative to what top-k kept: nothing may be cut yet
        widest = dataclasses.replace(widest, top_p=1.0)
    for kept in candidates(places.scores, widest):
        totals = kept.scores + gumbel(
            places.keys[kept.rows], places.positions[kept.rows], kept.tokens
        )
        is_claimed = kept.tokens == places.claimed[kept.rows, None]
        before = _mass_before(kept, places.normaliser, top_k=widest.top_k)
        for slack, row in zip(slacks, margins, strict=True):
            core, wide = (_kept_by(kept, before, each(at_one)) for each in (slack.core, slack.wide))
            rival = totals.masked_fill(~core | is_claimed, -torch.inf).amax(-1)
            own = totals.masked_fill(~(wide & is_claimed), -torch.inf).amax(-1)
            # Where both are infinite, the claimed token is outside and alone.
            lost = torch.where(own == -torch.inf, torch.inf, rival - own)
            row[kept.rows] = lost.clamp_(min=0)
    return margins


def _mass_before(kept: Candidates, normaliser: Tensor, *, top_k: int) -> Tensor:
    """Return the probability (n, K) of what is ranked before, as step 5 of sampling has it."""
    whole = kept.scores.logsumexp(-1) if top_k else normaliser[kept.rows]
    mass = (kept.scores - whole[:, None]).exp().to(torch.float64)
    return mass.cumsum(-1) - mass


def _kept_by(kept: Candidates, before: Tensor, sampling: SamplingParameters) -> Tensor:
    inside = kept.scores > -torch.inf
    if sampling.top_k:
        inside &= torch.arange(before.shape[1], device=before.device) < sampling.top_k
    if sampling.top_p < 1:
        inside &= before < sampling.top_p
    return inside
