"""What can be read off a token's scores: how likely it was, and what was likelier.

Cheap where a model is sure: what lies above a token is summed only where something does. It
knows rows of scores and the token claimed in each; it knows no completions, noise or filters.

Shapes: N rows (places in completions), V vocabulary.
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor


class Scored(NamedTuple):
    """The scores at some places, and what is claimed there.

    Args:
        scores: (N, V) float32 logits / temperature.
        shares: (N, V) their exponentials, the largest of a row made 1.
        largest: (N,) of the scores.
        total: (N,) of the shares.
        normaliser: (N,) log of the sum of the scores' exponentials; no number where the scores
            are none.
        claimed: (N,) int64 token ids.
        own: (N,) their scores.
    """

    scores: Tensor
    shares: Tensor
    largest: Tensor
    total: Tensor
    normaliser: Tensor
    claimed: Tensor
    own: Tensor

    @classmethod
    def of(cls, logits: Tensor, claimed: Tensor, temperature: float) -> Self:
        """Sum each row of (N, V) logits, which are overwritten.

        The operations are those of `node.policy.head.token_logprobs`, in their order, so that
        equal logits give equal bits here and there.
        """
        scores = logits.div_(temperature)
        own = scores.gather(1, claimed[:, None])[:, 0]
        largest = scores.amax(-1)
        shares = torch.sub(scores, largest[:, None]).exp_()
        total = shares.sum(-1)
        return cls(scores, shares, largest, total, total.log().add_(largest), claimed, own)

    def logprobs(self) -> Tensor:
        """Return (N,) the log-probability of each claimed token, in nats."""
        return self.own - self.normaliser

    def peak_logprobs(self) -> Tensor:
        """Return (N,) the log-probability of the likeliest token of each row."""
        return self.largest - self.normaliser

    def probability_of(self, token: int) -> Tensor:
        """Return (N,) the probability of one token, the same in every row."""
        return self.shares[:, token] / self.total

    def tails(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return what lies above and below each claimed token; ties lie below.

        Returns:
            (N,) ranks, 0-based; (N,) the mass of likelier tokens; (N,) that of all others, the
            claimed one among them. The two masses are summed apart: one minus the other would
            leave nothing of a tail of one in a million but rounding.
        """
        ranks, above = torch.zeros_like(self.own), torch.zeros_like(self.own)
        tail = torch.ones_like(self.own)
        at = (self.own < self.largest).nonzero()[:, 0]
        if len(at):
            likelier = self.scores[at] > self.own[at, None]
            shares = self.shares[at]
            ranks[at] = likelier.sum(-1).to(ranks.dtype)
            tail[at] = torch.where(likelier, 0, shares).sum(-1) / self.total[at]
            above[at] = torch.where(likelier, shares, 0).sum(-1) / self.total[at]
        return ranks, above, tail
