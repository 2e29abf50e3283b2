"""Snapshots as directories that appear whole or not at all; knows no meaning of their content.

    <root>/round-00000012/          model, optimizer, kept (.safetensors) and state.json
    <root>/round-00000012/MANIFEST.json      size and SHA-256 of each of them
    <root>/.tmp-*, <root>/.old-*    what a crash in the midst of a save leaves; see `prepare`

Order of a save: files written and flushed to the disk, then their directory, then the rename that
makes them a checkpoint, then the parent directory; only then are older ones removed. One process
at a time may write to a root; who that is, is decided elsewhere.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from node.checkpoint.snapshot import FILES, Snapshot, read_snapshot
from node.faults import CheckpointFault, DiskFault
from node.whole import sync_directory

MANIFEST = "MANIFEST.json"
_NAME = re.compile(r"round-(\d{8,})")
_TEMPORARY, _REPLACED = ".tmp-", ".old-"

_FREE_FACTOR = 2
"""Free space asked for, in sizes of the snapshot: others write to the disk at the same time."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A checkpoint that cannot be used, and why; left where it is, for whoever wants to look."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest usable checkpoint, and the newer ones that were passed over."""

    path: Path | None
    damaged: tuple[Damaged, ...] = ()


def prepare(root: Path) -> None:
    """Make the root, and clear away what an interrupted save left in it.

    A checkpoint that was being replaced by another of the same round is put back, unless its
    successor is there.

    Raises:
        DiskFault: The disk refuses.
    """
    with _disk_faults(root):
        root.mkdir(parents=True, exist_ok=True)
        for path in sorted(root.glob(f"{_REPLACED}*")):
            home = root / path.name.removeprefix(_REPLACED)
            if home.exists():
                shutil.rmtree(path)
            else:
                path.rename(home)
        for path in root.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(path)


def save(root: Path, snapshot: Snapshot, *, keep_last: int = 3) -> Path:
    """Write a snapshot so that a crash at any moment leaves it whole or absent.

    Args:
        root: The directory of checkpoints; made if it is missing.
        snapshot: What to save.
        keep_last: How many checkpoints to keep, this one included; those before them are
            removed once this one is safe.

    Returns:
        The new checkpoint's directory.

    Raises:
        DiskFault: The disk is full, read-only or failing. What was saved before is untouched.
    """
    if keep_last < 1:
        raise ValueError(f"keep_last must be at least 1, not {keep_last}")
    target = root / f"round-{snapshot.round_index:08d}"
    temporary = root / f"{_TEMPORARY}{target.name}"
    with _disk_faults(root):
        prepare(root)
        _require_space(root, _FREE_FACTOR * snapshot.size_bytes())
        try:
            temporary.mkdir()
            _write_all(temporary, snapshot)
            _install(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _remove_older(target, keep=keep_last - 1)
    return target


def forget_after(root: Path, round_index: int) -> None:
    """Remove the checkpoints of later rounds: their history was given up.

    Raises:
        DiskFault: The disk refuses; the latest ones are gone first.
    """
    with _disk_faults(root):
        _remove(path for at, path in reversed(_numbered(root)) if at > round_index)


def load(path: Path) -> Snapshot:
    """Read one checkpoint, after comparing every file with the manifest.

    Raises:
        CheckpointFault: It is damaged, or of a newer format.
    """
    reason = _damage(path)
    if reason is not None:
        raise CheckpointFault(
            f"checkpoint {path} is damaged: {reason}",
            fix="move that directory away; the one before it is used then",
        )
    return read_snapshot(path)


def latest(root: Path, *, up_to: int | None = None, strict: bool = False) -> Latest:
    """Find the newest checkpoint whose files are what its manifest says.

    Args:
        root: The directory of checkpoints; may be missing.
        up_to: The latest round that it may go on with; None for any.
        strict: Whether to refuse a root that holds checkpoints of which none is usable, rather
            than let the caller start from nothing.

    Returns:
        The checkpoint to resume from, if any, and the damaged ones newer than it.

    Raises:
        CheckpointFault: `strict`, and there are only damaged ones.
    """
    damaged: list[Damaged] = []
    for round_index, path in reversed(_numbered(root)):
        if up_to is not None and round_index > up_to:
            continue
        reason = _damage(path)
        if reason is None:
            return Latest(path, tuple(damaged))
        damaged.append(Damaged(path, reason))
    if strict and damaged:
        listed = "; ".join(f"{one.path.name}: {one.reason}" for one in damaged)
        raise CheckpointFault(
            f"none of the checkpoints in {root} is usable ({listed})",
            fix=f"move {root} away to start from the original model, or restore it from a backup",
        )
    return Latest(None, tuple(damaged))


def _numbered(root: Path) -> list[tuple[int, Path]]:
    """All checkpoints with the rounds that they go on with, oldest first, usable or not."""
    if not root.is_dir():
        return []
    return sorted(
        (int(match[1]), path) for path in root.iterdir() if (match := _NAME.fullmatch(path.name))
    )


def _damage(path: Path) -> str | None:
    """Say what is wrong with a checkpoint, or None."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        for name in FILES:
            expected = manifest["files"].get(name)
            if expected is None:
                return f"its manifest names no {name}"
            size = (path / name).stat().st_size
            if size != expected["bytes"]:
                return f"{name} has {size} bytes instead of {expected['bytes']}"
            with (path / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != expected["sha256"]:
                return f"{name} has the SHA-256 {digest} instead of {expected['sha256']}"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _write_all(directory: Path, snapshot: Snapshot) -> None:
    files = {}
    for name, chunks in snapshot.files().items():
        size, digest = _write_file(directory / name, chunks)
        files[name] = {"bytes": size, "sha256": digest}
    manifest = json.dumps({"files": files}, indent=2, sort_keys=True).encode() + b"\n"
    _write_file(directory / MANIFEST, (manifest,))
    sync_directory(directory)


def _write_file(path: Path, chunks: Iterable[bytes | memoryview]) -> tuple[int, str]:
    """Write and flush a new file; return its size in bytes and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _install(temporary: Path, target: Path) -> None:
    """Give a complete directory its name; an earlier one of that name is moved aside first."""
    replaced = target.with_name(_REPLACED + target.name)
    if target.exists():
        target.rename(replaced)
    try:
        temporary.rename(target)
    except OSError:
        if replaced.exists():
            replaced.rename(target)
        raise
    sync_directory(target.parent)
    if replaced.exists():
        shutil.rmtree(replaced)


def _remove_older(target: Path, *, keep: int) -> None:
    """Remove all but the last few of the checkpoints before this one.

    Later ones stay: a run that had to fall back behind damaged ones must not count them, or it
    would remove what it has just written.
    """
    checkpoints = [path for _, path in _numbered(target.parent)]
    older = checkpoints[: checkpoints.index(target)]
    _remove(older[: max(len(older) - keep, 0)])


def _remove(checkpoints: Iterable[Path]) -> None:
    for path in checkpoints:
        # Renamed first: half a removal must not look like a damaged checkpoint.
        doomed = path.rename(path.with_name(_TEMPORARY + path.name))
        shutil.rmtree(doomed)


def _require_space(root: Path, needed: int) -> None:
    free = shutil.disk_usage(root).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{needed} bytes wanted for a checkpoint, {free} are free")


@contextlib.contextmanager
def _disk_faults(root: Path) -> Iterator[None]:
    """Turn what the disk says into words for the operator."""
    fixes = {
        errno.ENOSPC: "free some space there; training goes on, and the next save is tried anew",
        errno.EDQUOT: "free some of your quota; training goes on, and the next save is tried anew",
        errno.EROFS: "remount it writable, or choose another data directory",
    }
    try:
        yield
    except OSError as error:
        raise DiskFault(
            f"no checkpoint could be written under {root}: {error}",
            fix=fixes.get(error.errno or 0, "check the disk and the directory's permissions"),
        ) from error
