"""A neighbour is told what it lacks, from the ledger; what it says is read, or refused by name."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from trio.testing import MockClock

from node.exchange import Exchange
from node.ledger import Ledger
from node.mesh import Decision
from node.mesh.memory import open_memory_swarm
from protocol.constants import ANSWER_BYTES_MAX
from protocol.envelope import open_part
from protocol.exchange import Answer, Question, open_answer
from protocol.identity import Keypair, PeerId
from protocol.parameters import Parameters

Sealed = Callable[..., bytes]
Told = list[tuple[str, dict[str, object]]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path / "ledger.db")) as opened:
        yield opened


@pytest.fixture
def exchange(parameters: Parameters, ledger: Ledger, told: Told) -> Exchange:
    return Exchange(parameters, ledger, lambda name, fields: told.append((name, dict(fields))))


@pytest.fixture
def asker(keys: list[Keypair]) -> PeerId:
    return keys[4].peer_id


def answered(
    exchange: Exchange, parameters: Parameters, asker: PeerId, held: list[bytes]
) -> Answer:
    question = Question.about(parameters.digest(), 5, held)
    data = exchange.answer(question.to_bytes(), asker)
    return open_answer(data, question, message_bytes_max=parameters.message_bytes_max)


def test_of_an_open_round_all_is_told_that_the_asker_lacks(
    exchange: Exchange,
    parameters: Parameters,
    ledger: Ledger,
    sealed: Sealed,
    keys: list[Keypair],
    asker: PeerId,
) -> None:
    raws = [sealed(key, 5) for key in keys[:3]]
    ledger.record_own(5, raws[:1])
    for raw in raws[1:]:
        ledger.record(5, raw)
    ledger.record(6, sealed(keys[1], 6))

    answer = answered(exchange, parameters, asker, raws[1:2])

    assert answer.messages == (raws[0], raws[2])
    assert answer.frozen is None


def test_of_a_closed_round_only_what_it_was_closed_with_is_told(
    exchange: Exchange,
    parameters: Parameters,
    ledger: Ledger,
    sealed: Sealed,
    keys: list[Keypair],
    asker: PeerId,
) -> None:
    raws = [sealed(key, 5) for key in keys[:3]]
    for raw in raws:
        ledger.record(5, raw)
    digests = sorted(open_part(raw, parameters).digest for raw in raws[:2])
    ledger.close_round(5, digests)

    answer = answered(exchange, parameters, asker, [])

    assert answer.messages == tuple(raws[:2])
    assert answer.frozen == tuple(digests)


def test_of_a_round_that_nobody_knows_nothing_is_told(
    exchange: Exchange, parameters: Parameters, asker: PeerId
) -> None:
    answer = answered(exchange, parameters, asker, [])

    assert (answer.messages, answer.frozen) == ((), None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"what?", "malformed"),
        (Question.about(bytes(32), 5, []).to_bytes(), "other_swarm"),
    ],
)
def test_what_is_no_question_of_the_swarm_is_told_and_not_answered(
    exchange: Exchange, told: Told, asker: PeerId, data: bytes, reason: str
) -> None:
    assert exchange.answer(data, asker) == b""

    ((name, fields),) = told
    assert name == "question_refused"
    assert (fields["reason"], fields["peer"]) == (reason, str(asker))


@pytest.mark.parametrize("said", [b"", b"nothing that can be read", bytes(ANSWER_BYTES_MAX)])
async def test_an_answer_that_cannot_be_read_is_none(
    autojump_clock: MockClock,
    exchange: Exchange,
    keys: list[Keypair],
    told: Told,
    said: bytes,
) -> None:
    async with open_memory_swarm(7) as mesh:
        one = mesh.join(keys[0].peer_id, lambda _data, _forwarder: Decision.ACCEPT)
        mesh.join(
            keys[1].peer_id,
            lambda _data, _forwarder: Decision.ACCEPT,
            answer=lambda _question, _asker: said,
        )

        answer = await exchange.ask(one, keys[1].peer_id, 5, [])

    assert answer is None
    assert [name for name, _ in told] == (["answer_refused"] if said else [])
