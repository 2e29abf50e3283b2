"""A swarm may ask that a name be searched for: who has found one is heard, nobody else is."""

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from protocol.admission import Admission
from protocol.envelope import open_part
from protocol.errors import Reason, Refused
from protocol.evidence import Evidence
from protocol.identity import Keypair, PeerId
from protocol.puzzle import solves, tried_keys, zero_bits

if TYPE_CHECKING:
    from conftest import SmallSwarm

BITS = 4


@pytest.fixture
def asking(swarm: "SmallSwarm") -> "SmallSwarm":
    """A swarm that wants four bits of work."""
    return swarm.with_(join_bits=BITS)


def author(asking: "SmallSwarm", *, solving: bool) -> int:
    """Return the number of the first author that solves its puzzle, or does not."""
    return next(
        number
        for number in itertools.count()
        if solves(asking.keypair(number).peer_id, asking.parameters) is solving
    )


def proof(asking: "SmallSwarm", number: int) -> bytes:
    first, second = (
        open_part(asking.messages(number, salt=salt)[0], asking.parameters) for salt in (0, 1)
    )
    return Evidence.of(second, first.statement()).to_bytes()


def reason(admission: Admission, message: bytes) -> Reason:
    with pytest.raises(Refused) as raised:
        admission.admit(message, round_index=0)
    return raised.value.reason


def test_whose_key_solves_the_puzzle_is_heard(asking: "SmallSwarm") -> None:
    message = asking.messages(author(asking, solving=True))[0]

    assert asking.admission().admit(message, round_index=0).contribution


def test_whose_key_does_not_is_refused_before_its_signature_is_checked(
    asking: "SmallSwarm",
) -> None:
    message = asking.messages(author(asking, solving=False))[0]
    forged = message[:-1] + bytes([message[-1] ^ 1])

    assert reason(asking.admission(), message) is Reason.UNSOLVED
    assert reason(asking.admission(), forged) is Reason.UNSOLVED
    assert Reason.UNSOLVED.rejects


def test_a_swarm_that_asks_for_nothing_takes_any_key(swarm: "SmallSwarm") -> None:
    for number in range(20):
        assert swarm.admission().admit(swarm.messages(number)[0], round_index=0).contribution


def test_who_may_speak_may_be_convicted(asking: "SmallSwarm") -> None:
    number = author(asking, solving=True)

    convicted = asking.admission().convict(proof(asking, number), round_index=0)

    assert convicted == asking.keypair(number).peer_id


def test_who_could_not_speak_is_not_convicted(asking: "SmallSwarm") -> None:
    """Else keys that cost nothing would fill the list of those that are out."""
    number = author(asking, solving=False)

    with pytest.raises(Refused) as raised:
        asking.admission().convict(proof(asking, number), round_index=0)

    assert raised.value.reason is Reason.UNSOLVED


def test_a_key_found_for_one_swarm_buys_nothing_in_another() -> None:
    authors = [PeerId(number.to_bytes(32, "big")) for number in range(2000)]
    solving = [each for each in authors if zero_bits("one", each) >= BITS]

    both = sum(zero_bits("two", each) >= BITS for each in solving)

    assert len(solving) == pytest.approx(len(authors) / 2**BITS, rel=0.35)
    assert both < len(solving) / 4


def test_the_search_ends_with_a_key_that_solves_and_shows_each_other_one() -> None:
    *others, found = tried_keys("small", BITS)

    assert set(others) <= {None}
    assert isinstance(found, Keypair)
    assert zero_bits("small", found.peer_id) >= BITS


def test_the_puzzle_is_part_of_the_swarm(swarm: "SmallSwarm") -> None:
    digests = {replace(swarm.parameters, join_bits=bits).digest() for bits in (0, 1, 2)}

    assert len(digests) == 3
