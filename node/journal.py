"""A file of one JSON object a line that a full disk may delay, but neither break nor stop.

A line is on disk whole or not at all, since others read along. What the disk refuses waits in
memory, bounded, for the next line. It knows nothing of what the lines say.
"""

import json
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from node.faults import DataDirFault

WAITING_MAX = 1000
"""Lines that wait for room on the disk; beyond that the oldest are lost, and counted."""


class Journal:
    """Appends lines to a file.

    Args:
        path: Made where it is missing.

    Raises:
        DataDirFault: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise DataDirFault(
                f"{path} cannot be opened: {error.strerror}.", fix="Check the data directory."
            ) from error
        self._waiting: deque[bytes] = deque(maxlen=WAITING_MAX)
        self.lost = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """Lines that the disk has refused so far."""
        return len(self._waiting)

    def write(self, fields: Mapping[str, object]) -> None:
        """Append one object, after those that wait."""
        self.lost += len(self._waiting) == WAITING_MAX
        self._waiting.append(json.dumps(fields).encode() + b"\n")
        while self._waiting and self._append(self._waiting[0]):
            self._waiting.popleft()

    def close(self) -> None:
        """Close the file; what still waits is lost."""
        os.close(self._file)

    def _append(self, line: bytes) -> bool:
        """Put a whole line at the end, or leave the file as it was."""
        try:
            before = os.fstat(self._file).st_size
            written = os.write(self._file, line)
            if written < len(line):
                os.ftruncate(self._file, before)
        except OSError:
            return False
        return written == len(line)
