"""The forward pass of the Llama family, over the weights of a Hugging Face module.

A small model spends most of a decoding step in the Python around its arithmetic; this pass
keeps only the arithmetic, and leaves attention to the caller: prefilling, decoding over a
cache and reading completions behind shared prompts differ in nothing else. It knows no
tokens, no sampling and no losses.

Shapes: B rows, T tokens, H hidden size, N query heads, M key/value heads, D head size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_CLASS_OF_TYPE = {"qwen2": "Qwen2ForCausalLM", "llama": "LlamaForCausalLM"}

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""From the layer's 0-based index, queries (B, N, T, D), keys and values (B, M, T, D) to what
the queries read, (B, N, T, D)."""


Linear = tuple[Tensor, Tensor | None]
"""The weight (out, in) and the bias (out,), if any."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one block."""

    attention_norm: Tensor
    queries: Linear
    keys: Linear
    values: Linear
    attention_out: Linear
    mlp_norm: Tensor
    gate: Linear
    up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class Transformer:
    """The weights of a model, shared with it, and how to apply them."""

    embedding: Tensor
    layers: tuple[Layer, ...]
    norm: Tensor
    norm_epsilon: float
    head_size: int
    inverse_frequencies: Tensor

    def hidden(self, tokens: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """Return the last hidden states, after the final norm.

        Args:
            tokens: (B, T) int64 token ids.
            positions: (B, T) int64 0-based positions within each row's whole text.
            attend: The attention of every layer, with keys already rotated.

        Returns:
            (B, T, H) in the weights' type; differentiable where autograd is on.
        """
        hidden = functional.embedding(tokens, self.embedding)
        cosine, sine = self._rotation(positions, hidden.dtype)
        for index, layer in enumerate(self.layers):
            normed = self._normed(hidden, layer.attention_norm)
            queries, keys, values = self._heads(layer, normed, cosine, sine)
            read = attend(index, queries, keys, values).transpose(1, 2).flatten(2)
            hidden = hidden + functional.linear(read, *layer.attention_out)
            normed = self._normed(hidden, layer.mlp_norm)
            gate = functional.silu(functional.linear(normed, *layer.gate))
            hidden = hidden + functional.linear(
                gate * functional.linear(normed, *layer.up), *layer.down
            )
        return self._normed(hidden, self.norm)

    def prefill(self, tokens: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Read texts from their start.

        Args:
            tokens: (B, T) int64 token ids, padded on the right, if at all.

        Returns:
            (B, T, H) last hidden states, and each layer's keys and values, (B, M, T, D) each.
        """
        past: list[tuple[Tensor, Tensor]] = []

        def attend(_: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            past.append((keys, values))
            return functional.scaled_dot_product_attention(
                queries,
                repeated_heads(keys, queries),
                repeated_heads(values, queries),
                is_causal=True,
            )

        positions = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        return self.hidden(tokens, positions, attend), past

    def _normed(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(hidden, weight.shape, weight, self.norm_epsilon)

    def _rotation(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return cosines and signed sines, (B, T, 1, D) each."""
        angles = positions[:, :, None, None].float() * self.inverse_frequencies
        cosine, sine = angles.cos(), angles.sin()
        whole = torch.cat((cosine, cosine), -1), torch.cat((-sine, sine), -1)
        return whole[0].to(dtype), whole[1].to(dtype)

    def _heads(
        self, layer: Layer, normed: Tensor, cosine: Tensor, sine: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        def heads(linear: Linear) -> Tensor:
            flat = functional.linear(normed, *linear)
            return flat.view(*flat.shape[:2], -1, self.head_size)

        def rotated(unrotated: Tensor) -> Tensor:
            # Rolling by half a head swaps its halves; the sign of the swap is in `sine`.
            swapped = unrotated.roll(self.head_size // 2, -1)
            return torch.addcmul(unrotated * cosine, swapped, sine).transpose(1, 2)

        queries, keys = rotated(heads(layer.queries)), rotated(heads(layer.keys))
        return queries, keys, heads(layer.values).transpose(1, 2)


def repeated_heads(shared: Tensor, queries: Tensor) -> Tensor:
    """Return keys or values (B, M, T, D) once for each query head, (B, N, T, D)."""
    times = queries.shape[1] // shared.shape[1]
    return shared if times == 1 else shared.repeat_interleave(times, 1)


def is_supported(model: nn.Module) -> bool:
    """Return whether `transformer_of` computes just what the model's own forward does.

    Qwen2 and Llama with plain rotary positions, SiLU, attention over the whole past, and
    ordinary linear layers (neither quantised nor adapted).
    """
    config: Any = model.config
    if type(model).__name__ != _CLASS_OF_TYPE.get(config.model_type):
        return False
    decoder: Any = model.model
    rotary = decoder.rotary_emb
    leaves = [m for m in decoder.modules() if next(m.children(), None) is None]
    return (
        config.hidden_act == "silu"
        and not getattr(config, "use_sliding_window", False)
        and set(getattr(config, "layer_types", None) or ()) <= {"full_attention"}
        and getattr(config, "pretraining_tp", 1) == 1
        and getattr(rotary, "rope_type", "default") == "default"
        and getattr(rotary, "attention_scaling", 1.0) == 1.0
        and all(_is_plain(leaf, type(decoder.norm), type(rotary)) for leaf in leaves)
    )


def _is_plain(leaf: nn.Module, norm: type, rotary: type) -> bool:
    plain = (nn.Linear, nn.Embedding, norm, rotary)
    return type(leaf) in plain or not tuple(leaf.parameters(recurse=False))


def transformer_of(model: nn.Module) -> Transformer:
    """Return the weights of a supported model; nothing is copied."""
    config: Any = model.config
    decoder: Any = model.model
    return Transformer(
        embedding=decoder.embed_tokens.weight,
        layers=tuple(_layer_of(layer) for layer in decoder.layers),
        norm=decoder.norm.weight,
        norm_epsilon=config.rms_norm_eps,
        head_size=decoder.layers[0].self_attn.head_dim,
        inverse_frequencies=decoder.rotary_emb.inv_freq.float(),
    )


def _layer_of(layer: Any) -> Layer:
    def linear(module: Any) -> Linear:
        return module.weight, module.bias

    attention, mlp = layer.self_attn, layer.mlp
    return Layer(
        attention_norm=layer.input_layernorm.weight,
        queries=linear(attention.q_proj),
        keys=linear(attention.k_proj),
        values=linear(attention.v_proj),
        attention_out=linear(attention.o_proj),
        mlp_norm=layer.post_attention_layernorm.weight,
        gate=linear(mlp.gate_proj),
        up=linear(mlp.up_proj),
        down=linear(mlp.down_proj),
    )
