"""What was written and not touched fits; whatever was touched since is found and named."""

import hashlib
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from node.faults import DataDirFault
from node.ledger import Closing, Head, Ledger
from node.ledger import chain as chain_
from node.ledger.chain import Kind
from node.ledger.misfit import Misfit
from node.ledger.proof import prove
from node.ledger.schema import columns
from node.work import Finding
from protocol.identity import Keypair

Signed = Callable[..., tuple[bytes, bytes]]
COLUMNS = [(table, column) for table, names in columns().items() for column in names]


@pytest.fixture
def path(tmp_path: Path, lived: Ledger) -> Path:
    """The ledger's file, in peace."""
    lived.close()
    return tmp_path / "ledger.db"


@contextmanager
def copied(path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """Give a copy of a ledger that may be tampered with."""
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous=OFF")
        file.create_function("sha256", 1, lambda raw: hashlib.sha256(raw).digest())
        yield copy, file


def misfit(path: Path, *heads: Head) -> Misfit:
    wrong = prove(path, heads).misfit
    assert wrong is not None
    return wrong


def other(value: object) -> object:
    """Return a value that differs as little as it can."""
    match value:
        case None:
            return "null"
        case int():
            return value + 1000  # where nothing else is
        case float():
            return value + 1e-9
        case str():
            return value[:-1] + chr(ord(value[-1]) ^ 1)
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
    raise AssertionError(value)


def rows_of(file: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return file.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own names


def where(table: str) -> str:
    """Name one row by all its columns."""
    return " AND ".join(f"{column} IS ?" for column in columns()[table])


def test_what_was_not_touched_fits_and_is_counted(path: Path) -> None:
    proof = prove(path)

    assert proof.misfit is None
    assert (proof.rounds, proof.last_round, proof.signed, proof.heard) == (2, 2, 3, 3)
    assert proof.anchor.seq > 0
    assert proof.head.seq == proof.anchor.seq + proof.links


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=map(".".join, COLUMNS))
def test_a_change_in_any_column_of_any_row_is_found(path: Path, table: str, column: str) -> None:
    with copied(path) as (copy, file):
        rows = rows_of(file, table)
        at = columns()[table].index(column)
        for row in rows:
            file.execute("BEGIN")
            update = f"UPDATE {table} SET {column} = ? WHERE {where(table)}"  # noqa: S608 - our own names
            assert file.execute(update, (other(row[at]), *row)).rowcount == 1
            file.execute("COMMIT")
            wrong = misfit(copy)
            assert wrong.where
            assert wrong.expected != wrong.found
            assert wrong.fix
            changed = list(row)
            changed[at] = other(row[at])
            file.execute(update, (row[at], *changed))

        assert rows
        assert prove(copy).misfit is None  # all was put back


@pytest.mark.parametrize("table", columns())
def test_a_row_that_was_taken_out_is_missed(path: Path, table: str) -> None:
    """But for a peer's message in a round that is still open: nothing says yet that it counts."""
    with copied(path) as (copy, file):
        for row in rows_of(file, table):
            if table == "envelopes" and row[:2] == (3, 0):
                continue
            file.execute(f"DELETE FROM {table} WHERE {where(table)}", row)  # noqa: S608 - our own names
            misfit(copy)
            places = ", ".join("?" * len(row))
            file.execute(f"INSERT INTO {table} VALUES ({places})", row)  # noqa: S608 - our own names


def test_a_message_put_in_the_place_of_another_is_found_though_it_is_signed(
    path: Path, signed: Signed
) -> None:
    raw, _ = signed(1, 1, word=9)
    with copied(path) as (copy, file):
        file.execute(
            "UPDATE envelopes SET raw = ?1, name = sha256(?1) WHERE round = 1 AND own = 0", (raw,)
        )

        assert misfit(copy).where == "round 1, what it was frozen with"


def test_a_message_added_to_a_closed_round_is_found(path: Path, signed: Signed) -> None:
    raw, _ = signed(2, 1)
    with copied(path) as (copy, file):
        file.execute("INSERT INTO envelopes VALUES (1, 0, sha256(?1), ?1)", (raw,))

        assert misfit(copy).where.startswith("round 1, what it was closed with (link")


def test_a_round_that_was_closed_anew_fits_and_only_as_it_was_written(
    path: Path, signed: Signed
) -> None:
    """Closing it otherwise behind the ledger's back is found all the same."""
    raw, digest = signed(2, 1)
    with copied(path) as (copy, file):
        with closing(Ledger(copy)) as ledger:
            (kept, *_) = sorted(ledger.frozen(1) or ())
            ledger.close_anew([Closing(round_index=1, digests=(kept, digest), raws=(raw,))])
            assert ledger.frozen(1) == {kept, digest}
            assert raw in [one.raw for one in ledger.envelopes(1)]
        assert prove(copy).misfit is None

        file.execute("UPDATE closed SET digests = ? WHERE round = 1", (json.dumps([kept.hex()]),))

        assert misfit(copy).where.startswith("round 1, what it was closed with (link")


def test_a_round_closed_anew_without_a_word_of_it_in_the_chain_is_found(path: Path) -> None:
    """A second closing needs a link that says what the first one was."""
    with copied(path) as (copy, file):
        kept = json.loads(rows_of(file, "closed")[0][1])[:1]
        file.execute("UPDATE closed SET digests = ? WHERE round = 1", (json.dumps(kept),))
        chain_.append(file, Kind.CLOSED, "1")

        assert misfit(copy).where == "round 1, closed"


def test_the_first_thing_is_named_with_what_was_expected_found_and_what_to_do(path: Path) -> None:
    with copied(path) as (copy, file):
        file.execute("UPDATE completions SET reward = 99 WHERE contribution = 2 AND place = 1")
        (link,) = file.execute(
            "SELECT seq FROM links WHERE kind = 'judged' AND subject = '1'"
        ).fetchone()

        wrong = misfit(copy)

    assert wrong.where == f"round 1, what was found of its completions (link {link})"
    assert len(bytes.fromhex(wrong.expected)) == len(bytes.fromhex(wrong.found)) == 32
    assert "Do not rely on the verdicts of that round" in wrong.fix


def test_a_page_that_the_disk_spoilt_is_found(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 2 + 4000)
        file.write(b"\xff" * 96)

    try:
        misfit(path)
    except DataDirFault as fault:
        assert "damaged" in fault.cause  # noqa: PT017 - either is a clear end


def test_a_table_that_was_taken_out_is_named(path: Path) -> None:
    with copied(path) as (copy, file):
        file.execute("DROP TABLE outcasts")

        assert misfit(copy).where == "the table outcasts"


def relink(file: sqlite3.Connection) -> None:
    """Write the whole chain anew, as somebody can who knows how."""
    before = chain_.anchor(file)
    for link in list(chain_.links(file)):
        content = chain_.content_of(file, Kind(link.kind), link.subject)
        file.execute("UPDATE links SET content = ? WHERE seq = ?", (content, link.seq))
        (now,) = (one for one in chain_.links(file) if one.seq == link.seq)
        made = now.expected(before.link)
        file.execute("UPDATE links SET link = ? WHERE seq = ?", (made, link.seq))
        before = Head(link.seq, made)


def test_a_chain_written_anew_is_found_by_whoever_noted_its_head(path: Path) -> None:
    head = prove(path).head
    with copied(path) as (copy, file):
        file.execute("UPDATE completions SET reward = 99")
        relink(file)

        assert prove(copy).misfit is None  # all that no secret protects can be made to fit
        assert misfit(copy, head).where == f"link {head.seq}, as it was noted"
    assert prove(path, [head]).misfit is None


def test_a_ledger_that_ends_before_a_noted_head_was_put_back(
    path: Path, open_ledger: Callable[[], Ledger], signed: Signed
) -> None:
    older = path.with_name("older.db")
    shutil.copyfile(path, older)
    ledger = open_ledger()
    ledger.record_own(4, [signed(0, 4)[0]])

    wrong = misfit(older, ledger.head())

    assert "a chain that ends with link" in wrong.found
    assert prove(path, [prove(older).head, ledger.head()]).misfit is None


def test_a_head_of_rounds_that_are_forgotten_says_so(path: Path) -> None:
    wrong = misfit(path, Head(1, b"\0" * 32))

    assert "were dropped with their rounds" in wrong.found
    assert "rounds_kept" in wrong.fix


def test_a_ledger_is_proven_while_its_node_writes(tmp_path: Path, lived: Ledger) -> None:
    with lived._transaction() as file:
        file.execute("DELETE FROM links")  # what is not committed was not written
        proof = prove(tmp_path / "ledger.db")
        file.execute("ROLLBACK")
        file.execute("BEGIN")

    assert proof.misfit is None


def test_proving_changes_no_byte(path: Path) -> None:
    before = path.read_bytes()

    prove(path)

    assert path.read_bytes() == before


def test_whatever_a_node_does_fits_and_the_chain_stays_bounded(
    tmp_path: Path,
    ledger: Ledger,
    signed: Signed,
    found: Callable[..., Finding],
    keys: list[Keypair],
    proof_against: Callable[[int, int], bytes],
) -> None:
    draw = random.Random(20)  # noqa: S311 - a test that can be repeated
    links = []
    for round_index in range(40):
        digests = []
        for author in draw.sample(range(1, 5), k=3):
            raw, digest = signed(author, round_index)
            ledger.record(round_index, raw)
            digests.append(digest)
        if draw.random() < 0.8:
            raw, digest = signed(0, round_index)
            ledger.record_own(round_index, [raw])
            ledger.record_own(round_index, [raw])
            digests.append(digest)
        if draw.random() < 0.1:
            continue  # the swarm was ahead
        frozen = draw.sample(digests, k=2)
        ledger.close_round(round_index, frozen if draw.random() < 0.8 else None)
        ledger.record(round_index, signed(1, round_index, word=9)[0])  # late
        for _ in range(draw.choice([1, 1, 2])):  # trained again after a crash
            ledger.record_findings(round_index, [found(round_index, index=draw.randrange(3))])
        if draw.random() < 0.1:
            ledger.record_outcast(keys[4].peer_id, round_index, proof_against(4, round_index))
        ledger.note("settings", str(draw.randrange(3)))
        ledger.forget_before(round_index - draw.choice([5, 5, 8]))
        proof = prove(tmp_path / "ledger.db")
        assert proof.misfit is None, proof.misfit
        links.append(proof.links)

    assert ledger.outcasts()
    assert max(links) <= 9 * 5 + 2
    assert proof.anchor.seq > 100
