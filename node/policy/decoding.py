"""Writing completions token by token over a cache of keys and values.

Two decoders, one contract. `TransformerDecoder` is for the Llama family: a cache laid out
once, rows that are moved rather than copied when others end, no Python but the arithmetic's.
`CacheDecoder` drives any other architecture through the cache of `transformers`. Neither knows
how tokens are chosen, when a completion has ended, or whose it is.

Prompts are read once each, however many completions share one. In the cache they end at one
slot, so that every row writes its next key at the same place; the slots before a shorter
prompt are masked, and positions count from each prompt's own start.

Shapes: P distinct prompts, R rows (completions being written), V vocabulary.
"""

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache

from node.policy.head import Head
from node.policy.padding import left_padded, right_padded
from node.policy.transformer import Transformer

_COMPACTED_AT = 0.75
"""The share of live rows at which a cache of `transformers` is copied without the dead ones:
copying it costs about as much as a few steps."""


class Decoder(Protocol):
    """A batch of completions in the making. It serves one batch, then is thrown away."""

    def start(
        self, prompts: Sequence[tuple[int, ...]], rows: Sequence[int], tokens_max: int
    ) -> Tensor:
        """Read the prompts and return the first logits.

        Args:
            prompts: P distinct prompts, none empty.
            rows: R indices into `prompts`: what each row continues.
            tokens_max: How many tokens a row may grow by.

        Returns:
            (R, V) float32 logits of each row's first token.
        """

    def step(self, tokens: Tensor) -> Tensor:
        """Append (R,) tokens, one a row, and return the (R, V) float32 logits after them."""

    def keep(self, order: Tensor) -> None:
        """Drop rows: the batch goes on with rows `order` (int64, unique), in that order."""


class TransformerDecoder:
    """Decodes by `Transformer` over a preallocated cache."""

    def __init__(self, transformer: Transformer, head: Head) -> None:
        self._transformer = transformer
        self._head = head
        self._device = transformer.embedding.device

    def start(
        self, prompts: Sequence[tuple[int, ...]], rows: Sequence[int], tokens_max: int
    ) -> Tensor:
        """Read the prompts (see `Decoder.start`)."""
        tokens, lengths = right_padded(prompts, self._device)
        places = torch.tensor(rows, device=self._device)
        hidden, past = self._transformer.prefill(tokens)
        self._positions = lengths[places]
        self._slot = tokens.shape[1]
        self._live = len(rows)
        self._lay_out(past, places, tokens_max)
        last = hidden[torch.arange(len(prompts), device=self._device), lengths - 1]
        return self._head.logits(last)[places]

    def _lay_out(self, past: list[tuple[Tensor, Tensor]], places: Tensor, tokens_max: int) -> None:
        """Make the cache (layers, 2, R, M, slots, D), each prompt ending at the same slot."""
        heads, size = past[0][0].shape[1], past[0][0].shape[3]
        slots = self._slot + tokens_max
        shape = (len(past), 2, self._live, heads, slots, size)
        self._cache = past[0][0].new_empty(shape)
        empty = self._slot - self._positions
        source = (torch.arange(self._slot, device=self._device) - empty[:, None]).clamp_(min=0)
        for layer, both in zip(self._cache, past, strict=True):
            for laid, read in zip(layer, both, strict=True):
                laid[:, :, : self._slot] = read[places[:, None], :, source].transpose(1, 2)
        hides = torch.arange(slots, device=self._device) < empty[:, None]
        mask = laid.new_zeros(hides.shape).masked_fill_(hides, -torch.inf)
        # All prompts of one length hide nothing: a step then saves an addition per layer.
        self._mask = mask[:, None, None] if bool(hides.any()) else None

    def step(self, tokens: Tensor) -> Tensor:
        """Append a token to every row (see `Decoder.step`)."""
        hidden = self._transformer.hidden(tokens[:, None], self._positions[:, None], self._attend)
        self._positions = self._positions + 1
        self._slot += 1
        return self._head.logits(hidden[:, 0])

    def _attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        all_keys, all_values = self._cache[layer, :, : self._live, :, : self._slot + 1]
        all_keys[:, :, self._slot] = keys[:, :, 0]
        all_values[:, :, self._slot] = values[:, :, 0]
        # One new token: its query heads stand where tokens would, beside their shared keys.
        grouped = queries.reshape(self._live, keys.shape[1], -1, keys.shape[3])
        scores = torch.matmul(grouped * keys.shape[3] ** -0.5, all_keys.transpose(2, 3))
        if self._mask is not None:
            scores += self._mask[: self._live, ..., : self._slot + 1]
        weights = scores.softmax(-1, dtype=torch.float32).to(queries.dtype)
        return torch.matmul(weights, all_values).reshape(queries.shape)

    def keep(self, order: Tensor) -> None:
        """Move rows (see `Decoder.keep`); those that stay in place cost nothing."""
        moved = (order != torch.arange(len(order), device=self._device)).nonzero()[:, 0]
        if len(moved):
            source = order[moved]
            used = self._cache[..., : self._slot, :]
            used[:, :, moved] = used[:, :, source]
            if self._mask is not None:
                self._mask[moved] = self._mask[source]
        self._positions = self._positions[order]
        self._live = len(order)


class CacheDecoder:
    """Decodes by a Hugging Face model's own forward and cache."""

    def __init__(self, model: Any, head: Head) -> None:
        self._decoder: Any = model.base_model
        self._head = head
        self._device = head.weight.device
        takes = inspect.signature(self._decoder.forward).parameters
        self._takes_positions = "position_ids" in takes
        self._cache = new_cache(model)
        self._live = torch.empty(0, dtype=torch.int64)

    def start(
        self, prompts: Sequence[tuple[int, ...]], rows: Sequence[int], tokens_max: int
    ) -> Tensor:
        """Read the prompts (see `Decoder.start`)."""
        del tokens_max  # this cache grows as it is written
        places = torch.tensor(rows, device=self._device)
        tokens, self._mask = left_padded(prompts, self._device)
        hidden = self._read(tokens, (self._mask.cumsum(-1) - 1).clamp_(min=0))
        self._select(places)
        return self._head.logits(hidden)[places]

    def step(self, tokens: Tensor) -> Tensor:
        """Append a token to every row (see `Decoder.step`)."""
        everywhere = tokens.new_zeros(len(self._mask)).index_put_((self._live,), tokens)
        self._mask = functional.pad(self._mask, (0, 1), value=1)
        positions = self._mask.sum(-1, keepdim=True) - 1
        return self._head.logits(self._read(everywhere[:, None], positions)[self._live])

    def keep(self, order: Tensor) -> None:
        """Forget rows (see `Decoder.keep`), and copy the cache when enough are dead."""
        self._live = self._live[order]
        if len(order) <= _COMPACTED_AT * len(self._mask):
            self._select(self._live)

    def _select(self, places: Tensor) -> None:
        self._cache.batch_select_indices(places)
        self._mask = self._mask[places]
        self._live = torch.arange(len(places), device=self._device)

    def _read(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Return the last hidden state of each row, (rows, H)."""
        extra = {"position_ids": positions} if self._takes_positions else {}
        output = self._decoder(
            input_ids=tokens,
            attention_mask=self._mask,
            past_key_values=self._cache,
            use_cache=True,
            **extra,
        )
        last: Tensor = output.last_hidden_state[:, -1]
        return last


def new_cache(model: Any) -> DynamicCache:
    """Return an empty cache; newer `transformers` shape its layers by the configuration."""
    if "config" in inspect.signature(DynamicCache.__init__).parameters:
        return DynamicCache(config=model.config)
    return DynamicCache()
