"""A saved contribution: a file of signed bytes, or an ID that a ledger knows.

A file holds the signed messages of one contribution, one after another, exactly as they were
published: one message, or the parts of a large one in their order. Nothing is believed here of
what they say; who asks with the swarm's parameters will.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from node.audit.reading import LEDGER, opened
from node.datadir import is_there
from node.faults import ConfigFault, DataDirFault
from node.ledger import Ledger, Wanted
from node.pipe import cut
from node.settings import home_resolved
from protocol.constants import DIGEST_BYTES
from protocol.packing import is_bytes, unpack

FILE_BYTES_MAX = 64 << 20
"""A contribution of the largest swarm that the protocol allows is below."""

ID = re.compile(r"[0-9a-f]{8,64}", re.IGNORECASE)
"""The first digits of a contribution's digest, in hexadecimal."""

LISTED_MAX = 8
"""So many of the contributions that a prefix fits are named."""

_FIELDS, _BYTES_MAX = 10, 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A contribution's signed messages, as they were found.

    Args:
        messages: In the order of its parts.
        run_dir: Of the swarm that the messages name, if this node took part in it.
        origin: Where they were found, for people.
    """

    messages: tuple[bytes, ...]
    run_dir: Path | None
    origin: str


@dataclass(frozen=True, slots=True)
class Label:
    """What a message's header says of it, unproven."""

    swarm: bytes
    part_index: int
    digest: bytes


def saved_contribution(named: str, data_dir: Path) -> Saved:
    """Return what a person named: a file, or the ID of a contribution.

    Raises:
        ConfigFault: It is neither, cannot be looked at, or fits several contributions.
        DataDirFault: It is an ID, and no node has run there.
    """
    path = home_resolved(named)
    try:
        is_file = path.is_file()
    except OSError as error:
        raise unreadable(path, error) from error
    if is_file:
        return from_file(path, data_dir)
    if ID.fullmatch(named):
        return kept(data_dir, named)
    raise ConfigFault(
        f"{named!r} is no file here and no contribution's ID.",
        fix="Name a .contribution file, or at least 8 hexadecimal digits as `drl-node rollouts "
        "show` prints them.",
    )


def from_file(path: Path, data_dir: Path) -> Saved:
    """Return the messages of a file.

    Raises:
        ConfigFault: It cannot be read, is empty, too large, or holds something else.
    """
    again = "`drl-node rollouts export FILE.contribution --contribution ID` writes such files."
    try:
        size = path.stat().st_size
        content = path.read_bytes() if 0 < size <= FILE_BYTES_MAX else b""
    except OSError as error:
        raise unreadable(path, error) from error
    if not content:
        raise ConfigFault(f"{path} has {size} bytes: no contribution has.", fix=again)
    messages = cut(content)
    labels = [label for message in messages if (label := label_of(message)) is not None]
    if len(labels) < len(messages):
        # Admission would read as far as the swarm's name, and take the rest for another swarm's.
        raise ConfigFault(
            f"{path} is cut off, damaged, or no contribution of this release.", fix=again
        )
    run_dir = data_dir / "swarms" / labels[0].swarm.hex()[:16]
    known = is_there(run_dir / LEDGER)
    return Saved(messages=messages, run_dir=run_dir if known else None, origin=str(path))


def unreadable(path: Path, error: OSError) -> ConfigFault:
    """Return the fault of a file that a person named and the system does not give."""
    return ConfigFault(f"{path} cannot be read: {error.strerror}.", fix="Check the path.")


def kept(data_dir: Path, prefix: str) -> Saved:
    """Return the messages of a contribution that a ledger keeps.

    Raises:
        ConfigFault: It is in none, is in several, or only what was found of it is kept.
        DataDirFault: No node has run there.
    """
    if not ID.fullmatch(prefix):
        fix = "Give at least 8 hexadecimal digits, as `drl-node rollouts show` prints them."
        raise ConfigFault(f"{prefix!r} is no contribution's ID.", fix=fix)
    with opened(data_dir) as ledgers:
        found = [
            (run_dir, ledger, digest)
            for run_dir, ledger in ledgers
            for digest in ledger.contributions(prefix)
        ]
        if not found:
            raise ConfigFault(
                f"No contribution in {data_dir} begins with {prefix}.",
                fix="`drl-node rollouts show` lists those that are kept; "
                "[ledger] rounds_kept says for how long.",
            )
        if len(found) > 1:
            fits = ", ".join(digest for _, _, digest in found[:LISTED_MAX])
            more = f" and {len(found) - LISTED_MAX} more" if len(found) > LISTED_MAX else ""
            raise ConfigFault(
                f"{len(found)} contributions begin with {prefix}: {fits}{more}.",
                fix="Give more digits.",
            )
        ((run_dir, ledger, digest),) = found
        messages = messages_of(ledger, digest)
    return Saved(messages=messages, run_dir=run_dir, origin=f"{run_dir / LEDGER}, {digest}")


def messages_of(ledger: Ledger, digest: str) -> tuple[bytes, ...]:
    """Return a contribution's messages in the order of its parts.

    Raises:
        DataDirFault: They are not there, although what was found of them is.
    """
    (one,) = ledger.findings(Wanted(contribution=digest, count_max=1))
    parts: dict[int, bytes] = {}
    for envelope in ledger.envelopes(one.round_index):
        label = label_of(envelope.raw)
        if label is not None and label.digest.hex() == digest:
            parts[label.part_index] = envelope.raw
    if not parts:
        raise DataDirFault(
            f"The signed bytes of {digest} are not in the ledger.",
            fix="Ask about another contribution; this one's verdicts are shown by `findings`.",
        )
    return tuple(parts[at] for at in sorted(parts))


def label_of(message: bytes) -> Label | None:
    """Return what a message's header says, or None where there is none to be read."""
    try:
        fields = unpack(message, array_max=_FIELDS, bin_max=_BYTES_MAX, str_max=0)
    except ValueError:
        return None
    match fields:
        case [_, bytes(swarm), _, _, _, int(part_index), _, bytes(digest), _, _] if is_bytes(
            swarm, length=DIGEST_BYTES
        ):
            return Label(swarm, part_index, digest)
    return None
