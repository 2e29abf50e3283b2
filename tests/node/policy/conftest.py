"""Random models, small enough that a whole generation takes milliseconds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

EOS = 256

_SHAPE = {
    "vocab_size": 260,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "initializer_range": 0.25,
}


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(7)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def qwen2() -> Callable[..., Any]:
    def _make(**settings: Any) -> Any:
        torch.manual_seed(3)
        shape = {**_SHAPE, "num_key_value_heads": 2, "tie_word_embeddings": True}
        return _unsettled(Qwen2ForCausalLM(Qwen2Config(**{**shape, **settings})))

    return _make


@pytest.fixture
def llama() -> Callable[..., Any]:
    def _make(**settings: Any) -> Any:
        torch.manual_seed(4)
        shape = {**_SHAPE, "num_key_value_heads": 4, "tie_word_embeddings": False}
        return _unsettled(LlamaForCausalLM(LlamaConfig(**{**shape, **settings})))

    return _make


@pytest.fixture
def gpt2() -> Callable[..., Any]:
    def _make(**settings: Any) -> Any:
        torch.manual_seed(5)
        shape = {
            "vocab_size": 260,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 2,
            "n_positions": 128,
            "initializer_range": 0.25,
            "bos_token_id": EOS,
            "eos_token_id": EOS,
        }
        return _unsettled(GPT2LMHeadModel(GPT2Config(**{**shape, **settings})))

    return _make


@pytest.fixture(params=["qwen2", "llama", "gpt2"])
def any_model(
    request: pytest.FixtureRequest,
    qwen2: Callable[..., Any],
    llama: Callable[..., Any],
    gpt2: Callable[..., Any],
) -> Any:
    """Two of the lean family (shared and separate key heads), and one that is not of it."""
    return {"qwen2": qwen2, "llama": llama, "gpt2": gpt2}[request.param]()


def _unsettled(model: Any) -> Any:
    """Move what starts at zero or one, so that forgetting it would show; make EOS likelier."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "norm" in name or "ln_" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.get_output_embeddings().weight[EOS] *= 2.5
    return model.eval()


@pytest.fixture
def byte_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """One token a byte, 0..255, then what is special; <think> is added, but not special."""

    def _make(end: str | None) -> PreTrainedTokenizerFast:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        core = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = decoders.ByteLevel()
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=end)
        tokenizer.add_tokens(["<think>"])
        return tokenizer

    return _make


@pytest.fixture
def tokenizer(byte_tokenizer: Callable[..., PreTrainedTokenizerFast]) -> PreTrainedTokenizerFast:
    return byte_tokenizer("<eos>")


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Save a model and a tokenizer to a directory, as an operator would hand it over."""

    def _save(model: Any, tokenizer: Any = None) -> Path:
        model.save_pretrained(tmp_path)
        if tokenizer is not None:
            tokenizer.save_pretrained(tmp_path)
        return tmp_path

    return _save
