"""Names for what peers must share: an architecture, a tokenizer, weights; all SHA-256.

Each is computed from content alone: not from paths, file layouts, versions of libraries or
the device. It knows no swarm and compares nothing.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

_FUNCTION_FIELDS = (
    "model_type",
    "hidden_act",
    "hidden_activation",
    "activation_function",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "rms_norm_eps",
    "layer_norm_eps",
    "layer_norm_epsilon",
    "sliding_window",
    "use_sliding_window",
    "max_window_layers",
    "layer_types",
    "max_position_embeddings",
    "partial_rotary_factor",
    "tie_word_embeddings",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "query_pre_attn_scalar",
    "attention_multiplier",
    "embedding_multiplier",
    "residual_multiplier",
    "logits_scaling",
    "logit_scale",
    "num_experts_per_tok",
    "norm_topk_prob",
)
"""What changes the function of equal weights. Whole configurations differ between releases of
`transformers` in fields that change nothing, so they are not hashed as they are."""


def family_digest(model: nn.Module) -> str:
    """Return the digest of an architecture: its tensors' names and shapes, and its function.

    Two models of one family may differ in weights, number type, device and version of
    `transformers`, and in nothing else.

    Returns:
        64 hex digits: SHA-256 over canonical JSON.
    """
    config: Any = model.config
    fields = {name: getattr(config, name, None) for name in _FUNCTION_FIELDS}
    described = {
        "config": {name: value for name, value in fields.items() if value is not None},
        "rope": _rope_of(config),
        "shapes": {name: list(tensor.shape) for name, tensor in _weights(model)},
    }
    return hashlib.sha256(_canonical(described)).hexdigest()


def tokenizer_digest(tokenizer: Any) -> str:
    """Return the digest of a fast tokenizer: its whole serialisation and its EOS token.

    Settings of a moment (padding, truncation) are left out.

    Returns:
        64 hex digits: SHA-256 over canonical JSON.
    """
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    for momentary in ("padding", "truncation"):
        described.pop(momentary, None)
    if not (described.get("post_processor") or {}).get("special_tokens", True):
        described["post_processor"] = None  # newer transformers write out that nothing is added
    described["eos_token"] = [str(tokenizer.eos_token), tokenizer.eos_token_id]
    return hashlib.sha256(_canonical(described)).hexdigest()


def weights_digest(model: nn.Module) -> bytes:
    """Return the digest of a model's weights, bit by bit.

    SHA-256 over the tensors sorted by name, tied ones once under their first name: for each a
    line of canonical JSON, ``[name, type, shape]``, and a line feed, then its bytes in
    row-major, little-endian order.

    Returns:
        32 bytes.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(_weights(model), key=lambda named: named[0]):
        header = [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
        digest.update(_canonical(header) + b"\n")
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.digest()


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield parameters, tied ones once, and the buffers that are saved with them."""
    yield from model.named_parameters()
    saved = model.state_dict(keep_vars=True)
    yield from ((name, buffer) for name, buffer in model.named_buffers() if name in saved)


def _rope_of(config: Any) -> dict[str, Any]:
    """Return the rotary settings in one form; releases 4 and 5 of `transformers` differ."""
    settings = dict(getattr(config, "rope_parameters", None) or {})
    settings.update(getattr(config, "rope_scaling", None) or {})
    if "type" in settings:
        settings.setdefault("rope_type", settings.pop("type"))
    if getattr(config, "rope_theta", None) is not None:
        settings.setdefault("rope_theta", float(config.rope_theta))
    if settings:
        settings.setdefault("rope_type", "default")
    return settings


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
