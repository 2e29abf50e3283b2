"""A file on disk is whole: what stood there before, or all of what was written since.

It knows nothing of what a file says, and leaves it to its callers to tell what the disk said.
"""

import contextlib
import os
from pathlib import Path


def write_whole(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Put a file in its place, readable by its owner alone, so that no crash leaves half of it.

    Written beside it and flushed to the disk, then given its name, then the directory is flushed:
    the order in which no file system shows a name without its content.

    Args:
        path: The file.
        content: All of it.
        replace: Whether a file that is there already makes way.

    Raises:
        FileExistsError: One is there, and `replace` is False; it stays as it is.
        OSError: The disk refuses; the file is as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(draft, "wb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)
        sync_directory(path.parent)
    finally:
        with contextlib.suppress(OSError):  # what was wrong with it was said already
            draft.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Flush the names in a directory to the disk.

    Raises:
        OSError: The disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
