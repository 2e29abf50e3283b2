"""What survives a node's death: whole snapshots of a training run on disk, or none.

Knows files and tensors. It does not know what is trained, by whom, or what a caller's state means.
"""

from node.checkpoint.directory import Damaged, Latest, forget_after, latest, load, prepare, save
from node.checkpoint.snapshot import Snapshot
from node.checkpoint.tensors import copy_into, tensor_chunks

__all__ = [
    "Damaged",
    "Latest",
    "Snapshot",
    "copy_into",
    "forget_after",
    "latest",
    "load",
    "prepare",
    "save",
    "tensor_chunks",
]
