"""The seeded swarm: what a seed decides, and that it decides it for good."""

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import MockClock

from node.mesh.memory import MemorySwarm, open_memory_swarm
from protocol.constants import ANSWER_BYTES_MAX, QUESTION_BYTES_MAX
from protocol.identity import PeerId

if TYPE_CHECKING:
    from conftest import Lab, Member


def join(swarm: MemorySwarm, lab: "Lab", count: int) -> "list[Member]":
    members = [lab.Member() for _ in range(count)]
    for index, member in enumerate(members):
        swarm.join(lab.keypair(index + 1).peer_id, member.validate, on_event=member.on_event)
    return members


async def run(lab: "Lab", seed: int) -> list[list[bytes]]:
    """One swarm with slow, lossy, overtaking hops; who heard what, in which order."""
    async with open_memory_swarm(seed, delay_s=(0.01, 0.5), loss=0.2, degree=2) as swarm:
        members = [lab.Member() for _ in range(6)]
        meshes = [
            swarm.join(lab.keypair(index + 1).peer_id, member.validate)
            for index, member in enumerate(members)
        ]
        for number in range(30):
            await meshes[number % 6].publish(b"%d" % number)
            await trio.sleep(0.05)
        await trio.sleep(10)
        return [member.heard for member in members]


async def test_one_seed_is_one_run(autojump_clock: MockClock, lab: "Lab") -> None:
    first, again, other = await run(lab, 1), await run(lab, 1), await run(lab, 2)

    assert first == again
    assert first != other
    assert any(heard != sorted(heard, key=int) for heard in first)


async def test_without_delays_a_seed_is_a_run_under_any_clock(lab: "Lab") -> None:
    async def heard(seed: int) -> list[list[bytes]]:
        async with open_memory_swarm(seed, degree=2) as swarm:
            members = join(swarm, lab, 3)
            author = swarm.join(lab.keypair(9).peer_id, lab.Member().validate)
            for number in range(50):
                await author.publish(b"%d" % number)
            await lab.until(lambda: all(len(member.heard) == 50 for member in members))
            return [member.heard for member in members]

    assert await heard(1) == await heard(1)


async def test_a_hop_takes_its_time(autojump_clock: MockClock, lab: "Lab") -> None:
    async with open_memory_swarm(1, delay_s=(2.0, 3.0)) as swarm:
        (member,) = join(swarm, lab, 1)
        author = swarm.join(lab.keypair(9).peer_id, lab.Member().validate)
        await author.publish(b"slow")
        await trio.sleep(1.99)
        assert member.heard == []
        await trio.sleep(1.02)
        assert member.heard == [b"slow"]


@pytest.mark.parametrize(("loss", "share"), [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])
async def test_the_share_that_is_lost_is_lost(lab: "Lab", loss: float, share: float) -> None:
    async with open_memory_swarm(3, loss=loss) as swarm:
        (member,) = join(swarm, lab, 1)
        author = swarm.join(lab.keypair(9).peer_id, lab.Member().validate)
        for number in range(400):
            await author.publish(b"%d" % number)
        await trio.testing.wait_all_tasks_blocked()

    assert len(member.heard) / 400 == pytest.approx(share, abs=0.08)


async def test_a_newcomer_is_linked_to_as_many_as_was_said(lab: "Lab") -> None:
    async with open_memory_swarm(1, degree=2) as swarm:
        join(swarm, lab, 9)
        newcomer = swarm.join(lab.keypair(10).peer_id, lab.Member().validate)

        assert len(newcomer.peers()) == 2


async def test_a_cut_parts_two_and_a_link_joins_them_again(lab: "Lab") -> None:
    async with open_memory_swarm(1) as swarm:
        one, other = (lab.Member() for _ in range(2))
        here = swarm.join(lab.keypair(1).peer_id, one.validate, on_event=one.on_event)
        there = swarm.join(lab.keypair(2).peer_id, other.validate)
        swarm.cut(here.peer_id, there.peer_id)
        await here.publish(b"unheard")
        swarm.link(here.peer_id, there.peer_id)
        await here.publish(b"heard")
        await lab.until(lambda: other.heard)

    assert other.heard == [b"heard"]
    assert [name for name, _ in one.events] == [
        "peer_connected",
        "peer_disconnected",
        "peer_connected",
    ]


async def test_what_flies_to_one_who_leaves_is_lost(lab: "Lab") -> None:
    async with open_memory_swarm(1) as swarm:
        leaver, stayer = join(swarm, lab, 2)
        author = swarm.join(lab.keypair(9).peer_id, lab.Member().validate)
        await author.publish(b"first")
        await lab.until(lambda: leaver.heard and stayer.heard)
        swarm.leave(lab.keypair(1).peer_id)
        await author.publish(b"second")
        await lab.until(lambda: len(stayer.heard) == 2)

        assert leaver.heard == [b"first"]
        assert len(author.peers()) == 1


async def test_a_members_own_limit_holds(lab: "Lab") -> None:
    async with open_memory_swarm(1) as swarm:
        mesh = swarm.join(
            lab.keypair(1).peer_id,
            lab.Member().validate,
            message_bytes_max=10,
        )
        with pytest.raises(ValueError, match="a message has 1 to 10 bytes, not 11"):
            await mesh.publish(bytes(11))


async def test_one_peer_joins_once(lab: "Lab") -> None:
    async with open_memory_swarm(1) as swarm:
        join(swarm, lab, 1)
        with pytest.raises(ValueError, match="already"):
            join(swarm, lab, 1)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"delay_s": (0.2, 0.1)}, "delay_s is"),
        ({"delay_s": (-0.1, 0.1)}, "delay_s is"),
        ({"loss": 1.1}, "loss is 1.1"),
        ({"loss": -0.1}, "loss is -0.1"),
    ],
)
async def test_settings_that_make_no_sense_are_refused(
    settings: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        async with open_memory_swarm(1, **settings):  # type: ignore[arg-type]
            pass


# --- questions ----------------------------------------------------------------------------


def echo(question: bytes, asker: PeerId) -> bytes:
    return question + b" of " + asker.to_bytes()


async def test_a_neighbour_answers_a_question(lab: "Lab") -> None:
    async with open_memory_swarm(1) as swarm:
        asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
        there = swarm.join(lab.keypair(2).peer_id, lab.Member().validate, answer=echo)

        assert await asker.ask(there.peer_id, b"what") == b"what of " + asker.peer_id.to_bytes()
        assert await there.ask(asker.peer_id, b"what") == b""
        assert asker.counters() == {"questions_asked": 1, "questions_answered": 1}


async def test_only_a_neighbour_does(lab: "Lab") -> None:
    async with open_memory_swarm(1) as swarm:
        asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
        there = swarm.join(lab.keypair(2).peer_id, lab.Member().validate, answer=echo)
        swarm.cut(asker.peer_id, there.peer_id)

        assert await asker.ask(there.peer_id, b"what") == b""
        assert await asker.ask(asker.peer_id, b"what") == b""
        assert await asker.ask(lab.keypair(3).peer_id, b"what") == b""


@pytest.mark.parametrize("length", [0, QUESTION_BYTES_MAX + 1])
async def test_a_question_of_a_length_that_is_none_is_not_put(lab: "Lab", length: int) -> None:
    async with open_memory_swarm(1) as swarm:
        asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
        with pytest.raises(ValueError, match=f"a question has 1 to 49152 bytes, not {length}"):
            await asker.ask(lab.keypair(2).peer_id, bytes(length))


async def test_question_and_answer_take_a_hop_each(autojump_clock: MockClock, lab: "Lab") -> None:
    async with open_memory_swarm(1, delay_s=(2.0, 3.0)) as swarm:
        asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
        there = swarm.join(lab.keypair(2).peer_id, lab.Member().validate, answer=echo)
        began_s = trio.current_time()

        assert await asker.ask(there.peer_id, b"what")
        assert 4.0 <= trio.current_time() - began_s <= 6.0


async def test_who_asked_in_vain_knows_it_after_two_hops(
    autojump_clock: MockClock, lab: "Lab"
) -> None:
    async with open_memory_swarm(1, delay_s=(0.5, 2.0), loss=1.0) as swarm:
        asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
        there = swarm.join(lab.keypair(2).peer_id, lab.Member().validate, answer=echo)
        began_s = trio.current_time()

        assert await asker.ask(there.peer_id, b"what") == b""
        assert trio.current_time() - began_s == pytest.approx(4.0)


@pytest.mark.parametrize("leaves", ["asker", "asked"])
async def test_who_leaves_neither_answers_nor_waits_for_ever(
    autojump_clock: MockClock, lab: "Lab", leaves: str
) -> None:
    async with open_memory_swarm(1, delay_s=(1.0, 1.0)) as swarm, trio.open_nursery() as nursery:
        asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
        there = swarm.join(lab.keypair(2).peer_id, lab.Member().validate, answer=echo)
        leaver = asker if leaves == "asker" else there

        @nursery.start_soon
        async def leave() -> None:
            await trio.sleep(0.5)
            swarm.leave(leaver.peer_id)

        with trio.fail_after(5):
            assert await asker.ask(there.peer_id, b"what") == b""
        assert "questions_answered" not in there.counters()


@pytest.mark.parametrize("delay_s", [(0.0, 0.0), (0.1, 0.4)])
async def test_a_seed_says_which_questions_are_answered(
    autojump_clock: MockClock, lab: "Lab", delay_s: tuple[float, float]
) -> None:
    async def answered(seed: int) -> list[bool]:
        async with open_memory_swarm(seed, loss=0.3, delay_s=delay_s) as swarm:
            asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
            there = swarm.join(lab.keypair(2).peer_id, lab.Member().validate, answer=echo)
            return [bool(await asker.ask(there.peer_id, b"%d" % one)) for one in range(400)]

    first = await answered(1)

    assert first == await answered(1)
    assert first != await answered(2)
    assert sum(first) / 400 == pytest.approx(0.7 * 0.7, abs=0.08)


async def test_a_question_overtakes_no_message_where_hops_take_no_time(lab: "Lab") -> None:
    async with open_memory_swarm(1) as swarm:
        member = lab.Member()
        asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
        there = swarm.join(
            lab.keypair(2).peer_id,
            member.validate,
            answer=lambda _question, _asker: b"%d" % len(member.heard),
        )
        for number in range(20):
            await asker.publish(b"%d" % number)

        assert await asker.ask(there.peer_id, b"how many") == b"20"


@pytest.mark.parametrize("given", [None, bytes(ANSWER_BYTES_MAX + 1)], ids=["raises", "too long"])
async def test_an_answer_that_fails_ends_the_swarm(lab: "Lab", given: bytes | None) -> None:
    def answer(_question: bytes, _asker: PeerId) -> bytes:
        if given is None:
            raise LookupError("our bug")
        return given

    async def ask() -> None:
        async with open_memory_swarm(1) as swarm:
            asker = swarm.join(lab.keypair(1).peer_id, lab.Member().validate)
            there = swarm.join(lab.keypair(2).peer_id, lab.Member().validate, answer=answer)
            await asker.ask(there.peer_id, b"what")

    with pytest.raises((LookupError, ValueError), match=r"our bug|an answer has at most 524288"):
        await ask()
