"""Digests follow content, and nothing else."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from node.policy.digests import _rope_of, family_digest, tokenizer_digest, weights_digest

Make = Callable[..., Any]


class Config:
    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)


def test_weights_change_their_digest_bit_by_bit(qwen2: Make) -> None:
    model, twin = qwen2(), qwen2()

    assert weights_digest(model) == weights_digest(twin)
    with torch.no_grad():
        weight = twin.model.layers[1].mlp.up_proj.weight
        weight[3, 4] = torch.nextafter(weight[3, 4], torch.tensor(9.0))
    assert weights_digest(model) != weights_digest(twin)


def test_the_digest_of_weights_is_as_described() -> None:
    """Row-major bytes after a line of JSON; names sorted; tied tensors under one name."""
    model = torch.nn.ModuleDict({"b": torch.nn.Linear(2, 1, bias=False)})
    model["a"] = model["b"]
    model["c"] = torch.nn.BatchNorm1d(1, affine=False)
    with torch.no_grad():
        model["b"].weight.copy_(torch.tensor([[1.0, -2.0]]))

    expected = hashlib.sha256()
    expected.update(b'["b.weight","float32",[1,2]]\n' + bytes.fromhex("0000803f000000c0"))
    expected.update(b'["c.num_batches_tracked","int64",[]]\n' + bytes(8))
    expected.update(b'["c.running_mean","float32",[1]]\n' + bytes(4))
    expected.update(b'["c.running_var","float32",[1]]\n' + bytes.fromhex("0000803f"))

    assert weights_digest(model) == expected.digest()


def test_number_types_change_the_weights_digest_but_not_the_family(qwen2: Make) -> None:
    exact, half = qwen2(), qwen2().to(torch.bfloat16)

    assert weights_digest(exact) != weights_digest(half)
    assert family_digest(exact) == family_digest(half)


def test_a_family_outlives_saving(qwen2: Make, save: Callable[..., Any]) -> None:
    model = qwen2()
    directory = save(model)

    again = type(model).from_pretrained(directory)

    assert family_digest(again) == family_digest(model)
    assert weights_digest(again) == weights_digest(model)


def test_training_does_not_change_the_family(qwen2: Make) -> None:
    model = qwen2()
    before = family_digest(model)
    with torch.no_grad():
        model.model.norm.weight.mul_(2)
    model.config.transformers_version = "99.0"
    model.config._name_or_path = "/somewhere/else"

    assert family_digest(model) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_size": 64},
        {"num_hidden_layers": 3},
        {"vocab_size": 300},
        {"num_attention_heads": 2},
        {"hidden_act": "gelu"},
        {"rms_norm_eps": 1e-5},
        {"tie_word_embeddings": False},
        {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        {"max_position_embeddings": 256},
    ],
)
def test_another_function_is_another_family(qwen2: Make, settings: dict[str, Any]) -> None:
    assert family_digest(qwen2(**settings)) != family_digest(qwen2())


def test_architectures_are_families_apart(qwen2: Make, llama: Make, gpt2: Make) -> None:
    assert len({family_digest(make()) for make in (qwen2, llama, gpt2)}) == 3


def test_old_and_new_ways_to_write_rotary_settings_are_one() -> None:
    new = _rope_of(Config(rope_parameters={"rope_theta": 10000.0, "rope_type": "default"}))
    old = _rope_of(Config(rope_theta=10000, rope_scaling=None))
    scaled = _rope_of(Config(rope_theta=5e5, rope_scaling={"type": "linear", "factor": 2.0}))

    assert new == old
    assert scaled == {"rope_theta": 5e5, "rope_type": "linear", "factor": 2.0}
    assert _rope_of(Config()) == {}


def test_a_tokenizer_keeps_its_digest_through_use(tokenizer: Any) -> None:
    before = tokenizer_digest(tokenizer)

    tokenizer.pad_token = tokenizer.eos_token
    tokenizer(["a", "abc"], padding=True, truncation=True, max_length=2)

    assert tokenizer_digest(tokenizer) == before


@pytest.mark.parametrize("change", ["token", "normalizer", "eos"])
def test_another_tokenizer_has_another_digest(
    tokenizer: Any, byte_tokenizer: Make, change: str
) -> None:
    from tokenizers import normalizers

    before = tokenizer_digest(tokenizer)
    if change == "token":
        tokenizer.add_tokens(["<answer>"])
    elif change == "normalizer":
        tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    else:
        tokenizer = byte_tokenizer("<end>")

    assert tokenizer_digest(tokenizer) != before
