"""Log-probabilities from hidden states: exact, differentiable, and never wide."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from node.policy.head import Head, token_logprobs

VOCABULARY = 211


class WidestTensor(TorchDispatchMode):
    """Remembers the most numbers that any operation returned in one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        result = operation(*arguments, **(named or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return result


def naive(head: Head, hidden: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    logits = hidden @ head.weight.T
    if head.bias is not None:
        logits = logits + head.bias
    logits = logits * head.scale
    if head.softcap is not None:
        logits = head.softcap * torch.tanh(logits / head.softcap)
    logprobs = torch.log_softmax(logits / temperature, -1)
    return logprobs.gather(1, tokens[:, None])[:, 0]


def case(*, bias: bool = False, **settings: Any) -> tuple[Head, Tensor, Tensor]:
    weight = torch.randn(VOCABULARY, 16, requires_grad=True)
    biases = torch.randn(VOCABULARY, requires_grad=True) if bias else None
    hidden = torch.randn(30, 16, requires_grad=True)
    return Head(weight, biases, **settings), hidden, torch.randint(0, VOCABULARY, (30,))


KINDS: list[dict[str, Any]] = [{}, {"bias": True}, {"scale": 0.25}, {"scale": 2.0, "softcap": 3.0}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("rows", [1, 7, 30, 1000])
def test_values_and_gradients_equal_the_full_softmax(
    kind: dict[str, Any], temperature: float, rows: int
) -> None:
    head, hidden, tokens = case(**kind)
    weighting = torch.randn(30)
    parameters = [t for t in (hidden, head.weight, head.bias) if t is not None]

    given = token_logprobs(
        head, hidden, tokens, temperature=temperature, logits_max=rows * VOCABULARY
    )
    expected = naive(head, hidden, tokens, temperature)

    assert torch.allclose(given, expected, atol=1e-5)
    ours = torch.autograd.grad((given * weighting).sum(), parameters)
    theirs = torch.autograd.grad((expected * weighting).sum(), parameters)
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, atol=1e-5, rtol=1e-4)


def test_logits_are_the_same_that_probabilities_come_from() -> None:
    head, hidden, tokens = case(bias=True, scale=0.5, softcap=4.0)

    logprobs = head.logits(hidden).log_softmax(-1).gather(1, tokens[:, None])[:, 0]

    assert torch.allclose(logprobs, naive(head, hidden, tokens, 1.0), atol=1e-5)


def test_a_vocabulary_of_fifty_thousand_never_stands_beside_all_tokens() -> None:
    """320 tokens would be 16 million logits; a chunk of 8 is 400 000, as is the weight."""
    weight = torch.randn(50_000, 8, requires_grad=True)
    hidden = torch.randn(320, 8, requires_grad=True)
    tokens = torch.randint(0, 50_000, (320,))

    with WidestTensor() as ours:
        token_logprobs(
            Head(weight), hidden, tokens, temperature=1.0, logits_max=400_000
        ).sum().backward()
    with WidestTensor() as theirs:
        naive(Head(weight), hidden, tokens, 1.0).sum().backward()

    assert ours.numbers <= 400_000
    assert theirs.numbers == 320 * 50_000


def test_one_token_is_always_possible() -> None:
    head, hidden, tokens = case()

    given = token_logprobs(head, hidden, tokens, temperature=1.0, logits_max=1)

    assert torch.allclose(given, naive(head, hidden, tokens, 1.0), atol=1e-5)


def test_half_precision_weights_get_gradients_of_their_own_type() -> None:
    head, hidden, tokens = case()
    half = head.weight.detach().to(torch.bfloat16).requires_grad_()
    half_hidden = hidden.detach().to(torch.bfloat16).requires_grad_()

    given = token_logprobs(Head(half), half_hidden, tokens, temperature=1.0)
    given.sum().backward()
    expected = naive(head, hidden, tokens, 1.0)
    expected.sum().backward()

    assert given.dtype == torch.float32
    assert half.grad is not None
    assert half.grad.dtype == half_hidden.grad.dtype == torch.bfloat16
    assert torch.allclose(half.grad.float(), head.weight.grad, atol=0.1, rtol=0.05)


def test_extreme_logits_stay_finite() -> None:
    weight = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    hidden = torch.tensor([[1e4]], requires_grad=True)

    likely = token_logprobs(Head(weight), hidden, torch.tensor([0]), temperature=1.0)
    unlikely = token_logprobs(Head(weight), hidden, torch.tensor([1]), temperature=1.0)

    assert likely.item() == 0
    assert unlikely.item() == pytest.approx(-2e4)
    (likely + unlikely).sum().backward()
    assert weight.grad is not None
    assert weight.grad.isfinite().all()
