"""A hash chain over what a ledger must not change once it is written.

Each link says what a subject holds since it was last written: what this node signed for a round,
what a closed round was frozen with (or had been, before it was closed anew), what was found of it,
who was cast out and why, what was noted. The newest link of a subject is what its rows must still
add up to. What retention drops leaves an anchor, the last link that was dropped, and a link that
names it; what lives on is linked again first. Whoever can write the file can write the chain anew
as well: it proves no more than that the file agrees with a head that somebody noted elsewhere.

It opens no file and holds no transaction.
"""

import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from protocol.hashing import digest

LINKS = """
CREATE TABLE links (
    seq INTEGER PRIMARY KEY,  -- from 1, without a gap
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,  -- a round, a public key in hexadecimal, a note's name
    content BLOB NOT NULL,  -- digest of what the subject's rows hold
    link BLOB NOT NULL  -- digest of the link before and of this row
)
"""

ANCHOR = "CREATE TABLE anchor (seq INTEGER NOT NULL, link BLOB NOT NULL)"

TABLES = (LINKS, ANCHOR)

NOTHING = digest("drl/ledger-content/1")
"""What a subject holds that has no rows any more."""

GENESIS = digest("drl/ledger/1")
"""Before the first link. Changing breaks: the proof of every ledger."""


class Kind(StrEnum):
    """What a link is about."""

    SIGNED = "signed"
    CLOSED = "closed"
    REOPENED = "reopened"
    JUDGED = "judged"
    CAST_OUT = "cast_out"
    NOTED = "noted"
    FORGOTTEN = "forgotten"


BY_ROUND = (Kind.SIGNED, Kind.CLOSED, Kind.REOPENED, Kind.JUDGED)
"""Kinds whose subject is a round, and is forgotten with it."""

_ROUND_BITS = 64
"""Of the largest number that SQLite takes, sign included."""

_ROUND_KINDS = ", ".join(f"'{kind}'" for kind in BY_ROUND)

_ROWS = {
    Kind.SIGNED: "SELECT name FROM envelopes WHERE own = 1 AND round = ? ORDER BY name",
    Kind.CLOSED: "SELECT 'frozen with', digests FROM closed WHERE round = ?1 UNION ALL "
    "SELECT * FROM (SELECT 'peers', name FROM envelopes WHERE own = 0 AND round = ?1 "
    "ORDER BY name)",
    Kind.JUDGED: "SELECT prompt, author, digest, policy, prompt_text, place, text, tokens, ended, "
    "reward, outcome, stage, reason, deciding, verdicts, weight, credited, trained_reward "
    "FROM contributions LEFT JOIN completions ON contribution = id WHERE round = ? "
    "ORDER BY prompt, author, place",
    Kind.CAST_OUT: "SELECT round, proof FROM outcasts WHERE author = ?",
    Kind.NOTED: "SELECT text FROM notes WHERE name = ?",
}

_SUBJECTS = {
    Kind.SIGNED: "SELECT DISTINCT round FROM envelopes WHERE own = 1 ORDER BY round",
    Kind.CLOSED: "SELECT round FROM closed ORDER BY round",
    Kind.JUDGED: "SELECT DISTINCT round FROM contributions ORDER BY round",
    Kind.CAST_OUT: "SELECT hex(author) FROM outcasts ORDER BY rowid",
    Kind.NOTED: "SELECT name FROM notes ORDER BY name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One row of the chain.

    Args:
        seq: Its place, from 1.
        kind: What it is about.
        subject: Which of them.
        content: 32 bytes; digest of what the subject's rows held.
        link: 32 bytes; digest of the link before and of all this.
    """

    seq: int
    kind: str
    subject: str
    content: bytes
    link: bytes

    def expected(self, before: bytes) -> bytes:
        """Return what `link` must be, behind another link."""
        fields = (before, self.seq, self.kind, self.subject, self.content)
        return digest("drl/ledger-link/1", *map(_encoded, fields))


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link, which stands for all before it.

    Args:
        seq: Its place; 0 where there is none.
        link: 32 bytes.
    """

    seq: int
    link: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.link.hex()}"

    def noted(self, swarm: str) -> str:
        """Return it as `ledger verify` prints it and takes it back: SWARM:LINK:DIGEST."""
        return f"{swarm}:{self}"


START = Head(0, GENESIS)
"""Where every chain begins."""


def begin(file: sqlite3.Connection) -> None:
    """Link all that is written already, into a chain that is still empty."""
    file.execute("INSERT INTO anchor VALUES (?, ?)", (START.seq, START.link))
    for kind in Kind:
        for subject in subjects_of(file, kind):
            append(file, kind, subject)


def append(file: sqlite3.Connection, kind: Kind, subject: str) -> None:
    """Link what a subject's rows hold now; the caller holds the transaction that wrote them."""
    _append(file, kind, subject, content_of(file, kind, subject))


def _append(file: sqlite3.Connection, kind: str, subject: str, content: bytes) -> None:
    before = head(file)
    unlinked = Link(seq=before.seq + 1, kind=kind, subject=subject, content=content, link=b"")
    row = (unlinked.seq, kind, subject, content, unlinked.expected(before.link))
    file.execute("INSERT INTO links VALUES (?, ?, ?, ?, ?)", row)


def head(file: sqlite3.Connection) -> Head:
    """Return the newest link, or the anchor where there is none."""
    newest = file.execute("SELECT seq, link FROM links ORDER BY seq DESC LIMIT 1").fetchone()
    return anchor(file) if newest is None else Head(*newest)


def anchor(file: sqlite3.Connection) -> Head:
    """Return the last link that was dropped, or what stands before the first.

    Raises:
        LookupError: There is not just one.
    """
    rows = file.execute("SELECT seq, link FROM anchor LIMIT 2").fetchall()
    if len(rows) != 1:
        raise LookupError(f"{len(rows)} rows in the table anchor")
    return Head(*rows[0])


def links(file: sqlite3.Connection) -> Iterator[Link]:
    """Yield the chain from its oldest link on."""
    for seq, kind, subject, content, link in file.execute("SELECT * FROM links ORDER BY seq"):
        yield Link(seq=seq, kind=kind, subject=subject, content=content, link=link)


def subjects_of(file: sqlite3.Connection, kind: Kind) -> list[str]:
    """Return what a kind's rows are about now."""
    if kind in {Kind.FORGOTTEN, Kind.REOPENED}:
        return []
    found = [str(row[0]) for row in file.execute(_SUBJECTS[kind])]
    return [one.lower() for one in found] if kind is Kind.CAST_OUT else found


def key_of(kind: Kind, subject: str) -> int | bytes | str:
    """Return what a subject is called in its rows.

    Raises:
        ValueError: No row of this kind can be called so.
    """
    if kind is Kind.CAST_OUT:
        return bytes.fromhex(subject)
    if kind is Kind.NOTED:
        return subject
    round_index = int(subject)
    if str(round_index) != subject or round_index.bit_length() >= _ROUND_BITS:
        raise ValueError(f"{subject!r} is no round")
    return round_index


_NAMES = {
    Kind.SIGNED: "round {}, what this node signed",
    Kind.CLOSED: "round {}, what it was closed with",
    Kind.REOPENED: "round {}, what it had been closed with before",
    Kind.JUDGED: "round {}, what was found of its completions",
    Kind.CAST_OUT: "that the author with the key {} was cast out",
    Kind.NOTED: "the note {!r}",
    Kind.FORGOTTEN: "that the rounds before {} were forgotten",
}


def named(kind: Kind, subject: str) -> str:
    """Return what a link is about, for people."""
    return _NAMES[kind].format(subject)


def content_of(file: sqlite3.Connection, kind: Kind, subject: str) -> bytes:
    """Return the digest of what a subject's rows hold now."""
    if kind is Kind.FORGOTTEN:
        last = anchor(file)
        return digest("drl/ledger-anchor/1", _encoded(last.seq), _encoded(last.link))
    rows = _ROWS[Kind.CLOSED if kind is Kind.REOPENED else kind]
    found = file.execute(rows, (key_of(kind, subject),))
    values = (_encoded(one) for row in found for one in row)
    return digest("drl/ledger-content/1", *values)


def forget_before(file: sqlite3.Connection, round_index: int) -> None:
    """Drop the links that only earlier rounds need, and link what lives on behind them anew.

    The contents of what is linked anew are taken from its old links, not from its rows: what was
    changed behind the chain's back stays found.
    """
    live = file.execute(
        f"SELECT min(seq) - 1 FROM links WHERE kind IN ({_ROUND_KINDS}) "  # noqa: S608 - our own names
        "AND CAST(subject AS INTEGER) >= ?",
        (round_index,),
    ).fetchone()[0]
    last = head(file).seq if live is None else live
    kept = file.execute(
        "SELECT kind, subject, content FROM links WHERE seq <= ? AND seq IN "
        "(SELECT max(seq) FROM links WHERE kind IN (?, ?) GROUP BY kind, subject) "
        "AND content != ? ORDER BY seq",
        (last, Kind.CAST_OUT, Kind.NOTED, NOTHING),
    ).fetchall()
    for row in kept:
        _append(file, *row)
    file.execute(
        "UPDATE anchor SET (seq, link) = (SELECT seq, link FROM links WHERE seq = ?1) "
        "WHERE EXISTS (SELECT 1 FROM links WHERE seq = ?1)",
        (last,),
    )
    file.execute("DELETE FROM links WHERE seq <= ?", (last,))
    append(file, Kind.FORGOTTEN, str(round_index))


def _encoded(value: object) -> bytes:
    """Return a value of SQLite's with its type, so that no two values share their bytes."""
    match value:
        case None:
            return b"-"
        case int():
            return b"i%d" % value
        case float():
            return b"f" + struct.pack(">d", value)
        case str():
            return b"t" + value.encode("utf-8", "surrogateescape")
        case bytes():
            return b"b" + value
    raise AssertionError(f"SQLite has no such value: {value!r}")
