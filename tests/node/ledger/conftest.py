"""A ledger of each test's own, and findings to put into it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.ledger import Ledger
from node.work import Finding, Said
from protocol.contribution import Contribution
from protocol.envelope import open_part, seal
from protocol.evidence import Evidence
from protocol.identity import Keypair
from protocol.parameters import Parameters

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


Signed = Callable[..., tuple[bytes, bytes]]


@pytest.fixture
def signed(
    contribute: Callable[..., Contribution], parameters: Parameters, keys: list[Keypair]
) -> Signed:
    """Make an author's signed message to a round, and the digest of what it carries."""

    def make(author: int, round_index: int, **more: int) -> tuple[bytes, bytes]:
        contribution = contribute(keys[author], round_index, **more)
        (raw,) = seal(contribution, keys[author], parameters)
        return raw, contribution.digest()

    return make


@pytest.fixture
def proof_against(signed: Signed, parameters: Parameters) -> Callable[[int, int], bytes]:
    """Make the evidence that an author answered one prompt of a round twice."""

    def make(author: int, round_index: int) -> bytes:
        one, other = (
            open_part(signed(author, round_index, word=word)[0], parameters) for word in (7, 8)
        )
        return Evidence.of(one, other.statement()).to_bytes()

    return make


@pytest.fixture
def lived(
    ledger: Ledger,
    signed: Signed,
    found: Callable[..., Finding],
    keys: list[Keypair],
    proof_against: Callable[[int, int], bytes],
) -> Ledger:
    """A ledger with two closed rounds, one that is open, an outcast, and a round forgotten."""
    ledger.note("settings", '{"model": "tiny"}')
    for round_index in range(4):
        (own, own_digest), (peer, peer_digest) = (signed(who, round_index) for who in (0, 1))
        ledger.record_own(round_index, [own])
        ledger.record(round_index, peer)
        if round_index == 2:
            ledger.record_outcast(keys[3].peer_id, 2, proof_against(3, 2))
        if round_index < 3:
            ledger.close_round(round_index, [own_digest, peer_digest])
            ledger.record_findings(
                round_index, [found(round_index, trained_reward=0.5), found(round_index, index=1)]
            )
    ledger.forget_before(1)
    return ledger
