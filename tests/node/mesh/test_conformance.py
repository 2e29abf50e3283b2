"""What every mesh keeps: the same claims, held against memory and against TCP."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from node.mesh import Decision, Mesh
from node.mesh.settings import MESSAGE_BYTES_MAX

if TYPE_CHECKING:
    from conftest import Lab, Member


async def test_a_message_reaches_everyone_but_its_author_once(lab: "Lab", open_swarm: Any) -> None:
    members = [lab.Member() for _ in range(3)]

    async with open_swarm(members, line=False) as meshes:
        await meshes[0].publish(b"hello")
        await lab.until(lambda: members[1].heard and members[2].heard)
        await meshes[1].publish(b"later")
        await lab.until(lambda: len(members[2].heard) == 2)

    assert members[0].heard == [b"later"]
    assert members[1].heard == [b"hello"]
    assert members[2].heard == [b"hello", b"later"]


async def test_an_accepted_message_goes_on_over_two_hops(lab: "Lab", open_swarm: Any) -> None:
    members = [lab.Member() for _ in range(3)]

    async with open_swarm(members, line=True) as meshes:
        await meshes[0].publish(b"far")
        await lab.until(lambda: members[2].heard)

    assert members[2].heard == [b"far"]


async def test_the_forwarder_is_the_neighbour_not_the_author(lab: "Lab", open_swarm: Any) -> None:
    members = [lab.Member() for _ in range(3)]

    async with open_swarm(members, line=True) as meshes:
        await meshes[0].publish(b"far")
        await lab.until(lambda: members[2].heard)

        assert members[1].forwarders == [meshes[0].peer_id]
        assert members[2].forwarders == [meshes[1].peer_id]


@pytest.mark.parametrize("decision", [Decision.IGNORE, Decision.REJECT])
async def test_what_is_not_accepted_goes_no_further(
    lab: "Lab", open_swarm: Any, decision: Decision
) -> None:
    """The message that follows shows that the first would have had the time."""

    def picky(data: bytes) -> Decision:
        return decision if data == b"no" else Decision.ACCEPT

    members = [lab.Member(), lab.Member(picky), lab.Member()]

    async with open_swarm(members, line=True) as meshes:
        await meshes[0].publish(b"no")
        await meshes[0].publish(b"yes")
        await lab.until(lambda: members[2].heard)

        assert members[1].heard == [b"no", b"yes"]
        assert members[2].heard == [b"yes"]
        verdict = "ignored" if decision is Decision.IGNORE else "rejected"
        assert meshes[1].counters()[verdict] == 1


async def test_the_same_bytes_published_twice_are_two_messages(lab: "Lab", open_swarm: Any) -> None:
    """Whether they say anything new is for the one who is asked to know."""
    members = [lab.Member() for _ in range(2)]

    async with open_swarm(members, line=False) as meshes:
        await meshes[0].publish(b"again")
        await meshes[0].publish(b"again")
        await lab.until(lambda: len(members[1].heard) == 2)


async def test_peers_are_those_connected_in_the_order_of_their_ids(
    lab: "Lab", open_swarm: Any
) -> None:
    members = [lab.Member() for _ in range(3)]

    async with open_swarm(members, line=False) as meshes:
        ids = sorted(mesh.peer_id for mesh in meshes)

        for mesh in meshes:
            assert mesh.peers() == tuple(one for one in ids if one != mesh.peer_id)
            assert all(str(mesh.peer_id) in address for address in mesh.addresses)


async def test_a_burst_of_200_arrives_whole(lab: "Lab", open_swarm: Any) -> None:
    members = [lab.Member() for _ in range(3)]
    burst = [b"message %d" % number for number in range(200)]

    async with open_swarm(members, line=True) as meshes:
        for data in burst:
            await meshes[0].publish(data)
        await lab.until(lambda: len(members[2].heard) >= len(burst))

        assert Counter(members[1].heard) == Counter(burst)
        assert Counter(members[2].heard) == Counter(burst)
        assert meshes[0].counters()["published"] == len(burst)


async def test_the_longest_message_arrives_and_a_longer_one_is_our_bug(
    lab: "Lab", open_swarm: Any
) -> None:
    members = [lab.Member() for _ in range(3)]
    longest = bytes(range(256)) * (MESSAGE_BYTES_MAX // 256)

    async with open_swarm(members, line=True) as meshes:
        await meshes[0].publish(longest)
        await lab.until(lambda: members[2].heard)
        for wrong in (longest + b"x", b""):
            with pytest.raises(ValueError, match="a message has 1 to 49152 bytes, not"):
                await meshes[0].publish(wrong)

    assert members[2].heard == [longest]


async def test_copies_over_many_paths_are_asked_about_once(lab: "Lab", open_swarm: Any) -> None:
    members = [lab.Member() for _ in range(4)]

    async with open_swarm(members, line=False) as meshes:
        for number in range(20):
            await meshes[number % 4].publish(b"%d" % number)
        await lab.until(lambda: all(len(member.heard) >= 15 for member in members))

        for at, member in enumerate(members):
            expected = {b"%d" % number for number in range(20) if number % 4 != at}
            assert Counter(member.heard) == Counter(expected)


async def ended_by(meshes: "list[Mesh]", members: "list[Member]", lab: "Lab") -> None:
    await meshes[0].publish(b"trouble")
    await lab.until(lambda: members[1].heard)
    await lab.until(lambda: False)


async def test_a_validate_that_raises_ends_the_mesh_with_that_error(
    lab: "Lab", open_swarm: Any
) -> None:
    """It is a bug of ours; blamed on the forwarder it would never be found."""

    def broken(_data: bytes) -> Decision:
        raise ZeroDivisionError("ours")

    members = [lab.Member(), lab.Member(broken)]

    with pytest.raises(ZeroDivisionError, match="ours"):
        async with open_swarm(members, line=False) as meshes:
            await ended_by(meshes, members, lab)


async def test_a_validate_that_does_not_decide_ends_the_mesh_too(
    lab: "Lab", open_swarm: Any
) -> None:
    members = [lab.Member(), lab.Member(lambda _data: None)]  # type: ignore[arg-type, return-value]

    with pytest.raises(KeyError):
        async with open_swarm(members, line=False) as meshes:
            await ended_by(meshes, members, lab)
