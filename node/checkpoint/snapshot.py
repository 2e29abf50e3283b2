"""One moment of a training run, as the files that hold it; knows no directory and no disk."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from node.checkpoint.tensors import read_tensors, tensor_chunks
from node.faults import CheckpointFault

FORMAT = 2
"""Raised when an older release could not read what a newer one wrote."""

MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
KEPT = "kept.safetensors"
STATE = "state.json"
FILES = (MODEL, OPTIMIZER, KEPT, STATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a run needs to go on as though it had never stopped.

    Args:
        round_index: The 0-based round that the run is to do next.
        model: Weights by name.
        optimizer: The optimiser's tensors by name.
        torch_rng: State of torch's CPU generator, (n,) uint8.
        state: Whatever else the caller wants back: JSON values only.
        kept: Further tensors that the caller wants back, by name.
    """

    round_index: int
    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    torch_rng: Tensor
    state: Mapping[str, Any]
    kept: Mapping[str, Tensor] = field(default_factory=dict)

    def files(self) -> dict[str, Iterator[bytes | memoryview]]:
        """Return the contents of each file, in pieces; nothing is copied whole."""
        return {
            MODEL: tensor_chunks(self.model),
            OPTIMIZER: tensor_chunks(self.optimizer),
            KEPT: tensor_chunks(self.kept),
            STATE: iter((self._state_json(),)),
        }

    def size_bytes(self) -> int:
        """About how large the files will be; headers are taken to be small."""
        tensors = (*self.model.values(), *self.optimizer.values(), *self.kept.values())
        return sum(tensor.nbytes for tensor in tensors) + len(self._state_json())

    def _state_json(self) -> bytes:
        content = {
            "format": FORMAT,
            "round_index": self.round_index,
            "state": dict(self.state),
            "torch_rng": base64.b64encode(bytes(self.torch_rng.tolist())).decode("ascii"),
        }
        return json.dumps(content, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"


def read_snapshot(directory: Path) -> Snapshot:
    """Read back the files of one snapshot, whose digests somebody else has checked.

    Raises:
        CheckpointFault: A file is missing, malformed, or of a newer format.
    """
    path = directory / STATE
    try:
        content = json.loads(path.read_bytes())
        written = int(content["format"])
        if written > FORMAT:
            raise CheckpointFault(
                f"{path} is of format {written}; this release reads up to {FORMAT}",
                fix="use the newer release that wrote it, or another data directory",
            )
        rng = base64.b64decode(content["torch_rng"], validate=True)
        return Snapshot(
            round_index=int(content["round_index"]),
            model=read_tensors(directory / MODEL),
            optimizer=read_tensors(directory / OPTIMIZER),
            kept=read_tensors(directory / KEPT),
            torch_rng=torch.tensor(list(rng), dtype=torch.uint8),
            state=dict(content["state"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise CheckpointFault(
            f"{path} cannot be read: {error!r}",
            fix="move that checkpoint's directory away; the one before it is used then",
        ) from error
