import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from node.policy import SamplingParameters, choose, gumbel
from node.verification.choices import ROUNDING, BorderSlack, Places, Weighed, weigh

FILTERS = [
    {"top_p": 0.95},
    {"top_p": 0.5},
    {"top_p": 1.0},
    {"top_k": 5, "top_p": 1.0},
    {"top_k": 5, "top_p": 0.8},
    {"top_k": 1, "top_p": 1.0},
    {"top_k": 40, "top_p": 0.9},
]


def places(logits: Tensor, claimed: Tensor, *, seed: int = 0) -> Places:
    draw = torch.Generator().manual_seed(seed)
    keys = torch.randint(1 << 62, (len(logits),), generator=draw)
    return Places(logits, logits.logsumexp(-1), claimed, keys, torch.arange(len(logits)) % 7)


def weighed(at: Places, slack: BorderSlack = ROUNDING, **filters: Any) -> Weighed:
    return weigh(at, SamplingParameters(**filters), (slack,))


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_what_the_sampler_chooses_has_no_margin_and_nothing_else_has_none(
    filters: dict[str, Any],
) -> None:
    logits = 2 * torch.randn(300, 40)
    at = places(logits, torch.zeros(300, dtype=torch.int64))
    chosen = choose(logits, at.keys, at.positions, SamplingParameters(**filters))
    other = (chosen + torch.randint(1, 40, (300,))) % 40

    right = weighed(at._replace(claimed=chosen), **filters)
    wrong = weighed(at._replace(claimed=other), **filters)

    assert right.margins.tolist() == [[0.0] * 300]
    assert wrong.margins.min() > 0


def test_a_margin_is_the_difference_of_perturbed_scores() -> None:
    logits = torch.tensor([[1.0, 0.5, -0.5]])
    at = places(logits, torch.tensor([0]))
    totals = (logits + gumbel(at.keys, at.positions, torch.arange(3)[None]))[0]
    best, worst = int(totals.argmax()), int(totals.argmin())

    found = weighed(at._replace(claimed=torch.tensor([worst])), top_p=1.0)

    assert found.margins.item() == pytest.approx((totals[best] - totals[worst]).item(), abs=1e-5)


def test_a_token_outside_the_filter_loses_by_infinity() -> None:
    """However well the noise treats it: it was never among those that noise chooses from."""
    logits = torch.tensor([[0.9, 0.06, 0.04]]).log().expand(200, 3)
    at = places(logits, torch.full((200,), 2))

    assert weighed(at, top_p=0.95).margins.isinf().all()
    assert weighed(at, top_k=2, top_p=1.0).margins.isinf().all()
    assert weighed(at, top_p=1.0).margins.isfinite().all()


def test_over_an_uncertain_border_a_token_just_outside_may_have_been_inside() -> None:
    logits = torch.tensor([[0.93, 0.03, 0.02, 0.02]]).log().expand(100, 4)
    just_outside = places(logits, torch.full((100,), 2))  # 0.96 lies before it
    far_outside = places(logits, torch.full((100,), 3))  # 0.98

    assert weighed(just_outside, BorderSlack(1.0), top_p=0.95).margins.isfinite().all()
    assert weighed(far_outside, BorderSlack(1.0), top_p=0.95).margins.isinf().all()


def test_over_an_uncertain_border_a_token_just_inside_beats_nobody() -> None:
    """The author's filter may have cut it, so its noise accuses nobody."""
    logits = torch.tensor([[0.93, 0.03, 0.04]]).log().expand(500, 3)
    at = places(logits, torch.zeros(500, dtype=torch.int64))
    strict, slack = weigh(at, SamplingParameters(top_p=0.95), (ROUNDING, BorderSlack(1.0))).margins

    assert (strict > 0).any()
    assert slack.tolist() == [0.0] * 500


def test_slack_never_adds_to_a_margin() -> None:
    logits = 2 * torch.randn(500, 30)
    at = places(logits, torch.randint(30, (500,)))
    slacks = tuple(BorderSlack(share) for share in (0.0, 0.5, 1.0, 4.0))

    for filters in FILTERS:
        margins = weigh(at, SamplingParameters(**filters), slacks).margins
        for less, more in itertools.pairwise(margins):
            assert (more <= less).all()


def test_the_mean_surprise_of_an_honest_author_is_exact() -> None:
    """Odds 5 : 3 : 1 : 1; top-p 0.9 keeps three of them, drawn at 5/9, 3/9 and 1/9.

    Their tail masses over the whole vocabulary are 1, 1/2 and 1/5.
    """
    logits = torch.tensor([[0.5, 0.3, 0.101, 0.099]]).log()
    surprises = [0.0, math.log(1 / 0.5), math.log(1 / 0.2)]
    shares = [each / 0.901 for each in (0.5, 0.3, 0.101)]
    mean = sum(p * s for p, s in zip(shares, surprises, strict=True))
    square = sum(p * s * s for p, s in zip(shares, surprises, strict=True))

    found = weighed(places(logits, torch.tensor([0])), top_p=0.9)

    assert found.expected.item() == pytest.approx(mean, rel=1e-4)
    assert found.variance.item() == pytest.approx(square - mean * mean, rel=1e-3)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_moments_are_those_of_what_the_sampler_writes(filters: dict[str, Any]) -> None:
    """20 000 draws: their mean surprise lies within four standard errors."""
    logits = (2 * torch.randn(1, 40)).expand(20_000, 40)
    at = places(logits, torch.zeros(20_000, dtype=torch.int64))
    chosen = choose(logits, at.keys, at.positions, SamplingParameters(**filters))
    own = logits.gather(1, chosen[:, None])
    tails = torch.where(logits > own, 0, logits.softmax(-1)).sum(-1)
    surprise = -tails.log()

    found = weighed(at, **filters)

    error = 4 * math.sqrt(found.variance[0].item() / 20_000) + 1e-5
    assert surprise.mean().item() == pytest.approx(found.expected[0].item(), abs=error)
    assert surprise.var().item() == pytest.approx(found.variance[0].item(), rel=0.1, abs=1e-5)


def test_of_a_large_vocabulary_only_the_likeliest_are_ranked() -> None:
    """The rest is summed as if it were continuous, and that is as good."""
    logits = 1.5 * torch.randn(1, 5000)
    probabilities = logits[0].double().softmax(-1).sort(descending=True).values
    tails = 1 - probabilities.cumsum(0) + probabilities
    surprise = -tails.clamp(min=1e-12).log()
    mean = float((probabilities * surprise).sum())
    variance = float((probabilities * surprise.square()).sum()) - mean * mean

    found = weighed(places(logits, torch.tensor([0])), top_p=1.0)

    assert found.expected.item() == pytest.approx(mean, rel=1e-3)
    assert found.variance.item() == pytest.approx(variance, rel=1e-2)


@pytest.mark.parametrize("share", [-0.1, math.inf, math.nan])
def test_a_slack_must_be_a_number_of_at_least_0(share: float) -> None:
    with pytest.raises(ValueError, match="slack"):
        BorderSlack(share)


def test_no_slack_changes_no_filter() -> None:
    sampling = SamplingParameters(top_k=7, top_p=0.9)

    for each in (BorderSlack(0.0).core(sampling), BorderSlack(0.0).wide(sampling)):
        assert each.top_k == 7
        assert each.top_p == pytest.approx(0.9)
