"""The lean forward pass computes what `transformers` computes, and says where it would not."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from node.policy.transformer import is_supported, transformer_of

Make = Callable[..., Any]


def lean_logits(model: Any, tokens: Tensor) -> Tensor:
    hidden, _ = transformer_of(model).prefill(tokens)
    logits: Tensor = hidden @ model.lm_head.weight.T
    return logits


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1},
        {"tie_word_embeddings": False},
        {"head_dim": 16, "num_key_value_heads": 2},
    ],
)
def test_qwen2_logits_equal_the_models_own(qwen2: Make, settings: dict[str, Any]) -> None:
    model = qwen2(**settings)
    tokens = torch.randint(0, 260, (3, 20))

    assert is_supported(model)
    assert torch.allclose(lean_logits(model, tokens), model(tokens).logits, atol=1e-4)


@pytest.mark.parametrize(
    "settings", [{}, {"attention_bias": True, "mlp_bias": True}, {"num_key_value_heads": 2}]
)
def test_llama_logits_equal_the_models_own(llama: Make, settings: dict[str, Any]) -> None:
    model = llama(**settings)
    tokens = torch.randint(0, 260, (3, 20))

    assert is_supported(model)
    assert torch.allclose(lean_logits(model, tokens), model(tokens).logits, atol=1e-4)


def test_no_weight_is_copied(qwen2: Make) -> None:
    """A large model's weights fit its memory once."""
    model = qwen2()

    transformer = transformer_of(model)

    own = {parameter.data_ptr() for parameter in model.parameters()}
    linear = transformer.layers[1].gate
    assert {transformer.embedding.data_ptr(), linear[0].data_ptr()} <= own


def test_bfloat16_is_as_near_float32_as_the_models_own(qwen2: Make) -> None:
    exact, half = qwen2(), qwen2().to(torch.bfloat16)
    tokens = torch.randint(0, 260, (3, 20))
    expected = exact(tokens).logits

    ours = (lean_logits(half, tokens).float() - expected).abs().mean()
    theirs = (half(tokens).logits.float() - expected).abs().mean()

    assert ours < 1.5 * theirs


def test_gradients_equal_the_models_own(qwen2: Make) -> None:
    model, twin = qwen2(), qwen2()
    tokens = torch.randint(0, 260, (3, 20))
    weighting = torch.randn(3, 20, 260)

    (lean_logits(model, tokens) * weighting).sum().backward()
    (twin(tokens).logits * weighting).sum().backward()

    for (name, ours), theirs in zip(model.named_parameters(), twin.parameters(), strict=True):
        scale = theirs.grad.abs().max()
        assert torch.allclose(ours.grad / scale, theirs.grad / scale, atol=1e-5), name


def test_padding_on_the_right_changes_nothing_before_it(qwen2: Make) -> None:
    model = qwen2()
    tokens = torch.randint(0, 260, (1, 12))
    padded = torch.cat((tokens, torch.zeros(1, 9, dtype=torch.int64)), 1)

    assert torch.allclose(lean_logits(model, padded)[:, :12], lean_logits(model, tokens), atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_act": "gelu"},
        {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
    ],
)
def test_another_function_is_left_to_transformers(qwen2: Make, settings: dict[str, Any]) -> None:
    assert not is_supported(qwen2(**settings))


def test_another_architecture_is_left_to_transformers(gpt2: Make) -> None:
    assert not is_supported(gpt2())


def test_layers_that_someone_replaced_are_left_to_transformers(qwen2: Make) -> None:
    class Adapted(nn.Linear):
        """As a low-rank adapter or a quantised layer would be."""

    model = qwen2()
    model.model.layers[1].mlp.down_proj = Adapted(48, 32, bias=False)

    assert not is_supported(model)
