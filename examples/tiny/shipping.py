"""Write the embedded model's files as they are shipped, and the record of their making."""

import hashlib
import json
from pathlib import Path

import torch
from measuring import GREEDY, SAMPLED, accuracy
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import Qwen2ForCausalLM
from vocabulary import EOS

from node.policy import CausalPolicy

PROMPTS = 300
SAMPLING_SEEDS = range(5)


def save_model(model: Qwen2ForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the weights in bfloat16 and a configuration that old and new releases read."""
    weights = {
        name: tensor.to(torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embedding
    }
    path = folder / "model.safetensors"
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)
    end = tokenizer.token_to_id(EOS)
    config = model.config
    written = {
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "eos_token_id": end,
        "hidden_act": "silu",
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings,
        "model_type": "qwen2",
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "num_key_value_heads": config.num_key_value_heads,
        "pad_token_id": end,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": config.vocab_size,
    }
    (folder / "config.json").write_text(json.dumps(written, indent=2) + "\n")


def write_record(folder: Path, *, seed: int, cpu_seconds: dict[str, int]) -> None:
    """Measure the written files, loaded as float32, and record figures and digests.

    Args:
        folder: Where the files are.
        seed: What the training was seeded with.
        cpu_seconds: By stage, of those that were run now.
    """
    policy = CausalPolicy.load(str(folder), device="cpu")
    greedy, greedy_format = accuracy(policy, GREEDY, count=PROMPTS)
    samples = [accuracy(policy, SAMPLED, count=PROMPTS, seed=seed) for seed in SAMPLING_SEEDS]
    files = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    record = {
        "seed": seed,
        "cpu_seconds": cpu_seconds,
        "torch": torch.__version__,
        "parameters": policy.model.num_parameters(),
        "held_out_prompts": PROMPTS,
        "greedy_accuracy": greedy,
        "greedy_format": greedy_format,
        "sampled_accuracy_by_seed": [accuracy for accuracy, _ in samples],
        "sampled_format_by_seed": [format_ok for _, format_ok in samples],
        "sha256": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files
        },
    }
    (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record))
    print("the digests above belong into node/policy/tiny.py, the figures into MODEL_CARD.md")
