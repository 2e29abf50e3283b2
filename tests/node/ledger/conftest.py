"""A ledger of each test's own, and findings to put into it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.ledger import Ledger
from node.work import Finding, Said

CLEAN = Said(stage="form", outcome="accept", reason="clean")
REFUSED = Said(
    stage="replay",
    outcome="refuse",
    reason="not_replayed",
    value=float("inf"),
    threshold=0.0005,
    spans=((3, 5, "tokens"), (9, 10, "tokens")),
)


@pytest.fixture
def open_ledger(tmp_path: Path) -> Iterator[Callable[[], Ledger]]:
    """Open this test's ledger, as often as it likes; all are closed after it."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(Ledger(tmp_path / "ledger.db")))


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()


@pytest.fixture
def found() -> Callable[..., Finding]:
    """Make what was found of one completion: a refusal, unless it is said otherwise."""

    def make(round_index: int, author: str = "12D3KooWann", **changes: Any) -> Finding:
        one = Finding(
            author=author,
            round_index=round_index,
            prompt_index=5,
            index=0,
            contribution=f"{round_index:02x}" * 32,
            policy_digest="cd" * 32,
            prompt="How many?\n",
            text="<think>2 + 2 = 5\x00\u202e</think> \U0001f600",
            tokens=(1, 70_000, 2),
            ended=True,
            reward=2.5,
            deciding=REFUSED,
            verdicts=(CLEAN, REFUSED),
        )
        return replace(one, **changes)

    return make
