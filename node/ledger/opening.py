"""From a path to a ledger's file: sound, of this version, or refused and left as it was.

A file is looked at before it is opened to be written, so that not even a write-ahead log is
merged into a damaged one. An older one is copied before it is brought up to date.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from node.faults import DataDirFault, DiskFault
from node.ledger.schema import VERSION, migrate
from node.whole import sync_directory

COPY_SUFFIX = ".v{version}"
"""Appended to the name of the copy that is made of an older version's file."""


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a ledger beside the node that writes it.

    Raises:
        DataDirFault: It is no ledger, is damaged, or is of another version.
        DiskFault: It cannot be read.
    """
    try:
        file = connect(path, "ro")
    except sqlite3.DatabaseError as error:
        raise fault_of(path, error, reading=True) from error
    try:
        version = version_of(file)
        _refuse_newer(path, version)
        _refuse_older(path, version)
    except sqlite3.DatabaseError as error:
        file.close()
        raise fault_of(path, error, reading=True) from error
    except DataDirFault:
        file.close()
        raise
    return file


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the ledger of this process; made where it is missing, brought to this version.

    Raises:
        DataDirFault: It is no ledger, is damaged, or comes from a newer version; it is untouched.
        DiskFault: The disk refuses.
    """
    file = None
    try:
        _inspect(path)
        file = connect(path, "rwc")
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=FULL")
        file.execute("PRAGMA foreign_keys=ON")
        _bring_up_to_date(path, file)
        file.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.DatabaseError as error:
        if file is not None:
            file.close()
        raise fault_of(path, error) from error
    except OSError as error:
        assert file is not None  # it was being copied
        file.close()
        raise DiskFault(
            f"The ledger {path} cannot be copied before it is brought up to date: {error}.",
            fix="Free some space. It was left as it is.",
        ) from error
    return file


def connect(path: Path, access: str) -> sqlite3.Connection:
    """Open a file as SQLite's `mode` says, with transactions left to the caller."""
    place = f"{path.absolute().as_uri()}?mode={access}"
    return sqlite3.connect(place, uri=True, isolation_level=None)


def version_of(file: sqlite3.Connection) -> int:
    """Return the version of a ledger's tables; 0 where it has none."""
    return int(file.execute("PRAGMA user_version").fetchone()[0])


def version_at(path: Path) -> int:
    """Return the version of a ledger's file, which is left as it is; 0 where nothing is in it.

    Raises:
        DataDirFault: It is no ledger, is damaged, or comes from a newer version.
        DiskFault: It cannot be read.
    """
    try:
        return _inspect(path)
    except sqlite3.DatabaseError as error:
        raise fault_of(path, error, reading=True) from error


def _inspect(path: Path) -> int:
    """Return a file's version; refuse one that is damaged, newer, or somebody else's."""
    if not path.exists():
        return 0
    if not path.is_file():
        raise DataDirFault(f"The ledger {path} is no file.", fix="Move it away.")
    # What was never made whole can only be undone by who may write.
    unfinished = path.with_name(f"{path.name}-journal").exists()
    with closing(connect(path, "rw" if unfinished else "ro")) as file:
        version = version_of(file)
        _refuse_newer(path, version)
        (said,) = file.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise damaged(path, last_line(said))
        if version == 0 and file.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise DataDirFault(
                f"The file {path} is a database, but no ledger.", fix="Move it away."
            )
    return version


def _refuse_newer(path: Path, version: int) -> None:
    if version > VERSION:
        raise DataDirFault(
            f"The ledger {path} is of version {version}; this program knows {VERSION}.",
            fix="Update drl-node, or start with another --data-dir.",
        )


def _refuse_older(path: Path, version: int) -> None:
    if version == 0:
        raise DataDirFault(
            f"The ledger {path} is empty: what it held is gone, or nothing was written yet.",
            fix="Put back the one that belongs here; else start the node, which says what it "
            "can go on with.",
        )
    if version < VERSION:
        raise DataDirFault(
            f"The ledger {path} is of version {version}; this program reads {VERSION}.",
            fix="Start the node once with this program: it brings the ledger up to date.",
        )


def _bring_up_to_date(path: Path, file: sqlite3.Connection) -> None:
    version = version_of(file)
    if version == VERSION:
        return
    if version:
        copy_beside(path, file, version)
    file.execute("BEGIN IMMEDIATE")
    try:
        migrate(file, version)
    except BaseException:
        file.execute("ROLLBACK")
        raise
    file.execute("COMMIT")


def copy_beside(path: Path, file: sqlite3.Connection, version: int) -> Path:
    """Copy a ledger as it is, its write-ahead log included; a half copy never has the name.

    Returns:
        The copy.
    """
    copy = path.with_name(path.name + COPY_SUFFIX.format(version=version))
    draft = copy.with_name(f".{copy.name}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    try:
        with closing(connect(draft, "rw")) as target:
            target.execute("PRAGMA synchronous=FULL")
            file.backup(target)
        draft.replace(copy)
        sync_directory(copy.parent)
    finally:
        draft.unlink(missing_ok=True)
    return copy


def last_line(said: object) -> str:
    """Return what SQLite found, without the heading that it may put above."""
    return str(said).splitlines()[-1]


def damaged(path: Path, how: str) -> DataDirFault:
    """Return the fault of a ledger whose file is broken, with what is lost without it."""
    return DataDirFault(
        f"The ledger {path} is damaged: {how}. It was left as it is.",
        fix="Move it away, and identity.key with it: what that key has signed is no longer "
        "known, and to sign anything else for the same round would be taken for fraud. The "
        "checkpoints stay good; lost are the rounds after the newest one, the verdicts, and who "
        "was cast out (peers tell that again).",
    )


def fault_of(
    path: Path, error: sqlite3.DatabaseError, *, reading: bool = False
) -> DataDirFault | DiskFault:
    """Return what an error of SQLite's means for the operator."""
    if not isinstance(error, sqlite3.OperationalError):
        return damaged(path, str(error))
    done, fix = ("read", "Check the disk.") if reading else ("written", "Free some space.")
    if error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
        fix = f"Make {path.parent} and what is in it readable and writable for this user."
    return DiskFault(
        f"The ledger {path} cannot be {done}: {error}.",
        fix=f"{fix} What was saved is kept; a running node goes on by itself.",
    )
