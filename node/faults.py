"""What the world or the operator did, in words that name cause, consequence and fix.

These are the only errors that a person is meant to read. What a peer did wrong is a
`protocol.errors.Refused`; what we did wrong is any other exception, and crashes loudly.
"""

from typing import ClassVar


class Fault(Exception):  # noqa: N818 - the world's, not an error of this program
    """A cause outside the program, with the way out of it.

    Args:
        cause: What is wrong, naming the thing (file, key, port) that is.
        fix: What the operator can do about it.
    """

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "Something outside the program failed."

    def __init__(self, cause: str, *, fix: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.cause}\n  fix: {self.fix}"


class ConfigFault(Fault):
    """A setting is unknown, malformed or contradicts another."""

    exit_code = 2
    meaning = "A setting, flag or configuration file is wrong."


class IdentityFault(Fault):
    """The key file cannot be used as it is."""

    exit_code = 3
    meaning = "The key file or the data directory cannot be used (permissions, another process)."


class DataDirFault(Fault):
    """The data directory is locked by another process, unwritable or of a newer version."""

    exit_code = 3
    meaning = IdentityFault.meaning


class ModelFault(Fault):
    """The model cannot be loaded."""

    exit_code = 4
    meaning = "The model, the task or a checkpoint cannot be loaded."


class TaskFault(Fault):
    """The task cannot be loaded."""

    exit_code = 4
    meaning = ModelFault.meaning


class CheckpointFault(Fault):
    """A checkpoint cannot be read."""

    exit_code = 4
    meaning = ModelFault.meaning


class NetworkFault(Fault):
    """The node cannot listen where it was told to."""

    exit_code = 5
    meaning = "The node cannot listen on the address that it was given."


class DiskFault(Fault):
    """The disk refused a write (full, read-only, failing)."""

    exit_code = 6
    meaning = "The disk refused a write (full, read-only or failing)."


EXIT_OK = 0
EXIT_BUG = 70
"""An error of our own making: the traceback is printed whole, so that it can be reported."""

EXIT_SWARM = 1
"""`swarm up`: a node of the swarm failed, or an attack harmed an honest one."""

EXIT_REFUSED = 1
"""`verify`: admission or a stage refuses what it was asked about."""

EXIT_UNHEALTHY = 1
"""`health`: the node has finished no round of late."""

EXIT_UNPROVEN = 1
"""`ledger verify`: something in a ledger is not as it was written."""

EXIT_INTERRUPTED = 130
"""Interrupted before there was anything to save; the shell's own number for it."""
