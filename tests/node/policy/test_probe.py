"""A model is tried before it is trusted to be causal and plain at its end."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertLMHeadModel,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
)

from node.faults import ModelFault
from node.policy import CausalPolicy, SampleRequest, SamplingParameters
from node.policy.probe import check_model, head_of

Make = Callable[..., Any]
SHAPE: dict[str, Any] = {
    "vocab_size": 260,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def cohere() -> Any:
    return CohereForCausalLM(CohereConfig(**SHAPE, logit_scale=0.25))


def granite() -> Any:
    return GraniteForCausalLM(GraniteConfig(**SHAPE, logits_scaling=4.0))


def gemma2() -> Any:
    config = Gemma2Config(**SHAPE, head_dim=8, final_logit_softcapping=3.0, sliding_window=16)
    return Gemma2ForCausalLM(config)


def test_ordinary_models_pass(any_model: Any) -> None:
    check_model(any_model, "a model")


@pytest.mark.parametrize("make", [cohere, granite, gemma2])
def test_scaled_and_capped_logits_are_followed(make: Callable[[], Any], tokenizer: Any) -> None:
    policy = CausalPolicy(make().eval(), tokenizer)
    prompt = (5, 6, 7)
    request = SampleRequest(prompt_tokens=prompt, key=5)

    (completion,) = policy.sample([request], SamplingParameters(tokens_max=9))
    logprobs = policy.logprobs([prompt], [completion.tokens])

    logits = policy.model(torch.tensor([prompt + completion.tokens])).logits[0, 2:-1].float()
    expected = logits.log_softmax(-1).gather(1, torch.tensor(completion.tokens)[:, None])[:, 0]
    assert not policy.is_lean
    assert torch.allclose(logprobs[0], expected, atol=1e-4)


def test_logits_that_are_not_the_output_layers_are_refused(qwen2: Make) -> None:
    model = qwen2()
    model.lm_head.register_forward_hook(lambda _module, _inputs, logits: logits * 1.1)

    with pytest.raises(ModelFault, match="not its last hidden states") as fault:
        check_model(model, "some/model")
    assert "some/model" in fault.value.cause


def test_a_model_that_looks_ahead_is_refused() -> None:
    shape = {k: v for k, v in SHAPE.items() if k != "num_key_value_heads"}
    torch.manual_seed(0)
    model = BertLMHeadModel(BertConfig(**shape, is_decoder=False)).eval()
    model.cls.predictions.transform = nn.Identity()

    with pytest.raises(ModelFault, match="not causal"):
        check_model(model, "bert")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(qwen2: Make, value: float) -> None:
    model = qwen2()
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = value

    with pytest.raises(ModelFault, match="not finite") as fault:
        check_model(model, "some/model")
    assert "damaged" in fault.value.fix


def test_a_model_without_an_output_layer_is_refused(qwen2: Make) -> None:
    with pytest.raises(ModelFault, match="no output layer"):
        check_model(qwen2().model, "a base model")


def test_the_output_layers_bias_is_part_of_it(qwen2: Make) -> None:
    model = qwen2(tie_word_embeddings=False)
    model.lm_head = nn.Linear(32, 260)

    check_model(model, "a model")

    assert head_of(model).bias is model.lm_head.bias
