from random import Random

import pytest
import trio
from libp2p.pubsub.pb import rpc_pb2
from trio.testing import MockClock, wait_all_tasks_blocked

from node.mesh import wire
from node.mesh.outbox import (
    ASKED_MAX,
    ASKS_MAX,
    BATCH_BYTES,
    BYTES_MAX,
    CONTROLS_MAX,
    Outbox,
)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(messages_max=40, linger_s=0.01, random=Random(0))  # noqa: S311 - seeded


def message(number: int, length: int = 10) -> tuple[bytes, bytes]:
    made = rpc_pb2.Message(data=bytes(length), seqno=number.to_bytes(8, "big"))
    return made.seqno, made.SerializeToString()


def numbers(frame: bytes | None) -> list[int]:
    """Which messages a frame holds."""
    assert frame is not None
    _, payload = split(frame)
    return [int.from_bytes(one.seqno, "big") for one in wire.parse_frame(payload).publish]


def split(frame: bytes) -> tuple[int, bytes]:
    for head in (1, 2, 3):
        if (
            frame.startswith(wire.varint(len(frame) - head))
            and len(wire.varint(len(frame) - head)) == head
        ):
            return head, frame[head:]
    raise AssertionError("not a frame")


async def test_a_burst_leaves_in_one_frame(autojump_clock: MockClock, outbox: Outbox) -> None:
    for number in range(10):
        outbox.push_message(*message(number))

    assert numbers(await outbox.next_frame()) == list(range(10))


async def test_no_frame_holds_more_than_a_receiver_takes(
    autojump_clock: MockClock, outbox: Outbox
) -> None:
    for number in range(40):
        outbox.push_message(*message(number))

    frames = [numbers(await outbox.next_frame()) for _ in range(3)]

    assert [len(frame) for frame in frames] == [16, 16, 8]
    assert [number for frame in frames for number in frame] == list(range(40))


async def test_long_messages_leave_in_frames_of_bounded_length(
    autojump_clock: MockClock, outbox: Outbox
) -> None:
    for number in range(4):
        outbox.push_message(*message(number, length=20_000))

    first, second = await outbox.next_frame(), await outbox.next_frame()

    assert numbers(first) == [0, 1]
    assert numbers(second) == [2, 3]
    assert first is not None
    assert len(first) <= BATCH_BYTES


async def test_a_message_longer_than_a_batch_leaves_alone(
    autojump_clock: MockClock, outbox: Outbox
) -> None:
    outbox.push_message(*message(0, length=BATCH_BYTES + 1))
    outbox.push_message(*message(1))

    assert numbers(await outbox.next_frame()) == [0]
    assert numbers(await outbox.next_frame()) == [1]


async def test_a_message_waits_a_moment_for_company(
    autojump_clock: MockClock, outbox: Outbox
) -> None:
    began = trio.current_time()
    outbox.push_message(*message(0))

    await outbox.next_frame()

    assert 0.005 <= trio.current_time() - began <= 0.015


async def test_control_goes_first_and_does_not_wait(
    autojump_clock: MockClock, outbox: Outbox
) -> None:
    began = trio.current_time()
    outbox.push_message(*message(0))
    graft = rpc_pb2.RPC(control=rpc_pb2.ControlMessage(graft=[rpc_pb2.ControlGraft(topicID="t")]))
    outbox.push(graft, priority=True)

    frame = await outbox.next_frame()

    assert frame is not None
    assert wire.parse_frame(split(frame)[1]) == graft
    assert trio.current_time() == began


async def test_what_the_peer_has_shown_us_is_not_sent(
    autojump_clock: MockClock, outbox: Outbox
) -> None:
    for number in range(3):
        outbox.push_message(*message(number))

    outbox.forget(message(1)[0])
    outbox.forget(b"never queued")

    assert numbers(await outbox.next_frame()) == [0, 2]


async def test_an_outbox_that_was_emptied_while_lingering_waits_on(
    autojump_clock: MockClock, outbox: Outbox
) -> None:
    frames: list[bytes | None] = []

    async def read() -> None:
        frames.append(await outbox.next_frame())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        outbox.push_message(*message(0))
        await wait_all_tasks_blocked()
        outbox.forget(message(0)[0])
        await trio.sleep(1)
        assert frames == []
        outbox.push_message(*message(1))

    assert numbers(frames[0]) == [1]


async def test_a_message_is_queued_once(autojump_clock: MockClock, outbox: Outbox) -> None:
    assert outbox.push_message(*message(0))
    assert outbox.push_message(*message(0))

    assert len(outbox) == 1


async def test_a_full_outbox_refuses_and_tells_when_there_is_room(
    autojump_clock: MockClock, outbox: Outbox
) -> None:
    for number in range(40):
        assert outbox.push_message(*message(number))
    assert not outbox.push_message(*message(40))
    order: list[str] = []

    async def publish() -> None:
        await outbox.wait_for_room()
        order.append("room")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(publish)
        await wait_all_tasks_blocked()
        order.append("full")
        await outbox.next_frame()

    assert order == ["full", "room"]
    assert outbox.push_message(*message(40))


def test_large_messages_are_bounded_by_their_bytes(outbox: Outbox) -> None:
    """Peers that stop reading are many; forty long messages each would be no bound."""
    crowded = Outbox(messages_max=10_000, linger_s=0.01, random=Random(0))  # noqa: S311 - seeded
    queued = [crowded.push_message(*message(number, 48_000)) for number in range(400)]

    assert queued.count(True) == BYTES_MAX // 48_000 + 1
    crowded.forget(message(0)[0])
    assert crowded.push_message(*message(500, 48_000))


def test_a_message_is_given_three_times_upon_asking(outbox: Outbox) -> None:
    one, other = message(1)[0], message(2)[0]

    assert [outbox.may_ask(one) for _ in range(5)] == [True] * ASKS_MAX + [False] * 2
    assert outbox.may_ask(other)


def test_questions_without_end_take_bounded_memory(outbox: Outbox) -> None:
    for number in range(2 * ASKED_MAX):
        outbox.may_ask(message(number)[0])

    assert len(outbox._asked) == ASKED_MAX


def test_control_is_bounded_too(outbox: Outbox) -> None:
    pushed = [outbox.push(rpc_pb2.RPC()) for _ in range(CONTROLS_MAX + 1)]

    assert pushed == [True] * CONTROLS_MAX + [False]


async def test_idle_means_written_not_only_taken(autojump_clock: MockClock, outbox: Outbox) -> None:
    order: list[str] = []

    async def write() -> None:
        while await outbox.next_frame() is not None:
            await trio.sleep(1)
            order.append("written")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        outbox.push_message(*message(0))
        await outbox.wait_until_idle()
        order.append("idle")
        outbox.close()

    assert order == ["written", "idle"]


async def test_closing_lets_everyone_go(autojump_clock: MockClock, outbox: Outbox) -> None:
    for number in range(40):
        outbox.push_message(*message(number))
    frames: list[bytes | None] = []

    async def read() -> None:
        while (frame := await outbox.next_frame()) is not None:
            frames.append(frame)

    async with trio.open_nursery() as nursery:
        outbox.close()
        nursery.start_soon(read)
        nursery.start_soon(outbox.wait_for_room)
        nursery.start_soon(outbox.wait_until_idle)

    assert frames == []
    assert not outbox.push_message(*message(41))
    assert not outbox.push(rpc_pb2.RPC())
