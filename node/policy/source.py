"""From a name to a directory: the embedded model, a path, or an id of the Hugging Face hub.

Local files come first; the network is asked only for what is not there, and never for pickled
weights or code. It opens none of the files.
"""

import contextlib
import os
import re
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import LocalEntryNotFoundError

from node.faults import ModelFault
from node.policy import tiny
from node.settings import home_resolved

TOKENIZER_FILES = frozenset({"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"})
"""Any of these makes a tokenizer; a directory with none has none."""

_BUILTIN = {"tiny": tiny.DIRECTORY}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_WANTED = ("*.json", "*.safetensors", "*.jinja", "vocab.txt", "merges.txt", "tokenizer.model")


def directory_of(source: str, *, offline: bool = False) -> Path:
    """Return the local directory of a model's files, fetching a hub id's if need be.

    Args:
        source: ``builtin:NAME``, a path, or a hub id such as ``Qwen/Qwen2.5-0.5B``.
        offline: Never ask the network; so does HF_HUB_OFFLINE in the environment.

    Raises:
        ModelFault: There is no such model, or it cannot be fetched.
    """
    kind, _, name = source.partition(":")
    if kind == "builtin":
        return _builtin(name)
    path = home_resolved(source)
    if source and path.is_dir():
        return path
    looks_local = source.startswith((".", "/", "~")) or path.exists()
    if looks_local or not _HUB_ID.fullmatch(source):
        raise ModelFault(
            f"{source} is not a directory",
            fix="give the directory with config.json and *.safetensors, a hub id, or builtin:tiny",
        )
    return _of_hub(source, offline=offline or _is_offline())


def _builtin(name: str) -> Path:
    if name not in _BUILTIN:
        known = ", ".join(f"builtin:{known}" for known in _BUILTIN)
        raise ModelFault(f"there is no embedded model builtin:{name}", fix=f"choose from {known}")
    return _BUILTIN[name]


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}


def _of_hub(hub_id: str, *, offline: bool) -> Path:
    """Return the newest local snapshot if it is whole, else fetch it."""
    with contextlib.suppress(LocalEntryNotFoundError):
        snapshot = huggingface_hub.snapshot_download(hub_id, local_files_only=True)
        if _is_whole(Path(snapshot)):
            return Path(snapshot)
    if offline:
        raise ModelFault(
            f"{hub_id} is not on this machine, and the network may not be asked for it",
            fix="unset HF_HUB_OFFLINE, or fetch it elsewhere and give its directory",
        )
    try:
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=list(_WANTED)))
    except OSError as error:
        raise ModelFault(
            f"{hub_id} could not be fetched from the hub ({type(error).__name__}: {error})",
            fix="check the id, the network and `hf auth login`, or give a local directory",
        ) from error


def _is_whole(directory: Path) -> bool:
    names = {path.name for path in directory.iterdir()}
    has_weights = any(name.endswith(".safetensors") for name in names)
    return "config.json" in names and has_weights and not names.isdisjoint(TOKENIZER_FILES)
