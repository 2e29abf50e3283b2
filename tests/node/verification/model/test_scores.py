"""Numbers small enough to check by hand: odds of 4 : 2 : 1 : 1."""

import math

import pytest
import torch

from node.policy.head import Head, token_logprobs
from node.verification.scores import Scored

ODDS = torch.tensor([[1.0, 4.0, 1.0, 2.0]])


def scored(claimed: int, *, temperature: float = 1.0) -> Scored:
    return Scored.of(ODDS.log(), torch.tensor([claimed]), temperature)


@pytest.mark.parametrize(("token", "probability"), [(0, 1 / 8), (1, 1 / 2), (2, 1 / 8), (3, 1 / 4)])
def test_a_log_probability_is_that_of_the_claimed_token(token: int, probability: float) -> None:
    assert scored(token).logprobs().item() == pytest.approx(math.log(probability))


def test_temperature_divides_the_logits() -> None:
    half = scored(1, temperature=0.5)  # odds become 16 : 4 : 1 : 1

    assert half.logprobs().item() == pytest.approx(math.log(16 / 22))
    assert half.peak_logprobs().item() == pytest.approx(math.log(16 / 22))


@pytest.mark.parametrize(
    ("token", "rank", "above", "tail"),
    [(1, 0, 0.0, 1.0), (3, 1, 1 / 2, 1 / 2), (0, 2, 3 / 4, 1 / 4), (2, 2, 3 / 4, 1 / 4)],
)
def test_ties_lie_below(token: int, rank: int, above: float, tail: float) -> None:
    """Two tokens of equal odds have the better rank, and each the other's mass in its tail."""
    found = [each.item() for each in scored(token).tails()]

    assert found == pytest.approx([rank, above, tail])


def test_a_tail_of_one_in_a_hundred_million_is_more_than_rounding() -> None:
    """One minus the mass above would be 0 or 6e-8 here."""
    logits = torch.tensor([[0.0, math.log(1e-8)]])

    _, _, tail = Scored.of(logits, torch.tensor([1]), 1.0).tails()

    assert tail.item() == pytest.approx(1e-8, rel=1e-3)


def test_the_probability_of_one_token_is_told_for_every_row() -> None:
    both = Scored.of(torch.stack([ODDS[0], ODDS[0].flip(0)]).log(), torch.tensor([0, 0]), 1.0)

    assert both.probability_of(3).tolist() == pytest.approx([1 / 4, 1 / 8])


def test_log_probabilities_are_the_trainers_to_the_bit() -> None:
    """Both passes may then stand for one another, and nodes that mix them stay equal."""
    hidden, weight = torch.randn(500, 16), torch.randn(300, 16)
    tokens = torch.randint(300, (500,))
    head = Head(weight)

    ours = Scored.of(head.logits(hidden), tokens, 0.7).logprobs()

    assert torch.equal(ours, token_logprobs(head, hidden, tokens, temperature=0.7))


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_scores_that_are_no_numbers_give_no_number(broken: float) -> None:
    logits = torch.tensor([[0.0, broken, 1.0], [0.0, 0.0, 1.0]])

    found = Scored.of(logits, torch.tensor([0, 0]), 1.0)

    assert found.normaliser.isfinite().tolist() == [False, True]


def test_an_impossible_token_has_no_tail() -> None:
    logits = torch.tensor([[0.0, -math.inf, 1.0]])

    found = Scored.of(logits, torch.tensor([1]), 1.0)

    assert found.logprobs().item() == -math.inf
    assert [each.item() for each in found.tails()] == pytest.approx([2.0, 1.0, 0.0])
