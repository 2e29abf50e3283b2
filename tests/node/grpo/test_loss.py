import math

import pytest
import torch
from torch import Tensor

from node.grpo import Denominators, LossStatistics, grpo_loss
from node.grpo.loss import k3_divergence, token_weights
from node.learning import LossKind, LossSettings

ONE = torch.ones(1, 1, dtype=torch.bool)


def one_token(
    ratio: float, advantage: float, settings: LossSettings
) -> tuple[float, float, LossStatistics]:
    """The loss of a batch of one token, and its derivative by the token's log-probability."""
    policy = torch.tensor([[math.log(0.5 * ratio)]], requires_grad=True)
    old = torch.tensor([[math.log(0.5)]])
    loss, statistics = grpo_loss(policy, old, torch.tensor([advantage]), ONE, settings=settings)
    loss.backward()
    assert policy.grad is not None
    return loss.item(), policy.grad.item(), statistics


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (1.0, 2.0, -2.0, -2.0),  # at the start of a round: plain policy gradient
        (1.1, 1.0, -1.1, -1.1),  # inside the range
        (1.5, 1.0, -1.2, 0.0),  # praised enough
        (0.5, 1.0, -0.5, -0.5),  # praised, but grown unlikely: still pulled back
        (0.5, -1.0, 0.8, 0.0),  # blamed enough
        (1.5, -1.0, 1.5, 1.5),  # blamed, but grown likely: still pushed down
    ],
)
def test_the_smaller_of_clipped_and_unclipped_gain_is_taken(
    ratio: float, advantage: float, loss: float, gradient: float
) -> None:
    value, slope, _ = one_token(ratio, advantage, LossSettings())

    assert value == pytest.approx(loss)
    assert slope == pytest.approx(gradient)


def test_the_upper_and_the_lower_bound_are_two_numbers() -> None:
    settings = LossSettings(epsilon_low=0.1, epsilon_high=0.4)

    high, _, _ = one_token(2.0, 1.0, settings)
    low, _, _ = one_token(0.5, -1.0, settings)

    assert (high, low) == (pytest.approx(-1.4), pytest.approx(0.9))


def test_delta_bounds_what_a_blamed_token_can_ask_for() -> None:
    """Without it, one token that became 50 times as likely outweighs 50 others."""
    unbounded, _, _ = one_token(50.0, -1.0, LossSettings())
    bounded, slope, _ = one_token(50.0, -1.0, LossSettings(delta=4.0))

    assert unbounded == pytest.approx(50.0, rel=1e-4)
    assert bounded == pytest.approx(4.0)
    assert slope == 0.0


def test_delta_leaves_a_praised_token_alone() -> None:
    assert one_token(1.1, 1.0, LossSettings(delta=4.0)) == one_token(1.1, 1.0, LossSettings())


# Two completions, of one and of three tokens, ratio 1 throughout, advantages 3 and -1: the loss
# of a token is minus its advantage, so only the weights decide. Longest allowed: 4 tokens.
TWO = torch.tensor([[True, False, False], [True, True, True]])
OVER = Denominators(sequences=2, tokens=4, completion_tokens_max=4)


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        (LossKind.GRPO, (-3.0 / 1 + 3 * 1.0 / 3) / 2),
        (LossKind.BNPO, (-3.0 + 3 * 1.0) / 4),
        (LossKind.DAPO, (-3.0 + 3 * 1.0) / 4),
        (LossKind.DR_GRPO, (-3.0 + 3 * 1.0) / (2 * 4)),
    ],
)
def test_each_kind_averages_in_its_own_way(kind: LossKind, loss: float) -> None:
    value, _ = grpo_loss(
        torch.zeros(2, 3),
        torch.zeros(2, 3),
        torch.tensor([3.0, -1.0]),
        TWO,
        settings=LossSettings(kind=kind),
        over=OVER,
    )

    assert value.item() == pytest.approx(loss)


def test_dapo_weighs_by_the_tokens_that_it_is_told() -> None:
    """It is told those of an average step of the round, so long and short steps weigh alike."""
    over = Denominators(sequences=2, tokens=10.0)

    weights = token_weights(TWO.float(), LossKind.DAPO, over)

    assert weights.flatten().tolist() == pytest.approx([0.1, 0.1])


def random_batch(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    policy = -torch.rand(6, 5, generator=draw) * 3
    old = policy + torch.randn(6, 5, generator=draw) * 0.3
    mask = torch.rand(6, 5, generator=draw) < 0.7
    return policy, old, torch.randn(6, generator=draw), mask


@pytest.mark.parametrize("kind", list(LossKind))
@pytest.mark.parametrize("seed", range(3))
def test_a_step_in_pieces_is_the_step(kind: LossKind, seed: int) -> None:
    """Memory decides how many completions go through at once; it must not decide the update."""
    policy, old, advantages, mask = random_batch(seed)
    settings = LossSettings(kind=kind, beta=0.1, delta=3.0)
    over = Denominators(sequences=6, tokens=float(mask.sum()), completion_tokens_max=5)

    def loss(rows: slice) -> tuple[Tensor, LossStatistics]:
        return grpo_loss(
            policy[rows],
            old[rows],
            advantages[rows],
            mask[rows],
            settings=settings,
            over=over,
            reference_logprobs=old[rows] - 0.1,
        )

    whole, seen = loss(slice(None))
    first, seen_first = loss(slice(0, 2))
    rest, seen_rest = loss(slice(2, None))
    together = seen_first + seen_rest

    assert (first + rest).item() == pytest.approx(whole.item(), rel=1e-5)
    assert together.tokens == seen.tokens
    assert together.clipped_low == seen.clipped_low
    assert together.clipped_high == seen.clipped_high
    assert together.kl == pytest.approx(seen.kl, rel=1e-5)


@pytest.mark.parametrize("kind", list(LossKind))
def test_a_masked_token_has_no_gradient(kind: LossKind) -> None:
    policy, old, advantages, mask = random_batch(7)
    policy.requires_grad_()

    loss, _ = grpo_loss(policy, old, advantages, mask, settings=LossSettings(kind=kind))
    loss.backward()

    assert policy.grad is not None
    assert policy.grad[~mask].abs().max().item() == 0.0
    assert policy.grad[mask].abs().max().item() > 0.0


@pytest.mark.parametrize("kind", list(LossKind))
def test_a_batch_without_a_token_costs_nothing(kind: LossKind) -> None:
    """A wholly masked batch must give 0, not 0/0."""
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    ones = torch.ones(2)

    loss, seen = grpo_loss(
        torch.zeros(2, 3), torch.zeros(2, 3), ones, nothing, settings=LossSettings(kind=kind)
    )

    assert loss.item() == 0.0
    assert seen == LossStatistics()


def test_the_divergence_of_equal_policies_is_zero_and_of_others_positive() -> None:
    """By hand: reference half as likely: 0.5 + ln 2 - 1; twice as likely: 2 - ln 2 - 1."""
    policy = torch.zeros(1, 3)
    reference = torch.tensor([[0.0, -math.log(2.0), math.log(2.0)]])

    estimate = k3_divergence(policy, reference)

    expected = [0.0, math.log(2.0) - 0.5, 1.0 - math.log(2.0)]
    assert estimate[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_beta_weighs_the_divergence() -> None:
    policy, old = torch.zeros(1, 1), torch.zeros(1, 1)

    loss, seen = grpo_loss(
        policy,
        old,
        torch.zeros(1),
        ONE,
        settings=LossSettings(beta=0.5),
        reference_logprobs=torch.tensor([[-1.0]]),
    )

    assert loss.item() == pytest.approx(0.5 / math.e, rel=1e-5)
    assert seen.mean(seen.kl) == pytest.approx(1 / math.e, rel=1e-5)


def test_beta_without_a_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="reference_logprobs"):
        one_token(1.0, 1.0, LossSettings(beta=0.1))


def test_clipped_tokens_are_counted_on_the_side_where_they_were_clipped() -> None:
    _, _, high = one_token(1.5, 1.0, LossSettings())
    _, _, low = one_token(0.5, -1.0, LossSettings())
    _, _, free = one_token(0.5, 1.0, LossSettings())

    assert (high.clipped_high, high.clipped_low) == (1, 0)
    assert (low.clipped_high, low.clipped_low) == (0, 1)
    assert (free.clipped_high, free.clipped_low) == (0, 0)
    assert high.mean(high.ratio) == pytest.approx(1.5)


def test_statistics_of_no_tokens_have_a_mean_of_zero() -> None:
    assert LossStatistics().mean(0.0) == 0.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epsilon_low", -0.1),
        ("epsilon_low", 1.0),
        ("epsilon_high", -0.1),
        ("epsilon_high", math.nan),
        ("delta", 1.0),
        ("delta", math.nan),
        ("beta", -1.0),
        ("beta", math.nan),
    ],
)
def test_numbers_without_meaning_are_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        LossSettings(**{field: value})
