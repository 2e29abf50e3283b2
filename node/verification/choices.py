"""What an honest sampler could have chosen at a place, and what it would have chosen.

Sampling with noise that everybody can derive leaves an author one right token at each place.
Here the choice is made again from the receiver's scores, and the claimed token's margin is by
how much it loses. It knows scores, noise and filters; it knows no completions, and does not say
which margin is too much.

Two policies that are nearly one agree on what is likely, but not on which side of a filter's
border a token falls. So a margin is taken over a border that is uncertain by some slack: only
tokens that are inside for certain can beat the claimed one, which itself need only be inside
perhaps.

Shapes: n places, V vocabulary, K candidates, S slacks.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from node.policy import Candidates, SamplingParameters, candidates, gumbel
from node.verifying import TAIL_MASS_NOISE

_TOP_P_MIN = 1e-9
"""A filter always keeps the likeliest token; this mass is below any model's."""
_RANKED_MAX = 256
"""A vocabulary of 150 000 is not sorted at every place, only to know what lies far out in it."""


@dataclass(frozen=True, slots=True)
class BorderSlack:
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
            raise ValueError(f"a border's slack must be finite and 0 or more, not {self.share}")

    def core(self, sampling: SamplingParameters) -> SamplingParameters:
        """The filter that keeps what is inside for certain."""
        return _scaled(sampling, 1 + self.share)

    def wide(self, sampling: SamplingParameters) -> SamplingParameters:
        """The filter that keeps what may be inside."""
        return _scaled(sampling, 1 / (1 + self.share))


ROUNDING = BorderSlack(1e-4)
"""Among equal weights: float32 sums differ in their last bits from one batch to another, and a
hundred times as much is still no room to cheat in."""


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


class Weighed(NamedTuple):
    """What was found at some places, all float32.

    Args:
        margins: (S, n) by how much the claimed token loses: 0 where it is what the noise
            chooses, infinite where it is outside the filter.
        expected: (n,) mean surprise, in nats, of what an honest author writes there. The surprise
            of a token is minus the log of the mass of all tokens that are no likelier.
        variance: (n,) of the same.
    """

    margins: Tensor
    expected: Tensor
    variance: Tensor


def weigh(places: Places, sampling: SamplingParameters, slacks: Sequence[BorderSlack]) -> Weighed:
    """Replay the choice at each place.

    Args:
        places: Where and what is claimed.
        sampling: The swarm's filter; its temperature is not used, the scores have it.
        slacks: How uncertain the filter's border is; margins are told for each.
    """
    at_one = dataclasses.replace(sampling, temperature=1.0)
    widest = max(slacks, key=lambda slack: slack.share).wide(at_one)
    if widest.top_k:  # top-p is then relative to what top-k kept: nothing may be cut yet
        widest = dataclasses.replace(widest, top_p=1.0)
    count = len(places.scores)
    weighed = Weighed(
        places.scores.new_empty((len(slacks), count)),
        places.scores.new_empty(count),
        places.scores.new_empty(count),
    )
    for ranked in candidates(places.scores, widest):
        rows = ranked.rows
        filtered = _mass_before(ranked, places.normaliser[rows], at_one)
        totals = ranked.scores + gumbel(places.keys[rows], places.positions[rows], ranked.tokens)
        is_claimed = ranked.tokens == places.claimed[rows, None]
        for slack, margins in zip(slacks, weighed.margins, strict=True):
            core = _kept(ranked, filtered, slack.core(at_one))
            wide = _kept(ranked, filtered, slack.wide(at_one))
            margins[rows] = _margins(totals, is_claimed, core, wide)
        kept = ranked.scores.masked_fill(~_kept(ranked, filtered, at_one), -torch.inf)
        told = _surprise(kept, places.normaliser[rows])
        weighed.expected[rows], weighed.variance[rows] = told
    return weighed


def _scaled(sampling: SamplingParameters, factor: float) -> SamplingParameters:
    """Return the filter whose top-p tail is scaled, and whose top-k the other way round."""
    k = sampling.top_k and max(1, round(sampling.top_k / factor))
    top_p = max(1 - (1 - sampling.top_p) * factor, _TOP_P_MIN)
    return dataclasses.replace(sampling, top_k=k, top_p=top_p)


def _mass_before(
    ranked: Candidates, normaliser: Tensor, sampling: SamplingParameters
) -> Tensor | None:
    """Return the mass (n, K) before each candidate, as top-p has it; None where there is none.

    Candidates that nothing filters do not come by rank, and need not.
    """
    if sampling.top_k:
        mass = ranked.scores.softmax(-1).to(torch.float64)
        up_to = mass.cumsum(-1)
        return (up_to - mass) / up_to[:, [min(sampling.top_k, mass.shape[1]) - 1]]
    if sampling.top_p == 1:
        return None
    mass = (ranked.scores - normaliser[:, None]).exp().to(torch.float64)
    return mass.cumsum(-1) - mass


def _kept(ranked: Candidates, before: Tensor | None, sampling: SamplingParameters) -> Tensor:
    """Tell which candidates (n, K) a filter keeps."""
    inside = ranked.scores > -torch.inf
    if sampling.top_k:
        inside &= torch.arange(inside.shape[1], device=inside.device) < sampling.top_k
    if before is not None and sampling.top_p < 1:
        inside &= before < sampling.top_p
    return inside


def _margins(totals: Tensor, is_claimed: Tensor, core: Tensor, wide: Tensor) -> Tensor:
    rival = totals.masked_fill(~core | is_claimed, -torch.inf).amax(-1)
    own = totals.masked_fill(~(wide & is_claimed), -torch.inf).amax(-1)
    # Without rivals and outside, minus infinity would be taken from itself.
    lost = torch.where(own == -torch.inf, torch.inf, rival - own)
    return lost.clamp_(min=0)


def _surprise(scores: Tensor, normaliser: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance (n,) of the surprise of a token drawn from those kept.

    A token's surprise is told over the whole vocabulary. Beyond the likeliest few hundred, tails
    are so finely cut that their surprises are as good as continuous: of a tail r, the integral
    of ``-log u`` over u in 0..r is ``r (1 - log r)``, that of its square
    ``r (log(r)**2 - 2 log r + 2)``.

    Args:
        scores: (n, K), -inf for what is not kept.
        normaliser: (n,).
    """
    likeliest = scores.topk(min(_RANKED_MAX, scores.shape[1])).values
    mass = (likeliest - normaliser[:, None]).exp().to(torch.float64)
    up_to = mass.cumsum(-1)
    surprise = (1 - up_to + mass).clamp_(min=TAIL_MASS_NOISE).log_().neg_()
    mean = (mass * surprise).sum(-1)
    square = (mass * surprise * surprise).sum(-1)
    whole = up_to[:, -1]
    if scores.shape[1] > _RANKED_MAX:
        all_kept = (scores - normaliser[:, None]).exp().to(torch.float64).sum(-1)
        tail = (all_kept - whole).clamp_(min=TAIL_MASS_NOISE)
        mean += tail * (1 - tail.log())
        square += tail * (tail.log().square() - 2 * tail.log() + 2)
        whole = all_kept
    mean, square = mean / whole, square / whole
    return mean.float(), (square - mean * mean).clamp_(min=0).float()
