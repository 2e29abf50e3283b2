"""Whether a model is what the rest of this room takes it for, asked once when it is loaded.

Log-probabilities are computed from hidden states through the output layer, and rows are padded
on the right without a mask. Both are right only for a causal model whose logits are its output
layer's, so a model of an unknown architecture is tried on a few tokens first.
"""

from typing import Any

import torch
from torch import Tensor

from node.faults import ModelFault
from node.policy.head import Head

_TOLERANCE = 0.02
"""Of the largest logit; half-precision weights round at about 0.01, another function is far."""


def head_of(model: Any) -> Head:
    """Return a model's output layer, with the scaling that its configuration names."""
    config, layer = model.config, model.get_output_embeddings()
    scale = getattr(config, "logit_scale", None) or 1.0  # Cohere multiplies
    scale /= getattr(config, "logits_scaling", None) or 1.0  # Granite divides
    softcap = getattr(config, "final_logit_softcapping", None)  # Gemma 2
    return Head(layer.weight, getattr(layer, "bias", None), float(scale), softcap)


@torch.inference_mode()
def check_model(model: Any, source: str) -> None:
    """Return if the model can serve as a policy.

    Raises:
        ModelFault: It has no output layer over its base model, its logits are not that layer's,
            they are not finite, or earlier tokens depend on later ones.
    """
    if model.get_output_embeddings() is None or model.base_model is model:
        raise _unfit(source, "it has no output layer over a base model")
    head, vocabulary = head_of(model), model.get_output_embeddings().weight.shape[0]
    device = head.weight.device
    tokens = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 5]], device=device) % vocabulary
    logits = model(input_ids=tokens, use_cache=False).logits.float()
    if not logits.isfinite().all():
        raise ModelFault(
            f"the weights of {source} give logits that are not finite numbers",
            fix="the files are damaged or its training diverged: fetch or save the model again",
        )
    hidden = model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
    if not _close(head.logits(hidden.flatten(0, 1)), logits.flatten(0, 1)):
        raise _unfit(source, "its logits are not its last hidden states through its output layer")
    if not _close(logits[0, :3], logits[1, :3]):
        raise _unfit(source, "its earlier tokens depend on later ones: it is not causal")


def _close(given: Tensor, expected: Tensor) -> bool:
    worst = (given - expected).abs().amax()
    return bool(worst <= _TOLERANCE * expected.abs().amax() + 1e-4)


def _unfit(source: str, reason: str) -> ModelFault:
    return ModelFault(
        f"{source} cannot serve as a policy: {reason}",
        fix="choose a decoder-only causal language model (Qwen2, Llama, GPT-2, ...)",
    )
