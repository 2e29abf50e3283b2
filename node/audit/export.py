"""Rollouts to a file that appears whole or not at all; no file is replaced unasked."""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from node.audit.contributions import kept
from node.audit.reading import count_of, findings_of
from node.audit.rollouts import fields_of
from node.faults import ConfigFault, DiskFault
from node.ledger import Wanted
from node.settings import nearest
from node.work import Finding

ROWS_AT_ONCE = 2000
"""Of a Parquet file's row group: some megabytes in memory."""


class Format(StrEnum):
    """What rollouts are written as."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    SIGNED = "signed"


SUFFIXES = {".parquet": Format.PARQUET, ".contribution": Format.SIGNED}
"""Which format a file's name asks for; any other name is JSONL."""


def format_named(name: str | None, path: Path) -> Format:
    """Return the format of a name, or by the file's suffix where there is none.

    Raises:
        ConfigFault: There is no such format.
    """
    if name is None:
        return SUFFIXES.get(path.suffix, Format.JSONL)
    known = [one.value for one in Format]
    if name not in known:
        raise ConfigFault(f"--format {name!r} is unknown.", fix=nearest(name, known))
    return Format(name)


def export(data_dir: Path, path: Path, wanted: Wanted, *, form: Format, force: bool) -> int:
    """Write the rollouts that are wanted, oldest round first; return how many.

    Args:
        data_dir: The node's.
        path: The file to write.
        wanted: Which rollouts.
        form: As what.
        force: Whether to replace a file that is there.

    Raises:
        ConfigFault: The file is there, pyarrow is not, or signed bytes of other than one
            contribution are asked for.
        DataDirFault: No node has run there, or a ledger is damaged.
        DiskFault: The disk refuses; no file is left.
    """
    check_absent(path, force=force)
    if form is Format.SIGNED:
        return write_signed(data_dir, path, wanted, force=force)
    write = write_jsonl if form is Format.JSONL else parquet_writer()
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(path.name), total=count_of(data_dir, wanted))

        def told() -> Iterator[Finding]:
            for one in findings_of(data_dir, wanted):
                yield one
                bar.advance(task)

        with appearing(path, force=force) as temporary:
            return write(temporary, told())


def check_absent(path: Path, *, force: bool) -> None:
    """Refuse to replace a file unasked.

    Raises:
        ConfigFault: It is there.
        DiskFault: No file can have that name.
    """
    try:
        is_there = path.exists()
    except OSError as error:
        raise unwritable(path, error) from error
    if is_there and not force:
        raise ConfigFault(f"{path} is there already.", fix="Name another file, or give --force.")


@contextmanager
def appearing(path: Path, *, force: bool) -> Iterator[Path]:
    """Give a file to write, which takes its name once it is whole and on the disk.

    Raises:
        ConfigFault: Somebody else has made a file of that name meanwhile.
        DiskFault: The disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        check_absent(path, force=force)
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # what was wrong with it was said already
            temporary.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> DiskFault:
    """Return the fault of a file that the system does not let be written."""
    fix = "Check that the directory is there and may be written, and free some space."
    return DiskFault(f"{path} cannot be written: {error.strerror}.", fix=fix)


def write_jsonl(path: Path, found: Iterable[Finding]) -> int:
    """Write one line of JSON a rollout; return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, one in enumerate(found, start=1):  # noqa: B007 - the last count is returned
            file.write(json.dumps(fields_of(one), ensure_ascii=False) + "\n")
    return count


def parquet_writer() -> Callable[[Path, Iterable[Finding]], int]:
    """Return what writes Parquet, or say how to get it.

    Raises:
        ConfigFault: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigFault(
            "Parquet needs pyarrow, which is not installed.",
            fix="pip install 'drl-node[parquet]', or export as jsonl.",
        ) from error
    schema = pa.schema([(name, arrow_type(pa, name)) for name in ARROW_TYPES])

    def write(path: Path, found: Iterable[Finding]) -> int:
        count = 0
        with parquet.ParquetWriter(path, schema) as file:
            for rows in portions(found):
                file.write_table(pa.Table.from_pylist(rows, schema=schema))
                count += len(rows)
        return count

    return write


ARROW_TYPES = {
    "round_index": "int64",
    "prompt_index": "int64",
    "prompt": "string",
    "author": "string",
    "index": "int32",
    "text": "string",
    "tokens": "list",
    "ended": "bool_",
    "reward": "float64",
    "policy_digest": "string",
    "outcome": "string",
    "stage": "string",
    "reason": "string",
    "trained": "bool_",
    "trained_reward": "float64",
    "trained_tokens": "int32",
    "weight": "float64",
    "contribution": "string",
}
"""Of each column; tokens are lists of int32."""


def arrow_type(pa: Any, name: str) -> Any:
    """Return the type of a column."""
    kind = ARROW_TYPES[name]
    return pa.list_(pa.int32()) if kind == "list" else getattr(pa, kind)()


def portions(found: Iterable[Finding]) -> Iterator[Sequence[dict[str, object]]]:
    """Yield the rows of a file, some at a time; the rest of the rollouts is not in memory."""
    left = iter(found)
    while rows := [fields_of(one) for one in islice(left, ROWS_AT_ONCE)]:
        yield rows


def write_signed(data_dir: Path, path: Path, wanted: Wanted, *, force: bool) -> int:
    """Write the signed bytes of one contribution, as its author published them.

    Raises:
        ConfigFault: None is named, or it is not kept.
    """
    if wanted.contribution is None:
        raise ConfigFault(
            "Signed bytes are written of one contribution.", fix="Name it with --contribution ID."
        )
    saved = kept(data_dir, wanted.contribution)
    with appearing(path, force=force) as temporary:
        temporary.write_bytes(b"".join(saved.messages))
    return 1
