"""Puts a whole node elsewhere: another address to dial from, another time on the wall.

Python imports a module of this name at its start, from PYTHONPATH, in the node's process and in
its model's; `members.py` sets that and the variables below. All of 127.0.0.0/8 is this machine,
so each node of a swarm on loopback can have an address of its own, as it would elsewhere.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCE = "HOSTILE_SOURCE"
"""The IPv4 address to dial others on loopback from."""

CLOCK = "HOSTILE_CLOCK"
"""A file that holds by how many seconds the wall's clock is wrong, now."""


def dial_from(source: str) -> None:
    """Let whatever dials an address of loopback come from another one of it."""
    connect = socket.socket.connect

    def displaced(one: socket.socket, address: Any) -> None:
        local = one.family == socket.AF_INET and str(address[0]).startswith("127.")
        if local and one.getsockname()[0] == "0.0.0.0":  # noqa: S104 - compared, not bound
            one.bind((source, 0))
        connect(one, address)

    socket.socket.connect = displaced  # type: ignore[method-assign, assignment] # displaced


def set_clock(path: Path) -> None:
    """Let every reading of the wall's clock be wrong by what the file says at that moment."""
    read, read_ns = time.time, time.time_ns
    known = 0.0

    def wrong_by() -> float:
        nonlocal known
        with contextlib.suppress(OSError, ValueError):  # being written: as it was
            known = float(path.read_text())
        return known

    def shifted() -> float:
        return read() + wrong_by()

    def shifted_ns() -> int:
        return read_ns() + int(wrong_by() * 1e9)

    time.time, time.time_ns = shifted, shifted_ns


def displace(setting: str, how: Callable[[str], None]) -> None:
    """Do it if the environment asks for it."""
    if os.environ.get(setting):
        how(os.environ[setting])


displace(SOURCE, dial_from)
displace(CLOCK, lambda path: set_clock(Path(path)))
