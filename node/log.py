"""What the node says: past-tense events with fields, for people or for machines."""

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Mapping
from typing import TextIO, cast

import structlog

from node.faults import ConfigFault
from node.settings import LogSettings, nearest

Event = Callable[[str, Mapping[str, object]], None]
"""How rooms below tell of what happened: a name and its fields."""

WARNINGS = frozenset(
    {
        "no_signal",
        "worker_lost",
        "degraded",
        "recovered",
        "dial_failed",
        "checkpoint_skipped",
        "round_jumped",
        "waiting",
        "author_cast_out",
        "libp2p_untested",
        "roster_unusable",
        "clock_stepped",
        "clock_behind",
        "weights_apart",
        "weights_rejoined",
    }
)
"""Events that an operator should see even where only warnings are shown."""

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
FORMATS = ("auto", "console", "json")


def configure_log(settings: LogSettings) -> structlog.typing.FilteringBoundLogger:
    """Send events to standard error and return the logger that does.

    Raises:
        ConfigFault: The level or the format is unknown.
    """
    if settings.level not in LEVELS:
        fix = nearest(settings.level, list(LEVELS))
        raise ConfigFault(f"[log] level = {settings.level!r} is unknown.", fix=fix)
    if settings.format not in FORMATS:
        fix = nearest(settings.format, list(FORMATS))
        raise ConfigFault(f"[log] format = {settings.format!r} is unknown.", fix=fix)
    on_terminal = sys.stderr.isatty()
    console = settings.format == "console" or (settings.format == "auto" and on_terminal)
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=on_terminal)
        if console
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.level]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Unfailing(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    # What libraries log is theirs; without a handler Python itself would print it.
    logging.getLogger().addHandler(logging.NullHandler())
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


class Unfailing(io.TextIOBase):
    """A stream whose writes may be lost, where a full disk behind it would end the node.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, or lose it."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what was written, or lose it."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def event_sink(
    log: structlog.typing.FilteringBoundLogger, quiet: frozenset[str] = frozenset()
) -> Event:
    """Return a sink for the rooms below; `quiet` names are told at debug level only."""

    def tell(name: str, fields: Mapping[str, object]) -> None:
        if name in quiet:
            log.debug(name, **fields)
        elif name in WARNINGS:
            log.warning(name, **fields)
        else:
            log.info(name, **fields)

    return tell
