"""Both decoders give, step by step, the logits of the whole text read at once."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from node.policy.decoding import CacheDecoder, Decoder, TransformerDecoder
from node.policy.probe import head_of
from node.policy.transformer import transformer_of

Make = Callable[..., Any]
PROMPTS = ((5, 9, 200), (7,), (1, 2, 3, 4, 5, 6, 7, 8))
ROWS = [0, 2, 2, 1, 0]


def lean(model: Any) -> Decoder:
    return TransformerDecoder(transformer_of(model), head_of(model))


def general(model: Any) -> Decoder:
    return CacheDecoder(model, head_of(model))


@pytest.fixture(params=["lean qwen2", "lean llama", "general qwen2", "general gpt2"])
def model_and_decoder(
    request: pytest.FixtureRequest, qwen2: Make, llama: Make, gpt2: Make
) -> tuple[Any, Decoder]:
    kind, name = request.param.split()
    model = {"qwen2": qwen2, "llama": llama, "gpt2": gpt2}[name]()
    return model, (lean if kind == "lean" else general)(model)


@pytest.fixture(autouse=True)
def _inference() -> Any:
    with torch.inference_mode():
        yield


def expected_logits(model: Any, texts: list[tuple[int, ...]]) -> Tensor:
    return torch.stack([model(torch.tensor([text])).logits[0, -1] for text in texts])


def test_every_step_gives_the_logits_of_the_whole_text(
    model_and_decoder: tuple[Any, Decoder],
) -> None:
    model, decoder = model_and_decoder
    texts = [PROMPTS[row] for row in ROWS]

    logits = decoder.start(PROMPTS, ROWS, 6)
    for _ in range(6):
        assert torch.allclose(logits, expected_logits(model, texts), atol=1e-4)
        tokens = torch.randint(0, 260, (len(ROWS),))
        texts = [(*text, token) for text, token in zip(texts, tokens.tolist(), strict=True)]
        logits = decoder.step(tokens)
    assert torch.allclose(logits, expected_logits(model, texts), atol=1e-4)


def test_rows_may_leave_and_change_places(model_and_decoder: tuple[Any, Decoder]) -> None:
    """Among them: none leaves, the last leaves, the first ones leave, all but one leave."""
    model, decoder = model_and_decoder
    texts = [PROMPTS[row] for row in ROWS]
    decoder.start(PROMPTS, ROWS, 10)

    for order in ([0, 1, 2, 3, 4], [4, 1, 2, 3], [0, 1, 2], [2, 1], [1]):
        decoder.keep(torch.tensor(order))
        texts = [texts[place] for place in order]
        tokens = torch.randint(0, 260, (len(order),))
        texts = [(*text, token) for text, token in zip(texts, tokens.tolist(), strict=True)]
        assert torch.allclose(decoder.step(tokens), expected_logits(model, texts), atol=1e-4)


@pytest.mark.parametrize("make", [lean, general])
def test_prompts_of_one_length_need_no_mask(make: Callable[[Any], Any], qwen2: Make) -> None:
    model = qwen2()
    decoder = make(model)
    prompts = ((1, 2, 3), (4, 5, 6))

    decoder.start(prompts, [1, 0], 2)
    logits = decoder.step(torch.tensor([8, 9]))

    assert torch.allclose(logits, expected_logits(model, [(4, 5, 6, 8), (1, 2, 3, 9)]), atol=1e-4)
    assert getattr(decoder, "_mask", None) is None or make is general


def test_a_shared_prompt_is_read_once(qwen2: Make) -> None:
    model = qwen2()
    read: list[int] = []
    model.model.embed_tokens.register_forward_hook(lambda _m, _i, out: read.append(len(out)))

    general(model).start(PROMPTS, [0] * 20 + [1] * 20 + [2] * 20, 4)

    assert read == [3]


def test_a_cache_is_copied_only_when_enough_rows_are_dead(gpt2: Make) -> None:
    decoder = general(gpt2())
    decoder.start(PROMPTS, [0] * 8, 9)
    sizes = []

    for living in (7, 6, 5, 4, 3):
        decoder.keep(torch.arange(living))
        sizes.append(len(decoder._mask))

    assert sizes == [8, 6, 6, 4, 3]


def test_an_architecture_without_position_ids_is_driven_by_its_mask() -> None:
    """Bloom counts distances from the mask itself."""
    from transformers import BloomConfig, BloomForCausalLM

    config = BloomConfig(vocab_size=260, hidden_size=32, n_layer=2, n_head=2)
    model = BloomForCausalLM(config).eval()
    decoder = general(model)
    texts = [PROMPTS[row] for row in ROWS]

    logits = decoder.start(PROMPTS, ROWS, 3)
    assert torch.allclose(logits, expected_logits(model, texts), atol=1e-4)
    logits = decoder.step(torch.tensor([3, 1, 4, 1, 5]))

    texts = [(*text, token) for text, token in zip(texts, (3, 1, 4, 1, 5), strict=True)]
    assert torch.allclose(logits, expected_logits(model, texts), atol=1e-4)


def test_sliding_windows_are_left_to_the_cache_of_transformers(qwen2: Make) -> None:
    model = qwen2(use_sliding_window=True, sliding_window=4, max_window_layers=1)
    decoder = general(model)
    texts = [PROMPTS[row] for row in ROWS]

    logits = decoder.start(PROMPTS, ROWS, 6)
    for _ in range(6):
        assert torch.allclose(logits, expected_logits(model, texts), atol=1e-4)
        tokens = torch.randint(0, 260, (len(ROWS),))
        texts = [(*text, token) for text, token in zip(texts, tokens.tolist(), strict=True)]
        logits = decoder.step(tokens)
