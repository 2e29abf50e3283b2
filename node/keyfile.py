"""The node's key on disk: made once, never overwritten, readable by its owner alone."""

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from node.datadir import make_private_directory
from node.faults import DiskFault, IdentityFault
from protocol.identity import Keypair

PREFIX = "drl-ed25519:"
"""Opens the one line of a key file, so that a wrong file is recognised as one."""


def seeded_keypair(seed: int, index: int) -> Keypair:
    """Return the key of a node of a swarm that must replay; anybody can make it too.

    Args:
        seed: The swarm's.
        index: 0-based place of the node in it.
    """
    drawn = hashlib.sha256(f"drl-node/swarm-up/{seed}/{index}".encode()).digest()
    return Keypair.from_seed(drawn)


def load_or_create_key(path: Path) -> Keypair:
    """Return the key of `path`, making the file (0600, in a 0700 directory) where none is.

    Raises:
        IdentityFault: The file is readable by others, is no key, or cannot be read.
        DataDirFault: Its directory cannot be made.
        DiskFault: The key cannot be written.
    """
    make_private_directory(path.parent)
    if not path.exists():
        create_key(path, Keypair.generate())
    return load_key(path)


def create_key(path: Path, keypair: Keypair) -> None:
    """Write a key to a path where nothing is yet.

    The bytes are written beside it and linked into place, so that a crash leaves either no
    key or a whole one, and two processes starting at once agree on one key.

    Raises:
        DiskFault: The file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{PREFIX}{keypair.seed.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
    except OSError as error:
        raise DiskFault(
            f"The key file {path} cannot be written: {error.strerror}.",
            fix="Free some space or choose another directory with --data-dir.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def load_key(path: Path) -> Keypair:
    """Return the key that a file holds.

    Raises:
        IdentityFault: The file is readable by others, is no key, or cannot be read.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise IdentityFault(
            f"The key file {path} cannot be read: {error}.",
            fix="Restore it from a backup, or move it away to get a new identity.",
        ) from error
    if mode & 0o077:
        raise IdentityFault(
            f"The key file {path} is open to other users (mode {mode:04o}).",
            fix=f"chmod 600 {path}; if others may have read it, move it away for a new identity.",
        )
    return Keypair.from_seed(parse_seed(text, path))


def parse_seed(text: str, path: Path) -> bytes:
    """Return the 32 bytes that a key file's line names.

    Raises:
        IdentityFault: The line is not one that this program writes.
    """
    line = text.strip()
    with contextlib.suppress(ValueError):
        seed = bytes.fromhex(line.removeprefix(PREFIX))
        if line.startswith(PREFIX) and len(seed) == 32:  # noqa: PLR2004 - an Ed25519 seed
            return seed
    raise IdentityFault(
        f"The key file {path} holds no key.",
        fix="Restore it from a backup, or move it away to get a new identity.",
    )
