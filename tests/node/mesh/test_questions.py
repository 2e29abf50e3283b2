"""Questions over loopback: what is answered, what is refused, and that nothing else suffers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.exceptions import HostException
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from node.mesh import Mesh, MeshSettings, no_event, questions
from node.mesh.gossip import GossipMesh, open_gossip_mesh
from node.mesh.host import build_host, close_host
from node.mesh.muxer import HardenedYamux
from node.mesh.wire import varint
from protocol.constants import ANSWER_BYTES_MAX, QUESTION_BYTES_MAX
from protocol.identity import Keypair, PeerId

if TYPE_CHECKING:
    from conftest import Lab, Member

PROTOCOL = "/test/questions"

STRANGER = Keypair.from_seed(bytes([99]) * 32)

LONGEST = bytes(range(256)) * (ANSWER_BYTES_MAX // 256)


def say_longest(_question: bytes, _asker: PeerId) -> bytes:
    return LONGEST


def say_back(question: bytes, _asker: PeerId) -> bytes:
    return b"back: " + question


@asynccontextmanager
async def pair(
    lab: "Lab", here: "Member", there: "Member", *, asked: str = PROTOCOL, **options: Any
) -> AsyncIterator[tuple[GossipMesh, GossipMesh]]:
    """Two nodes that are connected, of which the second answers."""
    async with (
        lab.gossip_node(2, there, question_protocol=PROTOCOL, **options) as other,
        lab.gossip_node(1, here, peers=other.addresses, question_protocol=asked) as mesh,
    ):
        await lab.until(lambda: mesh.peers() and other.peers())
        yield mesh, other


@asynccontextmanager
async def caller(
    mesh: Mesh,
    keypair: Keypair = STRANGER,
    serve: Callable[[INetStream], Any] | None = None,
) -> AsyncIterator[IHost]:
    """A host that is connected to a node and follows no rules but libp2p's own."""
    host = build_host(keypair, (), no_event)
    if serve is not None:
        host.set_stream_handler(TProtocol(PROTOCOL), serve)
    async with host.run([]):
        address, _, _ = mesh.addresses[0].partition("/p2p/")
        await host.get_network().dial_addr(Multiaddr(address), ID(mesh.peer_id.to_bytes()))
        try:
            yield host
        finally:
            with trio.CancelScope(shield=True):
                await close_host(host, 1.0)


async def open_stream(host: IHost, mesh: Mesh) -> Any:
    return await host.new_stream(ID(mesh.peer_id.to_bytes()), [TProtocol(PROTOCOL)])


async def put(host: IHost, mesh: Mesh, raw: bytes) -> bytes | None:
    """What comes back for these bytes; None where the stream is reset, perhaps at once."""
    try:
        stream = await open_stream(host, mesh)
    except HostException:
        return None
    with suppress(StreamError):
        await stream.write(raw)
        await stream.close_write()
    return await read_all(stream)


async def read_all(stream: INetStream) -> bytes | None:
    """What comes before the end; None for nothing, since the library may tell a reset as an end."""
    received = b""
    with suppress(StreamError):
        while True:
            received += await stream.read(65_536)
    return received or None


def framed(payload: bytes) -> bytes:
    return varint(len(payload)) + payload


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchanges end soon, so that tests are short."""
    monkeypatch.setattr(questions, "ASK_S", 0.5)


@pytest.fixture
def unrated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "ANSWER_BURST", 100.0)
    monkeypatch.setattr(questions, "ANSWERS_PER_S", 100.0)


# --- between honest nodes -----------------------------------------------------------------


async def test_the_longest_answer_to_the_longest_question_arrives_whole(lab: "Lab") -> None:
    heard: list[tuple[bytes, PeerId]] = []

    def answer(question: bytes, asker: PeerId) -> bytes:
        heard.append((question, asker))
        return LONGEST

    async with pair(lab, lab.Member(), lab.Member(), answer=answer) as (mesh, other):
        question = bytes(QUESTION_BYTES_MAX)
        assert await mesh.ask(other.peer_id, question) == LONGEST
        assert heard == [(question, mesh.peer_id)]
        assert mesh.counters()["questions_asked"] == 1
        assert other.counters()["questions_answered"] == 1
        assert "questions_refused" not in other.counters()


async def test_an_answer_does_not_hold_up_gossip(lab: "Lab") -> None:
    here = lab.Member()

    async with (
        pair(lab, here, lab.Member(), answer=say_longest) as (mesh, other),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(mesh.ask, other.peer_id, b"what")
        for number in range(100):
            await other.publish(b"%d" % number)
        await lab.until(lambda: len(here.heard) == 100, within_s=2.0)


async def test_streams_of_questions_are_forgotten_on_both_sides(lab: "Lab", unrated: None) -> None:
    def streams(mesh: GossipMesh) -> int:
        connections: Any = mesh.host.get_network().get_connections()
        return sum(len(one.muxed_conn.streams) for one in connections)

    async with pair(lab, lab.Member(), lab.Member(), answer=say_back) as (mesh, other):
        before = streams(mesh), streams(other)
        for number in range(20):
            assert await mesh.ask(other.peer_id, b"%d" % number) == b"back: %d" % number
        await lab.until(lambda: (streams(mesh), streams(other)) == before)


async def test_who_has_no_answer_says_so_at_once(lab: "Lab") -> None:
    async with pair(lab, lab.Member(), lab.Member()) as (mesh, other):
        with trio.fail_after(1):
            assert await mesh.ask(other.peer_id, b"what") == b""
        assert other.counters()["questions_answered"] == 1


@pytest.mark.parametrize("asked", ["/of/another/swarm", ""])
async def test_who_does_not_speak_the_protocol_gives_no_answer(lab: "Lab", asked: str) -> None:
    here = lab.Member()

    async with pair(lab, here, lab.Member(), asked=asked, answer=say_back) as (mesh, other):
        with trio.fail_after(1):
            assert await mesh.ask(other.peer_id, b"what") == b""
        await other.publish(b"still connected")
        await lab.until(lambda: here.heard)


async def test_who_is_not_connected_is_not_asked(lab: "Lab") -> None:
    async with lab.gossip_node(1, lab.Member(), question_protocol=PROTOCOL) as mesh:
        with trio.fail_after(1):
            assert await mesh.ask(lab.keypair(2).peer_id, b"what") == b""


@pytest.mark.parametrize("length", [0, QUESTION_BYTES_MAX + 1])
async def test_a_question_of_a_length_that_is_none_is_not_put(lab: "Lab", length: int) -> None:
    async with lab.gossip_node(1, lab.Member(), question_protocol=PROTOCOL) as mesh:
        with pytest.raises(ValueError, match=f"a question has 1 to 49152 bytes, not {length}"):
            await mesh.ask(lab.keypair(2).peer_id, bytes(length))


@pytest.mark.parametrize("given", [None, LONGEST + b"x"], ids=["raises", "too long"])
async def test_an_answer_that_fails_ends_the_mesh(lab: "Lab", given: bytes | None) -> None:
    def answer(_question: bytes, _asker: PeerId) -> bytes:
        if given is None:
            raise LookupError("our bug")
        return given

    asker = lab.Member()

    async def serve() -> None:
        async with open_gossip_mesh(
            MeshSettings(),
            lab.keypair(1),
            lab.topic,
            lab.Member().validate,
            address_topic=lab.address_topic,
            answer=answer,
            question_protocol=PROTOCOL,
        ) as mesh:
            asking = lab.gossip_node(2, asker, peers=mesh.addresses, question_protocol=PROTOCOL)
            async with asking as other:
                await lab.until(other.peers)
                assert await other.ask(mesh.peer_id, b"what") == b""
                await trio.sleep_forever()

    with pytest.raises((LookupError, ValueError), match=r"our bug|an answer has at most 524288"):
        await serve()


# --- of strangers -------------------------------------------------------------------------


async def test_a_peer_that_never_answers_is_waited_for_no_longer_than_was_said(
    lab: "Lab", hurried: None
) -> None:
    ended = trio.Event()

    async def keep_silent(stream: Any) -> None:
        while not stream.muxed_stream.closed:  # noqa: ASYNC110 - the library tells readers only
            await trio.sleep(0.01)
        ended.set()

    async with (
        lab.gossip_node(1, lab.Member(), question_protocol=PROTOCOL) as mesh,
        caller(mesh, serve=keep_silent),
    ):
        began_s = trio.current_time()
        assert await mesh.ask(STRANGER.peer_id, b"what") == b""
        assert 0.4 < trio.current_time() - began_s < 1.5
        with trio.fail_after(1):
            await ended.wait()


BAD_ANSWERS = {
    "above the limit": varint(ANSWER_BYTES_MAX + 1) + bytes(1000),
    "of a tebibyte": varint(2**40),
    "a length without end": b"\xff" * 12,
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_malformed_answer_is_none_and_is_held_against_who_gave_it(
    lab: "Lab", name: str
) -> None:
    node = lab.Member()

    async def serve(stream: Any) -> None:
        await stream.write(BAD_ANSWERS[name])
        await stream.close_write()
        await read_all(stream)

    async with (
        lab.gossip_node(1, node, question_protocol=PROTOCOL) as mesh,
        caller(mesh, serve=serve),
    ):
        with trio.fail_after(1):
            assert await mesh.ask(STRANGER.peer_id, b"what") == b""

        (refusal,) = node.told("stream_refused")
        assert refusal["peer"] == str(STRANGER.peer_id)


@pytest.mark.parametrize("raw", [b"", b"\x80", framed(b"short")[:-1]])
async def test_an_answer_that_breaks_off_is_none_and_nobodys_fault(lab: "Lab", raw: bytes) -> None:
    node = lab.Member()

    async def serve(stream: Any) -> None:
        if raw:
            await stream.write(raw)
        await stream.close_write()
        await read_all(stream)

    async with (
        lab.gossip_node(1, node, question_protocol=PROTOCOL) as mesh,
        caller(mesh, serve=serve),
    ):
        with trio.fail_after(1):
            assert await mesh.ask(STRANGER.peer_id, b"what") == b""
        assert node.told("stream_refused") == []


BAD_QUESTIONS = {
    "above the limit": varint(QUESTION_BYTES_MAX + 1) + bytes(1000),
    "of a tebibyte": varint(2**40),
    "a length without end": b"\xff" * 12,
    "empty": framed(b""),
    "two at once": framed(b"one") + framed(b"two"),
}


@pytest.mark.parametrize("name", BAD_QUESTIONS)
async def test_a_malformed_question_is_reset_and_held_against_its_asker(
    lab: "Lab", unrated: None, name: str
) -> None:
    """Ten are one too many; until then only the stream is lost."""
    node = lab.Member()
    asked: list[bytes] = []

    def answer(question: bytes, _asker: PeerId) -> bytes:
        asked.append(question)
        return b"an answer"

    async with lab.gossip_node(1, node, answer=answer, question_protocol=PROTOCOL) as mesh:
        async with caller(mesh) as host:
            for _ in range(9):
                assert await put(host, mesh, BAD_QUESTIONS[name]) is None
            assert await put(host, mesh, framed(b"well-formed")) == framed(b"an answer")
            assert node.told("barred") == []
            await put(host, mesh, BAD_QUESTIONS[name])
            await lab.until(lambda: node.told("barred"))
            await lab.until(lambda: not mesh.host.get_network().get_connections())
            await lab.until(lambda: mesh.counters()["questions_refused"] == 10)

        assert asked == [b"well-formed"]


@pytest.mark.parametrize("raw", [b"", b"\x80", framed(b"short")[:-1]])
async def test_a_question_that_breaks_off_is_reset_and_nobodys_fault(
    lab: "Lab", raw: bytes
) -> None:
    node = lab.Member()

    async with (
        lab.gossip_node(1, node, answer=say_back, question_protocol=PROTOCOL) as mesh,
        caller(mesh) as host,
    ):
        assert await put(host, mesh, raw) is None
        assert node.told("stream_refused") == []
        assert mesh.counters()["questions_refused"] == 1


async def test_a_flood_of_questions_is_refused_and_gossip_goes_on(lab: "Lab") -> None:
    node = lab.Member()

    async with pair(lab, lab.Member(), node, answer=say_back) as (honest, mesh):
        async with caller(mesh) as host:
            given = [await put(host, mesh, framed(b"%d" % number)) for number in range(12)]
            await honest.publish(b"still served")
            await lab.until(lambda: node.heard)
            await trio.sleep(1.1)
            assert await put(host, mesh, framed(b"later")) == framed(b"back: later")

        assert given[:3] == [framed(b"back: %d" % number) for number in range(3)]
        assert given[3:] == [None] * 9
        assert mesh.counters()["questions_refused"] == 9
        assert node.told("stream_refused") == node.told("barred") == []


async def test_an_address_is_not_answered_more_often_under_more_names(
    lab: "Lab", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "ANSWER_PAUSE_S", 60.0)  # callers take a moment to come
    given = []

    async with lab.gossip_node(
        1, lab.Member(), answer=say_back, question_protocol=PROTOCOL
    ) as mesh:
        for number in range(6):
            async with caller(mesh, lab.keypair(20 + number)) as host:
                given.append(await put(host, mesh, framed(b"what")))

    assert given[:3] == [framed(b"back: what")] * 3
    assert given[3:] == [None] * 3


async def test_a_crowd_is_not_answered_more_often_than_there_is_time_for(
    lab: "Lab", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is read from the ledger between two reads of the gossip's sockets."""
    monkeypatch.setattr(questions, "ANSWERS_PER_S", 1.0)
    given = []

    async with lab.gossip_node(
        1, lab.Member(), answer=say_back, question_protocol=PROTOCOL
    ) as mesh:
        for number in range(3):
            async with caller(mesh, lab.keypair(20 + number)) as host:
                given += [await put(host, mesh, framed(b"what")) for _ in range(2)]

    assert given[0] == framed(b"back: what")
    assert None in given  # though each asker has leave for more


async def test_a_peer_is_answered_one_question_at_a_time(lab: "Lab", hurried: None) -> None:
    async with (
        lab.gossip_node(1, lab.Member(), answer=say_back, question_protocol=PROTOCOL) as mesh,
        caller(mesh) as host,
    ):
        slow = await open_stream(host, mesh)
        await slow.write(framed(b"what")[:-1])
        await trio.sleep(0.1)
        assert await put(host, mesh, framed(b"meanwhile")) is None
        await slow.write(b"t")
        await slow.close_write()
        assert await read_all(slow) == framed(b"back: what")


@pytest.mark.parametrize("raw", [b"", framed(b"short")[:-1], framed(b"whole, yet not closed")])
async def test_who_asks_slowly_is_waited_for_no_longer_than_was_said(
    lab: "Lab", hurried: None, raw: bytes
) -> None:
    node = lab.Member()

    async with (
        lab.gossip_node(1, node, answer=say_back, question_protocol=PROTOCOL) as mesh,
        caller(mesh) as host,
    ):
        stream = await open_stream(host, mesh)
        if raw:
            await stream.write(raw)
        with trio.fail_after(1.5):
            assert await read_all(stream) is None
        assert mesh.counters()["questions_refused"] == 1
        assert node.told("stream_refused") == []


async def test_who_reads_slowly_takes_up_room_for_a_while_only(
    lab: "Lab", hurried: None, unrated: None
) -> None:
    """Two answers to one address, whatever the names, and meanwhile gossip reaches them all."""
    node = lab.Member()

    async with (
        pair(lab, lab.Member(), node, answer=say_longest) as (honest, mesh),
        caller(mesh, lab.keypair(20)) as first,
        caller(mesh, lab.keypair(21)) as second,
        caller(mesh, lab.keypair(22)) as third,
    ):
        unread = []
        for host in (first, second):
            stream = await open_stream(host, mesh)
            await stream.write(framed(b"what"))
            await stream.close_write()
            unread.append(stream)
        await trio.sleep(0.1)
        assert await put(third, mesh, framed(b"what")) is None
        await honest.publish(b"still served")
        await lab.until(lambda: node.heard, within_s=1)
        await lab.until(lambda: mesh.counters()["questions_refused"] == 3, within_s=2)
        assert await put(third, mesh, framed(b"what")) == framed(LONGEST)
        assert len(mesh.host.get_network().get_connections()) == 4


@pytest.mark.parametrize("reads", ["never", "late"])
async def test_who_reads_slowly_waits_for_its_next_answer_and_so_does_its_address(
    lab: "Lab", hurried: None, reads: str
) -> None:
    """Else a few that read slowly, again and again, would keep all others from being answered."""

    async with (
        lab.gossip_node(1, lab.Member(), answer=say_longest, question_protocol=PROTOCOL) as mesh,
        caller(mesh, lab.keypair(20)) as slow,
        caller(mesh, lab.keypair(21)) as other,
    ):
        unread = await open_stream(slow, mesh)
        await unread.write(framed(b"what"))
        await unread.close_write()
        await trio.sleep(0.4)
        if reads == "late":
            assert await read_all(unread) == framed(LONGEST)
        else:
            await lab.until(lambda: "questions_refused" in mesh.counters(), within_s=2)
        await trio.sleep(0.1)
        for host in (slow, other):
            assert await put(host, mesh, framed(b"what")) is None
        await trio.sleep(questions.PAUSE_PER_S * 0.5)
        assert await put(other, mesh, framed(b"what")) == framed(LONGEST)


async def test_a_mesh_that_stops_ends_its_exchanges(lab: "Lab") -> None:
    """Both ways: a question to one that keeps silent, and an answer to one that does not read."""
    answers: list[bytes] = []

    async def keep_silent(_stream: INetStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        async with lab.gossip_node(
            1, lab.Member(), answer=say_longest, question_protocol=PROTOCOL
        ) as mesh:

            async def ask() -> None:
                answers.append(await mesh.ask(STRANGER.peer_id, b"what"))

            calling = caller(mesh, serve=keep_silent)
            host = await nursery.start(hold, calling)
            nursery.start_soon(ask)
            stream = await open_stream(host, mesh)
            await stream.write(framed(b"what"))
            await stream.close_write()
            await trio.sleep(0.2)
            began_s = trio.current_time()
        assert trio.current_time() - began_s < 2.5
        await lab.until(lambda: answers == [b""], within_s=1)
        nursery.cancel_scope.cancel()


async def hold(calling: Any, task_status: Any) -> None:
    async with calling as host:
        task_status.started(host)
        await trio.sleep_forever()


class Stuck:
    """A connection that takes what it is given in parts, and not the last one."""

    is_initiator = True

    def __init__(self) -> None:
        self.closed = False

    async def write(self, _data: bytes) -> None:
        await trio.sleep_forever()

    async def close(self) -> None:
        self.closed = True


async def test_a_write_that_is_cut_short_ends_the_connection(lab: "Lab") -> None:
    """Whatever followed would be read out of step, for as long as it lived."""
    stuck: Any = Stuck()
    muxed = HardenedYamux(stuck, ID(STRANGER.peer_id.to_bytes()), is_initiator=True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(muxed._write_frame, bytes(12))
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.01):
            await muxed._write_frame(bytes(12))  # which has not begun
        assert not stuck.closed
        nursery.cancel_scope.cancel()

    assert stuck.closed
