"""Named tensors to and from safetensors files, never pickle; knows no model.

Written here piece by piece rather than through the library, so that a file is hashed, and a full
disk noticed as an OSError, while it is written, and no second copy of the weights is made. Read
by the library. The format: https://huggingface.co/docs/safetensors (eight bytes of header length,
a JSON header, then the data, little-endian, without holes).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from node.faults import CheckpointFault

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}

_PIECE_BYTES = 16 * 1024 * 1024
"""Small enough that a failing disk is noticed early, large enough that the loop costs nothing."""


def tensor_chunks(tensors: Mapping[str, Tensor]) -> Iterator[bytes | memoryview]:
    """Yield a safetensors file that holds the tensors, in pieces.

    Args:
        tensors: By name, on any device; of a type that safetensors knows (our bug otherwise).
    """
    # The widest types first keeps every tensor aligned to its own width.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in order:
        tensor = tensors[name]
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    yield len(encoded).to_bytes(8, "little") + encoded
    for name in order:
        flat = tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        view = flat.numpy().data
        for start in range(0, len(view), _PIECE_BYTES):
            yield view[start : start + _PIECE_BYTES]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file onto the CPU.

    Raises:
        CheckpointFault: It is missing, cut short, or no safetensors file.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointFault(
            f"{path} is not a readable safetensors file: {error}",
            fix="move that checkpoint's directory away; the one before it is used then",
        ) from error


@torch.no_grad()
def copy_into(current: Mapping[str, Tensor], saved: Mapping[str, Tensor], *, what: str) -> None:
    """Overwrite tensors by saved ones of the same names, or change nothing at all.

    Args:
        current: The tensors to overwrite, in place.
        saved: Their new values.
        what: What they are, for the error's sentence, such as "model".

    Raises:
        CheckpointFault: A name, a shape or a type differs.
    """
    fix = "start with the model that the checkpoint was made with, or another data directory"
    if current.keys() != saved.keys():
        name = min(current.keys() ^ saved.keys())
        side = "lacks" if name in current else "has an unknown"
        raise CheckpointFault(f"the checkpoint's {what} {side} tensor {name!r}", fix=fix)
    for name, tensor in current.items():
        other = saved[name]
        if (tensor.shape, tensor.dtype) != (other.shape, other.dtype):
            raise CheckpointFault(
                f"the checkpoint's {what} tensor {name!r} is {other.dtype} {tuple(other.shape)}, "
                f"not {tensor.dtype} {tuple(tensor.shape)}",
                fix=fix,
            )
    for name, tensor in current.items():
        tensor.copy_(saved[name])
