"""The node's key on disk: made once, never overwritten, readable by its owner alone."""

import contextlib
import hashlib
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.datadir import is_there, make_private_directory
from node.faults import DiskFault, IdentityFault
from node.settings import SwarmSettings
from node.whole import write_whole
from protocol.identity import Keypair
from protocol.puzzle import tried_keys, zero_bits

PREFIX = "drl-ed25519:"
"""Opens the one line of a key file, so that a wrong file is recognised as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Puzzle:
    """The join puzzle that a swarm sets a key.

    Args:
        swarm: Its name.
        bits: Of its join puzzle that the key must solve; 0 for any key.
    """

    swarm: str = ""
    bits: int = 0


NO_PUZZLE = Puzzle()


def puzzle_of(swarm: SwarmSettings) -> Puzzle:
    """Return the puzzle that a swarm sets its members' keys."""
    return Puzzle(swarm=swarm.name, bits=swarm.join_bits)


def seeded_keypair(seed: int, index: int, puzzle: Puzzle = NO_PUZZLE) -> Keypair:
    """Return the key of a node of a swarm that must replay; anybody can make it too.

    Args:
        seed: The swarm's.
        index: 0-based place of the node in it.
        puzzle: What the key must solve.
    """
    drawn = hashlib.sha256(f"drl-node/swarm-up/{seed}/{index}".encode()).digest()
    while zero_bits(puzzle.swarm, (keypair := Keypair.from_seed(drawn)).peer_id) < puzzle.bits:
        drawn = hashlib.sha256(drawn).digest()
    return keypair


TOLD_EVERY = 1 << 18
"""Keys tried between two signs of life: some seven seconds."""


def untold(_tried: int) -> None:
    """Tell nobody how far a search is."""


def load_or_create_key(
    path: Path, puzzle: Puzzle = NO_PUZZLE, told: Callable[[int], None] = untold
) -> Keypair:
    """Return the key of `path`, making the file (0600, in a 0700 directory) where none is.

    Args:
        path: Of the file.
        puzzle: What the key must solve; a search for one takes 2**bits tries on average.
        told: Told now and then how many keys were tried.

    Raises:
        IdentityFault: The file is readable by others, is no key, cannot be read, or holds a key
            that does not solve the puzzle.
        DataDirFault: Its directory cannot be made or looked into.
        DiskFault: The key cannot be written.
    """
    make_private_directory(path.parent)
    if not is_there(path):
        create_key(path, _searched(puzzle, told))
    keypair = load_key(path)
    if zero_bits(puzzle.swarm, keypair.peer_id) < puzzle.bits:
        raise IdentityFault(
            f"The key in {path} does not solve the join puzzle of the swarm {puzzle.swarm!r} "
            f"({puzzle.bits} bits).",
            fix="Choose a data directory for this swarm alone (--data-dir): where no key is, a "
            "fitting one is searched for.",
        )
    return keypair


def _searched(puzzle: Puzzle, told: Callable[[int], None]) -> Keypair:
    for tried, keypair in enumerate(tried_keys(puzzle.swarm, puzzle.bits), start=1):
        if keypair is not None:
            return keypair
        if tried % TOLD_EVERY == 0:
            told(tried)
    raise AssertionError("the search ends with a key")


def create_key(path: Path, keypair: Keypair) -> None:
    """Write a key to a path where nothing is yet.

    A crash leaves either no key or a whole one, and two processes starting at once agree on one.

    Raises:
        DiskFault: The file cannot be written.
    """
    try:
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            write_whole(path, f"{PREFIX}{keypair.seed.hex()}\n".encode("ascii"), replace=False)
    except OSError as error:
        raise DiskFault(
            f"The key file {path} cannot be written: {error.strerror}.",
            fix="Free some space or choose another directory with --data-dir.",
        ) from error


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
