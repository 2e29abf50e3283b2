"""Findings to rows and back, and which rows somebody wants; knows no file and no transaction."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from node.pipe import SAID_FIELDS, pack_said
from node.work import Finding, Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which findings somebody asks for; what is None does not matter.

    Args:
        author: Peer id, or its ending.
        round_index: 0-based round.
        prompt_index: 0-based prompt.
        contribution: The first hexadecimal digits of a contribution's digest.
        outcomes: Of the verdict that decides; () is any.
        stage: Which gave that verdict.
        reason: Of that verdict.
        count_max: At most so many.
        newest_first: Else the oldest round comes first.
    """

    author: str | None = None
    round_index: int | None = None
    prompt_index: int | None = None
    contribution: str | None = None
    outcomes: tuple[str, ...] = ()
    stage: str | None = None
    reason: str | None = None
    count_max: int | None = None
    newest_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many of an author's completions ended alike.

    Args:
        author: Peer id.
        outcome: Of the verdict that decided.
        reason: Of that verdict.
        completions: How many.
        last_round: The latest round of one.
        weight: Mean of what they counted in training.
    """

    author: str
    outcome: str
    reason: str
    completions: int
    last_round: int
    weight: float


_TALLY = """
SELECT author, outcome, reason, count(*), max(round), avg(weight)
FROM completions JOIN contributions ON contributions.id = contribution
GROUP BY author, outcome, reason ORDER BY author, outcome, reason
"""

_RECORDS = """
SELECT author, sum(outcome = 'accept') - sum(outcome = 'refuse')
FROM contributions JOIN completions ON contributions.id = contribution
WHERE round >= ? GROUP BY author
"""

_INSERT_CONTRIBUTION = (
    "INSERT INTO contributions (round, prompt, author, digest, policy, prompt_text) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
_INSERT_COMPLETION = "INSERT INTO completions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_CHOSEN = """
FROM completions JOIN contributions ON contributions.id = contribution
WHERE (:author IS NULL OR substr(author, -length(:author)) = :author)
AND (:round IS NULL OR round = :round)
AND (:prompt IS NULL OR prompt = :prompt)
AND (:contribution IS NULL OR substr(hex(digest), 1, length(:contribution)) = :contribution)
AND (:stage IS NULL OR stage = :stage)
AND (:reason IS NULL OR reason = :reason)
AND (:outcomes IS NULL OR outcome IN (SELECT value FROM json_each(:outcomes)))
"""

_COUNT = f"SELECT count(*) {_CHOSEN}"

_SELECT = f"""
SELECT author, round, prompt, place, digest, policy, prompt_text, text, tokens, ended, reward,
outcome, stage, reason, deciding, verdicts, weight, credited, trained_reward
{_CHOSEN}
ORDER BY round * :direction, author, prompt, place LIMIT :count
"""


def insert(file: sqlite3.Connection, findings: Iterable[Finding]) -> None:
    """Write findings of contributions of which none is written yet."""
    ids: dict[tuple[int, int, str], int | None] = {}
    rows: list[tuple[object, ...]] = []
    for one in findings:
        key = (one.round_index, one.prompt_index, one.author)
        if key not in ids:
            named = (bytes.fromhex(one.contribution), bytes.fromhex(one.policy_digest), one.prompt)
            ids[key] = file.execute(_INSERT_CONTRIBUTION, (*key, *named)).lastrowid
        rows.append(
            (
                *(ids[key], one.index, one.text, _json(list(one.tokens)), one.ended, one.reward),
                *(one.outcome, one.stage, one.reason),
                *(_place_of(one), _packed(one.verdicts)),
                *(one.weight, one.credited, one.trained_reward),
            )
        )
    file.executemany(_INSERT_COMPLETION, rows)


def select(file: sqlite3.Connection, wanted: Wanted) -> Iterator[Finding]:
    """Yield the findings that are wanted, as they are read."""
    for row in file.execute(_SELECT, _bound(wanted)):
        yield _finding(*row)


def count(file: sqlite3.Connection, wanted: Wanted) -> int:
    """Return how many findings are wanted, whatever their bound."""
    (found,) = file.execute(_COUNT, _bound(wanted)).fetchone()
    return int(found)


def tally(file: sqlite3.Connection) -> Iterator[Count]:
    """Yield how many completions there are, by author, outcome and reason."""
    for author, outcome, reason, completions, last_round, weight in file.execute(_TALLY):
        yield Count(
            author=author,
            outcome=outcome,
            reason=reason,
            completions=completions,
            last_round=last_round,
            weight=weight,
        )


def records(file: sqlite3.Connection, since: int) -> dict[str, int]:
    """Return by author the completions that were clean less those that were refused."""
    return dict(file.execute(_RECORDS, (since,)))


def _bound(wanted: Wanted) -> dict[str, object]:
    return {
        "author": wanted.author,
        "round": wanted.round_index,
        "prompt": wanted.prompt_index,
        "contribution": None if wanted.contribution is None else wanted.contribution.upper(),
        "stage": wanted.stage,
        "reason": wanted.reason,
        "outcomes": _json(list(wanted.outcomes)) if wanted.outcomes else None,
        "direction": -1 if wanted.newest_first else 1,
        "count": -1 if wanted.count_max is None else wanted.count_max,
    }


def _finding(  # noqa: PLR0917 - one argument a column, in their order
    author: str,
    round_index: int,
    prompt_index: int,
    index: int,
    digest: bytes,
    policy: bytes,
    prompt: str,
    text: str,
    tokens: str,
    ended: int,
    reward: float | None,
    outcome: str,
    stage: str,
    reason: str,
    deciding: int | None,
    verdicts: str,
    weight: float,
    credited: int,
    trained_reward: float | None,
) -> Finding:
    said = _unpacked(verdicts)
    alone = Said(stage=stage, outcome=outcome, reason=reason)
    return Finding(
        author=author,
        round_index=round_index,
        prompt_index=prompt_index,
        index=index,
        contribution=digest.hex(),
        policy_digest=policy.hex(),
        prompt=prompt,
        text=text,
        tokens=tuple(json.loads(tokens)),
        ended=bool(ended),
        reward=reward,
        deciding=alone if deciding is None else said[deciding],
        verdicts=said,
        weight=weight,
        credited=credited,
        trained_reward=trained_reward,
    )


def _place_of(one: Finding) -> int | None:
    """Return which verdict decides, or None where nobody was asked and there is nothing to it."""
    if one.deciding in one.verdicts:
        return one.verdicts.index(one.deciding)
    assert one.deciding == Said(stage=one.stage, outcome=one.outcome, reason=one.reason)
    return None


def _packed(verdicts: tuple[Said, ...]) -> str:
    """Return verdicts as JSON; most say nothing behind their reason, and that takes no room."""
    rows = pack_said(verdicts)
    for row in rows:
        while row and row[-1] in (None, (), ""):
            row.pop()
    return _json(rows)


def _unpacked(text: str) -> tuple[Said, ...]:
    found = []
    for row in json.loads(text):
        values = dict(zip(SAID_FIELDS, row, strict=False))
        spans = tuple((start, end, unit) for start, end, unit in values.get("spans", ()))
        found.append(Said(**values | {"spans": spans}))
    return tuple(found)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
