"""From hidden states to scores of the vocabulary: the widest tensor of a language model.

For a vocabulary of 150 000, the scores of a hundred short completions fill gigabytes. Here no
more than a chosen number of them exist at once, in the forward and in the backward pass; the
price is that the backward pass computes them again. It knows no prompts and no padding.

Shapes: N tokens of any completions, H hidden size, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

LOGITS_MAX = 1 << 24
"""How many scores exist at once: 64 MiB of float32."""


@dataclass(frozen=True, slots=True)
class Head:
    """A model's output layer.

    Args:
        weight: (V, H).
        bias: (V,), or none.
        scale: What scores are multiplied by after the linear map.
        softcap: Where set, scores pass ``softcap * tanh(score / softcap)`` at the end.
    """

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden: Tensor) -> Tensor:
        """Return (N, V) float32 scores of (N, H) hidden states."""
        logits = functional.linear(hidden, self.weight, self.bias).float()
        if self.scale != 1:
            logits = logits * self.scale
        if self.softcap is not None:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits


def token_logprobs(
    head: Head, hidden: Tensor, tokens: Tensor, *, temperature: float, logits_max: int = LOGITS_MAX
) -> Tensor:
    """Return the log-probability of one token at each hidden state.

    Args:
        head: The output layer; gradients reach its weight and bias.
        hidden: (N, H); gradients reach it.
        tokens: (N,) int64.
        temperature: What logits are divided by, above 0.
        logits_max: How many logits may exist at once, but one token's V always may.

    Returns:
        (N,) float32, in nats.
    """
    chunk = max(1, logits_max // len(head.weight))
    apply: Any = _TokenLogprobs.apply  # torch leaves it untyped
    logprobs: Tensor = apply(hidden, head.weight, head.bias, tokens, head, temperature, chunk)
    return logprobs


class _TokenLogprobs(torch.autograd.Function):
    """Chunked ``log_softmax(logits / temperature)[token]``, one chunk's logits at a time."""

    @staticmethod
    def forward(  # the order of `apply`'s arguments, which autograd fixes
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        tokens: Tensor,
        head: Head,
        temperature: float,
        chunk: int,
    ) -> Tensor:
        ctx.head, ctx.temperature, ctx.chunk = head, temperature, chunk
        normaliser = hidden.new_empty(len(hidden), dtype=torch.float32)
        chosen = torch.empty_like(normaliser)
        for part in _slices(len(hidden), chunk):
            scores = head.logits(hidden[part]).div_(temperature)
            chosen[part] = scores.gather(1, tokens[part, None])[:, 0]
            largest = scores.amax(-1)
            # In place; torch.logsumexp would make a second tensor of this size.
            total = scores.sub_(largest[:, None]).exp_().sum(-1)
            normaliser[part] = total.log_().add_(largest)
            del scores  # or it would live beside the next chunk's
        ctx.save_for_backward(hidden, weight, bias, tokens, normaliser)
        return chosen - normaliser

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, tokens, normaliser = ctx.saved_tensors
        for_hidden = torch.empty_like(hidden)
        # Many small contributions are summed, so half-precision weights need a wider sum.
        for_weight = torch.zeros_like(weight, dtype=torch.float32)
        for_bias = None if bias is None else torch.zeros_like(bias, dtype=torch.float32)
        for part in _slices(len(hidden), ctx.chunk):
            slopes = _slopes(ctx, hidden[part], tokens[part], normaliser[part], gradient[part])
            if for_bias is not None:
                for_bias += slopes.sum(0)
            slopes = slopes.to(weight.dtype)
            for_hidden[part] = slopes @ weight
            _add_product(for_weight, slopes, hidden[part])
            del slopes
        by_bias = None if for_bias is None else for_bias.to(bias.dtype)
        return for_hidden, for_weight.to(weight.dtype), by_bias, None, None, None, None


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _add_product(total: Tensor, slopes: Tensor, hidden: Tensor) -> None:
    if total.dtype == slopes.dtype:
        total.addmm_(slopes.T, hidden)
    else:
        total += slopes.T @ hidden


def _slopes(
    ctx: Any, hidden: Tensor, tokens: Tensor, normaliser: Tensor, gradient: Tensor
) -> Tensor:
    """Return (n, V), the loss's derivative by what the linear map gave."""
    head: Head = ctx.head
    scores = head.logits(hidden)
    capped = None if head.softcap is None else 1 - (scores / head.softcap).square_()
    probabilities = scores.div_(ctx.temperature).sub_(normaliser[:, None]).exp_()
    slopes = probabilities.mul_(-gradient[:, None])
    slopes.scatter_add_(1, tokens[:, None], gradient[:, None])
    slopes.mul_(head.scale / ctx.temperature)
    return slopes if capped is None else slopes.mul_(capped)
