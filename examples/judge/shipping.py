"""Write the embedded judge's files as they are shipped, and the record of their making."""

import hashlib
import json
from pathlib import Path

import torch
from measuring import refused_shares
from safetensors.torch import save_file

from node.policy import CausalPolicy
from node.policy.tiny import DIRECTORY as TINY


def save_model(policy: CausalPolicy, folder: Path) -> None:
    """Write the weights in bfloat16; the architecture is the embedded model's own."""
    weights = {
        name: tensor.to(torch.bfloat16).contiguous()
        for name, tensor in policy.model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embedding
    }
    path = folder / "model.safetensors"
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)
    (folder / "config.json").write_bytes((TINY / "config.json").read_bytes())


def write_record(folder: Path, *, seed: int, cpu_seconds: int) -> None:
    """Measure the written files, loaded as float32, and record figures and digests.

    Args:
        folder: Where the files are.
        seed: What the training was seeded with.
        cpu_seconds: What it took.
    """
    files = ("config.json", "model.safetensors")
    record = {
        "seed": seed,
        "cpu_seconds": cpu_seconds,
        "torch": torch.__version__,
        "refused_percent": refused_shares(folder, seed=seed),
        "sha256": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files
        },
    }
    (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))
    print("the digests above belong into node/verification/judge/named.py")
