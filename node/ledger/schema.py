"""The tables of a ledger, and the way from an older version's to these.

A version is never skipped: each step makes of one version's tables the next one's, and all of
them happen in one transaction or not at all.
"""

import hashlib
import json
import sqlite3

from node.ledger import chain

VERSION = 3
"""Of the tables below. Changing breaks: every ledger, without a step from the version before."""

ENVELOPES = """
CREATE TABLE envelopes (
    round INTEGER NOT NULL,
    own INTEGER NOT NULL,
    name BLOB NOT NULL,  -- SHA-256 of the bytes, so that they are not stored twice, in an index
    raw BLOB NOT NULL,
    UNIQUE (round, name)
)
"""

CLOSED = """
CREATE TABLE closed (
    round INTEGER PRIMARY KEY,
    digests TEXT  -- JSON: the contributions it was frozen with; NULL for all that is recorded
)
"""

NOTES = "CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL)"

CONTRIBUTIONS = """
CREATE TABLE contributions (
    id INTEGER PRIMARY KEY,
    round INTEGER NOT NULL,
    prompt INTEGER NOT NULL,
    author TEXT NOT NULL,
    digest BLOB NOT NULL,
    policy BLOB NOT NULL,
    prompt_text TEXT NOT NULL,
    UNIQUE (round, prompt, author)
)
"""

COMPLETIONS = """
CREATE TABLE completions (
    contribution INTEGER NOT NULL REFERENCES contributions ON DELETE CASCADE,
    place INTEGER NOT NULL,
    text TEXT NOT NULL,
    tokens TEXT NOT NULL,  -- JSON: ids
    ended INTEGER NOT NULL,
    reward REAL,
    outcome TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    deciding INTEGER,  -- which of `verdicts`, from 0; NULL where no stage was asked
    verdicts TEXT NOT NULL,
        -- JSON: [[stage, outcome, reason, value, threshold, [[start, end, unit]], detail]];
        -- what is empty at the end of one is left out
    weight REAL NOT NULL,
    credited INTEGER NOT NULL,
    trained_reward REAL,
    PRIMARY KEY (contribution, place)
) WITHOUT ROWID
"""

OUTCASTS = """
CREATE TABLE outcasts (
    author BLOB PRIMARY KEY,  -- public key
    round INTEGER NOT NULL,  -- nothing of its is trained on from this round on
    proof BLOB NOT NULL
)
"""

TABLES_2 = (ENVELOPES, CLOSED, NOTES, CONTRIBUTIONS, COMPLETIONS, OUTCASTS)
TABLES = (*TABLES_2, *chain.TABLES)

BY_ROUND = ("envelopes", "closed", "contributions")
"""Tables that forget by round; what hangs on their rows goes with them."""


def columns() -> dict[str, tuple[str, ...]]:
    """Return the tables of this version, each with its columns in their order."""
    file = sqlite3.connect(":memory:")
    try:
        for table in TABLES:
            file.execute(table)
        return columns_of(file)
    finally:
        file.close()


def columns_of(file: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Return the tables that a file has, each with its columns in their order."""
    query = (
        "SELECT tables.name, of.name FROM sqlite_master AS tables, "
        "pragma_table_info(tables.name) AS of WHERE tables.type = 'table' "
        "AND tables.name NOT LIKE 'sqlite_%' ORDER BY tables.name, of.cid"
    )
    found: dict[str, tuple[str, ...]] = {}
    for table, column in file.execute(query):
        found[table] = (*found.get(table, ()), column)
    return found


def migrate(file: sqlite3.Connection, version: int) -> None:
    """Bring a ledger's tables to `VERSION`; the caller holds a transaction.

    Args:
        file: The ledger.
        version: Of its tables; 0 where it has none.
    """
    if version == 0:
        for table in TABLES_2:
            file.execute(table)
    if version == 1:
        _from_1(file)
    for table in chain.TABLES:
        file.execute(table)
    chain.begin(file)
    file.execute(f"PRAGMA user_version={VERSION}")


def _from_1(file: sqlite3.Connection) -> None:
    """Keep the envelopes under short names, and the findings without the texts they lacked."""
    file.execute("ALTER TABLE closed ADD COLUMN digests TEXT")
    file.execute("ALTER TABLE envelopes RENAME TO envelopes_1")
    for table in (ENVELOPES, NOTES, CONTRIBUTIONS, COMPLETIONS, OUTCASTS):
        file.execute(table)
    file.create_function("sha256", 1, lambda raw: hashlib.sha256(raw).digest(), deterministic=True)
    file.execute(
        "INSERT INTO envelopes SELECT round, own, sha256(raw), raw FROM envelopes_1 ORDER BY rowid"
    )
    file.execute("DROP TABLE envelopes_1")
    file.execute(
        "INSERT INTO contributions (round, prompt, author, digest, policy, prompt_text) "
        "SELECT DISTINCT round, prompt, author, x'', x'', '' FROM findings"
    )
    file.create_function("said", 6, _said, deterministic=True)
    file.execute(
        "INSERT INTO completions SELECT id, place, '', '[]', 0, NULL, outcome, stage, reason, "
        "0, verdicts, 0, 0, NULL FROM ("
        "SELECT *, said(stage, outcome, reason, value, threshold, detail) AS verdicts FROM findings"
        ") JOIN contributions USING (round, prompt, author)"
    )
    file.execute("DROP TABLE findings")


def _said(
    stage: str,
    outcome: str,
    reason: str,
    value: float | None,
    threshold: float | None,
    detail: str,
) -> str:
    """Return a verdict as version 2 writes it; SQLite's own JSON has no infinite margins."""
    return json.dumps([[stage, outcome, reason, value, threshold, [], detail]])
