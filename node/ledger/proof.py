"""Does a ledger still hold what was written into it? The first thing that does not fit is named.

It reads one moment of the file, beside the node that writes it, and changes nothing. Signatures
are checked as any peer would; nothing is judged.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from node.ledger import chain
from node.ledger.chain import START, Head, Kind, Link
from node.ledger.contents import contents
from node.ledger.misfit import GIVE_UP, LOST, Misfit
from node.ledger.opening import fault_of, last_line, open_to_read
from node.ledger.schema import columns, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was looked at, and what does not fit.

    Args:
        path: The ledger.
        misfit: The first thing; None where all fits, and only then do the counts say much.
        links: How many links the chain has.
        anchor: The last link that retention dropped; place 0 where none was.
        head: The newest link.
        rounds: How many closed rounds are kept.
        last_round: The latest of them; -1 where there is none.
        signed: How many messages of this node's own are kept.
        heard: How many of peers.
    """

    path: Path
    misfit: Misfit | None
    links: int = 0
    anchor: Head = START
    head: Head = START
    rounds: int = 0
    last_round: int = -1
    signed: int = 0
    heard: int = 0


def prove(path: Path, noted: Sequence[Head] = ()) -> Proof:
    """Walk the chain and compare it with everything that it covers.

    Args:
        path: The ledger; a node may be writing it.
        noted: Heads that were noted earlier, which the chain must go through.

    Raises:
        DataDirFault: It is no ledger, of another version, or too damaged to be read.
        DiskFault: It cannot be read.
    """
    with closing(open_to_read(path)) as file:
        file.text_factory = _lenient
        try:
            file.execute("BEGIN")  # one moment, however long it takes
            misfit = next(_misfits(file, noted), None)
            return Proof(path=path, misfit=misfit) if misfit else _fitting(path, file)
        except sqlite3.DatabaseError as error:
            raise fault_of(path, error, reading=True) from error


def _lenient(raw: bytes) -> str:
    """Read text of which somebody may have changed a byte."""
    return raw.decode("utf-8", "surrogateescape")


def _fitting(path: Path, file: sqlite3.Connection) -> Proof:
    counted = (
        "SELECT (SELECT count(*) FROM links), (SELECT count(*) FROM closed), "
        "(SELECT ifnull(max(round), -1) FROM closed), "
        "(SELECT count(*) FROM envelopes WHERE own = 1), "
        "(SELECT count(*) FROM envelopes WHERE own = 0)"
    )
    links, rounds, last_round, signed, heard = file.execute(counted).fetchone()
    return Proof(
        path=path,
        misfit=None,
        links=links,
        anchor=chain.anchor(file),
        head=chain.head(file),
        rounds=rounds,
        last_round=last_round,
        signed=signed,
        heard=heard,
    )


def _misfits(file: sqlite3.Connection, noted: Sequence[Head]) -> Iterator[Misfit]:
    """Yield what does not fit; whoever goes on after the first may be misled."""
    yield from _of_file(file)
    newest: dict[tuple[Kind, str], Link] = {}
    yield from _of_links(file, newest)
    yield from _of_anchor(file, newest)
    for head in noted:
        yield from _of_noted(file, head)
    yield from contents(file)
    yield from _of_subjects(file, newest)


def _of_file(file: sqlite3.Connection) -> Iterator[Misfit]:
    """SQLite's own structure, and the tables of this version."""
    (said,) = file.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        yield Misfit("the file", "a sound SQLite database", last_line(said), LOST)
    have = columns_of(file)
    for table, names in columns().items():
        if have.get(table) != names:
            found = ", ".join(have[table]) if table in have else "no such table"
            yield Misfit(f"the table {table}", ", ".join(names), found, LOST)
    orphan = file.execute("PRAGMA foreign_key_check").fetchone()
    if orphan is not None:
        found = f"a row of {orphan[0]} that belongs to none"
        yield Misfit(f"the table {orphan[0]}", f"rows that belong to {orphan[2]}", found, GIVE_UP)


def _of_links(file: sqlite3.Connection, newest: dict[tuple[Kind, str], Link]) -> Iterator[Misfit]:
    """Walk the chain; keep the newest link of each subject that is not forgotten."""
    try:
        before = chain.anchor(file)
    except LookupError as error:
        yield Misfit("the chain's anchor", "one row", str(error), LOST)
        return
    for link in chain.links(file):
        if link.seq - 1 != before.seq:
            expected = f"to be followed by link {before.seq + 1}"
            yield Misfit(f"link {before.seq}", expected, f"link {link.seq}", LOST)
        if link.link != (expected_link := link.expected(before.link)):
            where = f"link {link.seq} ({link.kind} {link.subject})"
            yield Misfit(where, shown(expected_link), shown(link.link), LOST)
        yield from _entered(link, newest)
        before = Head(link.seq, link.link)


def _entered(link: Link, newest: dict[tuple[Kind, str], Link]) -> Iterator[Misfit]:
    """Keep a link; drop those of the rounds that it says are forgotten."""
    try:
        kind = Kind(link.kind)
        key = chain.key_of(kind, link.subject)
    except ValueError as error:
        yield Misfit(f"link {link.seq}", "a kind and a subject of this version", str(error), LOST)
        return
    if kind is Kind.FORGOTTEN:
        assert isinstance(key, int)
        gone = [one for one in newest if one[0] in chain.BY_ROUND and int(one[1]) < key]
        for one in gone:
            del newest[one]
        newest[kind, ""] = link
        return
    if kind is Kind.REOPENED:
        newest.pop((Kind.CLOSED, link.subject), None)
        return
    earlier = newest.get((kind, link.subject))
    if kind is Kind.CLOSED and earlier is not None and earlier.content != link.content:
        where = f"round {link.subject}, closed"
        found = f"{shown(link.content)} (link {link.seq})"
        yield Misfit(where, f"{shown(earlier.content)} (link {earlier.seq})", found, LOST)
    newest[kind, link.subject] = link


def _of_anchor(file: sqlite3.Connection, newest: dict[tuple[Kind, str], Link]) -> Iterator[Misfit]:
    """Compare where the chain begins with what the chain says of it."""
    anchor, said = chain.anchor(file), newest.get((Kind.FORGOTTEN, ""))
    if said is None and anchor != START:
        found = f"link {anchor.seq} with nothing that says what was dropped before it"
        yield Misfit("the chain's anchor", f"link {START}", found, LOST)
    if said is not None and said.content != (now := chain.content_of(file, Kind.FORGOTTEN, "")):
        yield Misfit("the chain's anchor", shown(said.content), shown(now), LOST)


def _of_noted(file: sqlite3.Connection, noted: Head) -> Iterator[Misfit]:
    """Look for a head that somebody noted."""
    anchor, head = chain.anchor(file), chain.head(file)
    where = f"link {noted.seq}, as it was noted"
    if noted.seq < anchor.seq:
        found = f"links from {anchor.seq} on; those before were dropped with their rounds"
        fix = "Note a head more often than [ledger] rounds_kept forgets."
        yield Misfit(where, noted.link.hex(), found, fix)
        return
    if noted.seq > head.seq:
        yield Misfit(where, noted.link.hex(), f"a chain that ends with link {head.seq}", LOST)
        return
    row = file.execute("SELECT link FROM links WHERE seq = ?", (noted.seq,)).fetchone()
    link = anchor.link if row is None else row[0]
    if link != noted.link:
        yield Misfit(where, noted.link.hex(), shown(link), LOST)


def _of_subjects(
    file: sqlite3.Connection, newest: dict[tuple[Kind, str], Link]
) -> Iterator[Misfit]:
    """Compare every subject's rows with its newest link."""
    for (kind, subject), link in newest.items():
        if kind is Kind.FORGOTTEN:
            continue
        now = chain.content_of(file, kind, subject)
        if now != link.content:
            where = f"{chain.named(kind, subject)} (link {link.seq})"
            yield Misfit(where, shown(link.content), shown(now), kind_fix(kind))
    for kind in Kind:
        for subject in chain.subjects_of(file, kind):
            if (kind, subject) not in newest:
                where = chain.named(kind, subject)
                yield Misfit(where, "nothing, by the chain", "rows", kind_fix(kind))


def kind_fix(kind: Kind) -> str:
    """Say what to do where one kind of rows was changed."""
    return GIVE_UP if kind is Kind.JUDGED else LOST


def shown(digest: object) -> str:
    """Return a digest as people compare it, or whatever stands in its place."""
    return digest.hex() if isinstance(digest, bytes) else repr(digest)
