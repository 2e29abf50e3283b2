"""Who is known better stays: the operator's word, then a record, then having been heard."""

import pytest

from node.faults import DataDirFault
from node.precedence import RECORD_ROUNDS, Precedence, Rank
from protocol.identity import Keypair, PeerId

ME, FRIEND, CLEAN, MIXED, REFUSED, KNOWN, NEW = (
    Keypair.from_seed(bytes([number]) * 32).peer_id for number in range(1, 8)
)
FOUND = {CLEAN: 3, MIXED: 0, REFUSED: -3, FRIEND: -9, ME: -9}


def precedence(found: dict[PeerId, int]) -> Precedence:
    return Precedence(ME, lambda _since: found, lambda author: author == FRIEND)


def test_ranks_follow_what_this_node_knows_itself() -> None:
    known = precedence(FOUND)
    known.begin(5, [KNOWN, MIXED, REFUSED])

    ranks = [known.rank(one) for one in (ME, FRIEND, CLEAN, KNOWN, MIXED, NEW, REFUSED)]

    assert ranks == [
        *(Rank.OWN, Rank.TRUSTED, Rank.PROVEN),
        *(Rank.HEARD, Rank.HEARD, Rank.STRANGER, Rank.DISCREDITED),
    ]


def test_a_new_name_is_better_than_a_bad_one_and_worse_than_any_other() -> None:
    assert Rank.DISCREDITED < Rank.STRANGER < Rank.HEARD < Rank.PROVEN < Rank.TRUSTED < Rank.OWN


def test_who_spoke_for_the_last_rounds_is_known_until_one_begins_without_it() -> None:
    known = precedence({})
    before = known.rank(KNOWN)
    known.begin(1, [KNOWN])
    then = known.rank(KNOWN)
    known.begin(4, [])

    assert [before, then, known.rank(KNOWN)] == [Rank.STRANGER, Rank.HEARD, Rank.STRANGER]


def test_records_are_asked_for_once_a_round_and_only_as_far_back_as_they_count() -> None:
    asked: list[int] = []

    def records(since: int) -> dict[PeerId, int]:
        asked.append(since)
        return {CLEAN: 1}

    known = Precedence(ME, records)
    for round_index in (3, RECORD_ROUNDS + 7):
        known.begin(round_index, [])
        assert [known.rank(one) for one in (CLEAN, NEW)] == [Rank.PROVEN, Rank.STRANGER]

    assert asked == [0, 7]


def test_a_ledger_that_cannot_be_read_speaks_for_nobody() -> None:
    def broken(_since: int) -> dict[PeerId, int]:
        raise DataDirFault("It is damaged.", fix="Put a copy back.")

    known = Precedence(ME, broken)
    known.begin(5, [KNOWN])

    assert [known.rank(one) for one in (ME, CLEAN, KNOWN)] == [
        *(Rank.OWN, Rank.STRANGER, Rank.HEARD)
    ]


@pytest.mark.parametrize("author", [FRIEND, CLEAN])
def test_the_operators_word_holds_at_once(author: PeerId) -> None:
    trusted: set[PeerId] = set()
    known = Precedence(ME, lambda _since: {}, trusted.__contains__)
    before = known.rank(author)
    trusted.add(author)

    assert (before, known.rank(author)) == (Rank.STRANGER, Rank.TRUSTED)
