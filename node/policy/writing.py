"""The loop that writes a batch of completions; knows decoders and sampling, but no model."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from node.policy.decoding import Decoder
from node.policy.noise import key_tensor
from node.policy.sampling import SamplingParameters, choose


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """A completion to be written.

    Args:
        prompt_tokens: What it continues; not empty.
        key: Its noise, from `node.policy.noise.noise_key`.
    """

    prompt_tokens: tuple[int, ...]
    key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A completion.

    Args:
        tokens: Its tokens, with the closing EOS if it ended.
        ended: Whether it ended by itself, rather than at the limit.
    """

    tokens: tuple[int, ...]
    ended: bool


def write(
    decoder: Decoder,
    requests: Sequence[SampleRequest],
    sampling: SamplingParameters,
    *,
    eos_token: int,
    device: torch.device,
) -> list[Sampled]:
    """Return the completions of one batch, in the order of the requests.

    Rows leave the batch as they end; what a row is given does not depend on the others, up to
    the last bits of matrix products of other sizes.
    """
    place_of = {
        prompt: i for i, prompt in enumerate(dict.fromkeys(r.prompt_tokens for r in requests))
    }
    rows = [place_of[request.prompt_tokens] for request in requests]
    logits = decoder.start(tuple(place_of), rows, sampling.tokens_max)
    keys = key_tensor([request.key for request in requests], device)
    written = torch.full((len(requests), sampling.tokens_max), eos_token, device=device)
    live = torch.arange(len(requests), device=device)
    for position in range(sampling.tokens_max):
        tokens = choose(logits, keys, torch.full_like(keys, position), sampling)
        written[live, position] = tokens
        ended = tokens == eos_token
        if ended.any():
            order = _order_of_living(ended)
            decoder.keep(order)
            live, keys, tokens = live[order], keys[order], tokens[order]
        if len(live) == 0 or position + 1 == sampling.tokens_max:
            break
        logits = decoder.step(tokens)
    return [_sampled(row, eos_token) for row in written.tolist()]


def _order_of_living(ended: Tensor) -> Tensor:
    """Return the living rows, those at the end moved into the places of the dead."""
    living = len(ended) - int(ended.sum())
    order = torch.arange(living, device=ended.device)
    order[ended[:living]] = (~ended[living:]).nonzero()[:, 0] + living
    return order


def _sampled(row: list[int], eos_token: int) -> Sampled:
    """Cut a row at its first EOS; rows are filled up with it."""
    ended = eos_token in row
    length = row.index(eos_token) + 1 if ended else len(row)
    return Sampled(tokens=tuple(row[:length]), ended=ended)
