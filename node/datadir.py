"""The directory that is a node's own: private, one process's at a time; shut is not empty."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.faults import DataDirFault


def make_private_directory(path: Path, *, option: str = "--data-dir") -> None:
    """Make a directory that only its owner may enter; leave an existing one as it is.

    Args:
        path: The directory.
        option: What the operator names it with.

    Raises:
        DataDirFault: It cannot be made, or is something other than a directory.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise DataDirFault(
            f"{path} is a file, not a directory.", fix=f"Choose another with {option}."
        ) from error
    except OSError as error:
        raise DataDirFault(
            f"The directory {path} cannot be made: {error.strerror}.",
            fix=f"Choose another with {option}, or make it writable for this user.",
        ) from error


@contextmanager
def looking_at(path: Path) -> Iterator[None]:
    """Tell what this user may not look at from what is not there.

    Raises:
        DataDirFault: The system refuses to say what is there.
    """
    try:
        yield
    except OSError as error:
        raise DataDirFault(
            f"{path} cannot be read: {error.strerror}.",
            fix="Make it readable for this user, or name another place.",
        ) from error


def is_there(path: Path) -> bool:
    """Whether anything has this name.

    Raises:
        DataDirFault: This user may not look.
    """
    with looking_at(path):
        return path.exists()


def entries(path: Path) -> list[Path]:
    """Return what is in a directory, by name; nothing where there is none.

    Raises:
        DataDirFault: This user may not look, or it is something other than a directory.
    """
    with looking_at(path):
        try:
            return sorted(path.iterdir())
        except FileNotFoundError:
            return []


def swarm_files(data_dir: Path, name: str) -> list[Path]:
    """Return the files of one name, of all swarms that a node took part in.

    Raises:
        DataDirFault: As `entries`.
    """
    places = entries(data_dir / "swarms")
    return [place / name for place in places if is_there(place / name)]


@contextmanager
def lock_directory(path: Path, *, option: str = "--data-dir") -> Iterator[None]:
    """Hold a directory for this process, so that no second node signs with its key.

    Args:
        path: The directory.
        option: What the operator names it with.

    Raises:
        DataDirFault: Another process holds it, or it cannot be written.
    """
    try:
        descriptor = os.open(path / "LOCK", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirFault(
            f"The directory {path} cannot be written: {error.strerror}.",
            fix=f"Choose another with {option}, or make it writable for this user.",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise DataDirFault(
                f"Another drl-node (process {holder}) uses the directory {path}.",
                fix=f"Stop it, or choose another directory with {option}.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
