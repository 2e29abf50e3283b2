"""Whose a swarm's directory is: a key, the ledger of what it has signed, and the weights fit.

A key without its ledger could sign two answers to one prompt; a ledger under another key would
have a node say again what it never said. It knows nothing of what was signed.
"""

from contextlib import closing
from pathlib import Path

from node.faults import DataDirFault, DiskFault, IdentityFault
from node.ledger import VERSION, Ledger, version_at
from node.whole import write_whole
from protocol.identity import PeerId

LEDGER = "ledger.db"
"""What was signed and heard in a swarm."""

AUTHOR = "author"
"""Beside it, the peer id of the key that signs there."""

BEGAN = "began"
"""The ledger's note of the round that the checkpoint stood at when it was made."""


def open_own_ledger(run_dir: Path, me: PeerId, *, next_round: int) -> Ledger:
    """Open the ledger that this node signs in.

    Args:
        run_dir: The swarm's directory.
        me: Whose key signs.
        next_round: The round that the newest checkpoint goes on with.

    Raises:
        IdentityFault, DataDirFault: Key, ledger and checkpoint do not belong together.
        DiskFault: The disk refuses.
    """
    is_new = check_author(run_dir, me)
    path = run_dir / LEDGER
    # To read, first: opened to write, its write-ahead log is merged, whole or not, and dropped.
    if not is_new:
        look_into(path, next_round)
    ledger = Ledger(path)
    try:
        if is_new and ledger.noted(BEGAN) is None:
            ledger.note(BEGAN, str(next_round))
        check_reach(ledger, next_round)
        note_author(run_dir, me)
    except BaseException:
        ledger.close()
        raise
    return ledger


def check_author(run_dir: Path, me: PeerId) -> bool:
    """Refuse a ledger that another key has signed in, and a key whose ledger is gone.

    Returns:
        Whether nobody is known to have signed here.

    Raises:
        IdentityFault: The key is not the one that has signed in this swarm so far.
        DataDirFault: What the key has signed is no longer known.
    """
    mark = run_dir / AUTHOR
    if not mark.exists():
        return True
    before = mark.read_text("utf-8", errors="replace").strip()
    ledger = run_dir / LEDGER
    has_ledger = ledger.exists() and ledger.stat().st_size > 0  # an empty one would be begun anew
    if before == str(me) and not has_ledger:
        raise DataDirFault(
            f"The ledger {ledger} is gone: nobody knows what this key has signed there.",
            fix="Put it back; or move identity.key away, and the node makes itself another: to "
            "sign anything else for the same round would be taken for fraud.",
        )
    if before != str(me) and has_ledger:
        raise IdentityFault(
            f"identity.key holds the key of {me}, but {before[:64]!r} has signed in {run_dir}.",
            fix=f"Put the right key back; or remove {mark} to go on as {me}.",
        )
    if before == str(me):
        return False
    mark.unlink()  # both were moved away, as a fault's fix says: a new beginning
    return True


def note_author(run_dir: Path, me: PeerId) -> None:
    """Write down beside the ledger whose it is.

    Raises:
        DiskFault: The disk refuses.
    """
    if (run_dir / AUTHOR).exists():
        return
    try:
        write_whole(run_dir / AUTHOR, f"{me}\n".encode())
    except OSError as error:
        raise DiskFault(
            f"{run_dir / AUTHOR} cannot be written: {error.strerror}.", fix="Free some space."
        ) from error


def look_into(path: Path, next_round: int) -> None:
    """Refuse a ledger that ends too early, and leave its files as they are.

    One of an older version is looked at when it was brought up to date.

    Raises:
        DataDirFault: As `check_reach`; or it is no ledger, or damaged.
        DiskFault: It cannot be read.
    """
    version = version_at(path)
    if version == 0:
        raise ends_before(next_round)
    if version == VERSION:
        with closing(Ledger(path, read_only=True)) as ledger:
            check_reach(ledger, next_round)


def check_reach(ledger: Ledger, next_round: int) -> None:
    """Refuse a ledger that ends before the checkpoint: a round is closed before it is trained on.

    Raises:
        DataDirFault: What this node has signed is not all known any more.
    """
    began = ledger.noted(BEGAN)
    if began is None or (next_round > int(began) and not ledger.closed_rounds(next_round - 1)):
        raise ends_before(next_round)


def ends_before(next_round: int) -> DataDirFault:
    """Return the fault of a ledger that lacks what was trained on."""
    return DataDirFault(
        f"The ledger ends before round {next_round}, which the newest checkpoint goes on with: "
        "a part of it is gone, or it is an old copy.",
        fix="Put back the one that belongs here, its -wal file included; or move it and "
        "identity.key away: to sign anything else for the same round would be taken for fraud.",
    )
