"""Who was cast out stays so over a restart, up to a bound; and the chain knows what went."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node.ledger import Ledger
from node.ledger.proof import prove
from node.work import Finding, Said
from protocol.identity import Keypair

ProofAgainst = Callable[[int, int], bytes]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("node.ledger.ledger.OUTCASTS_MAX", 2)
    return 2


def convict(ledger: Ledger, keys: list[Keypair], proof_against: ProofAgainst, *who: int) -> None:
    for number in who:
        ledger.record_outcast(keys[number].peer_id, number, proof_against(number, number))


def test_where_the_table_is_full_the_oldest_goes(
    ledger: Ledger, keys: list[Keypair], proof_against: ProofAgainst, few: int
) -> None:
    convict(ledger, keys, proof_against, 1, 2)
    before = list(ledger.outcasts())
    convict(ledger, keys, proof_against, 3, 2, 4)

    assert before == [keys[1].peer_id, keys[2].peer_id]
    assert list(ledger.outcasts()) == [keys[3].peer_id, keys[4].peer_id]
    assert len(before) == few


def test_a_table_of_an_earlier_time_that_is_too_long_is_cut(
    ledger: Ledger,
    keys: list[Keypair],
    proof_against: ProofAgainst,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    convict(ledger, keys, proof_against, 0, 1, 2, 3)
    monkeypatch.setattr("node.ledger.ledger.OUTCASTS_MAX", 2)
    convict(ledger, keys, proof_against, 4)

    assert list(ledger.outcasts()) == [keys[3].peer_id, keys[4].peer_id]


@pytest.mark.usefixtures("few")
def test_a_ledger_whose_oldest_outcasts_went_is_whole_and_the_chain_forgets_them_too(
    ledger: Ledger, keys: list[Keypair], proof_against: ProofAgainst, tmp_path: Path
) -> None:
    convict(ledger, keys, proof_against, 0, 1, 2, 3, 4)
    proofs = [prove(tmp_path / "ledger.db")]
    for round_index in range(4):
        ledger.close_round(round_index, [])
        ledger.forget_before(round_index)
        proofs.append(prove(tmp_path / "ledger.db"))

    assert [one.misfit for one in proofs] == [None] * 5
    assert [one.links for one in proofs] == [8, 9, 4, 4, 4]


@pytest.mark.usefixtures("few")
def test_an_outcast_put_back_behind_the_chain_is_found(
    ledger: Ledger, keys: list[Keypair], proof_against: ProofAgainst, tmp_path: Path
) -> None:
    convict(ledger, keys, proof_against, 0, 1, 2)
    row = (keys[0].peer_id.public_key, 0, proof_against(0, 0))
    ledger._file.execute("INSERT INTO outcasts VALUES (?, ?, ?)", row)

    misfit = prove(tmp_path / "ledger.db").misfit

    assert misfit is not None
    assert keys[0].peer_id.public_key.hex() in misfit.where


def test_records_are_what_was_clean_less_what_was_refused_from_a_round_on(
    ledger: Ledger, found: Callable[..., Finding], keys: list[Keypair]
) -> None:
    clean, refused, both = (str(key.peer_id) for key in keys[:3])

    def one(round_index: int, author: str, outcome: str, index: int = 0) -> Finding:
        said = Said(stage="any", outcome=outcome, reason="any")
        return found(round_index, author=author, index=index, deciding=said, verdicts=())

    for round_index in (1, 2):
        ledger.record_findings(
            round_index,
            [
                one(round_index, clean, "accept"),
                one(round_index, clean, "accept", 1),
                one(round_index, refused, "refuse"),
                one(round_index, both, "accept"),
                one(round_index, both, "refuse", 1),
                one(round_index, both, "undecided", 2),
            ],
        )

    expected = {keys[0].peer_id: 2, keys[1].peer_id: -1, keys[2].peer_id: 0}
    assert ledger.records(2) == expected
    assert ledger.records(0) == {author: 2 * net for author, net in expected.items()}
    assert ledger.records(3) == {}
