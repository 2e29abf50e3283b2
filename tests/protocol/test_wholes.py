"""What makes a contribution is put together again; what does not is left out."""

from typing import TYPE_CHECKING

from protocol.envelope import open_part
from protocol.wholes import wholes

if TYPE_CHECKING:
    from conftest import SmallSwarm


def read(swarm: "SmallSwarm", raws: list[bytes], round_index: int = 0) -> list[bytes]:
    found = wholes(raws, swarm.parameters, swarm.schedule, round_index)
    assert all(digest == one.contribution.digest() for digest, one in found.items())
    return [raw for one in found.values() for raw in one.messages]


def test_contributions_are_read_from_their_parts_in_any_order(parts_swarm: "SmallSwarm") -> None:
    parts = list(parts_swarm.messages())

    found = wholes(reversed(parts), parts_swarm.parameters, parts_swarm.schedule, 0)

    (whole,) = found.values()
    assert whole.contribution == parts_swarm.contribution()
    assert sorted(whole.messages) == sorted(parts)


def test_both_answers_of_one_author_are_read(swarm: "SmallSwarm") -> None:
    """A node that closed a round with either can be followed."""
    raws = [*swarm.messages(), *swarm.messages(salt=1)]

    assert read(swarm, raws) == raws


def test_what_lacks_a_part_is_left_out(parts_swarm: "SmallSwarm") -> None:
    assert read(parts_swarm, list(parts_swarm.messages())[1:]) == []


def test_what_is_not_valid_is_left_out_and_takes_nothing_with_it(swarm: "SmallSwarm") -> None:
    good, other_round = swarm.messages()[0], swarm.messages(1, round_index=1)[0]
    forged = bytearray(swarm.messages(1)[0])
    forged[-1] ^= 1
    foreign = swarm.resealed(swarm.messages(1)[0], 1, prompt_index=999)

    assert read(swarm, [b"", b"\xc1", bytes(forged), foreign, other_round, good]) == [good]


def test_a_forged_part_beside_the_true_one_is_not_kept(parts_swarm: "SmallSwarm") -> None:
    parts = list(parts_swarm.messages())
    forged = bytearray(parts[0])
    forged[-1] ^= 1
    assert open_part(bytes(forged), parts_swarm.parameters).digest

    assert sorted(read(parts_swarm, [bytes(forged), *parts])) == sorted(parts)
