"""Neighbours tell what they closed rounds with, be they slow, busy, or asked by many at once.

Real ledgers and gates; questions and answers go over the mesh in memory. There are no models.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node.ledger import Ledger
from node.mesh import Answer, Mesh
from node.mesh.allowance import Allowances
from node.mesh.memory import MemorySwarm, open_memory_swarm
from node.mesh.questions import ANSWER_BURST, ANSWER_PAUSE_S, ANSWERS_PER_S
from node.round import Desk, open_desk
from node.settings import RoundSettings
from node.ways import ASKED_MAX, TOLD_S, Parting, Ways
from protocol.contribution import Contribution
from protocol.exchange import answer_to, open_question
from protocol.identity import Keypair, PeerId
from protocol.parameters import Parameters

ROUNDS = 4
CROWD = [Keypair.from_seed(bytes([index]) * 32) for index in range(20, 32)]


def tell(_name: str, _fields: Mapping[str, object]) -> None:
    """What is told of is asked for elsewhere."""


@dataclass
class Scene:
    """Friends, all of whom closed four rounds with the same, and whoever asks them.

    Args:
        authors: Of what they closed the rounds with.
        frozen: The digests of each round.
        held: Its messages.
    """

    parameters: Parameters
    friends: list[Keypair]
    authors: frozenset[PeerId]
    frozen: dict[int, list[bytes]]
    held: dict[int, list[bytes]]
    place: Path
    ledgers: ExitStack

    def tells(self, data: bytes, _asker: PeerId) -> bytes:
        """Answer as a friend does."""
        question = open_question(data, self.parameters.digest())
        at = question.round_index
        return answer_to(question, self.held[at], self.frozen[at]).to_bytes()

    def parting(self, witnesses: frozenset[PeerId] = frozenset()) -> Parting:
        friends = frozenset(one.peer_id for one in self.friends)
        return Parting(
            since=0,
            last=0,
            until=ROUNDS,
            weights=bytes(32),
            friends=friends,
            witnesses=witnesses,
            authors=self.authors,
        )

    def desk(self, key: Keypair) -> Desk:
        ledger = self.ledgers.enter_context(closing(Ledger(self.place / f"{key.peer_id}.db")))
        return open_desk(
            key, self.parameters, RoundSettings(), ledger=ledger, tell=tell, open_round=ROUNDS
        )

    def ways(self, key: Keypair, mesh: Mesh, desk: Desk) -> Ways:
        return Ways(
            me=key.peer_id,
            parameters=self.parameters,
            gate=desk.gate,
            exchange=desk.exchange,
            mesh=mesh,
        )

    def asker(self, swarm: MemorySwarm, key: Keypair, wrap: Callable[[Mesh], Mesh]) -> Ways:
        """Let a node join whose way has parted from the friends'."""
        desk = self.desk(key)
        return self.ways(key, wrap(swarm.join(key.peer_id, desk.gate.validate)), desk)

    def befriend(self, swarm: MemorySwarm, answers: list[Answer]) -> None:
        """Let the friends join, each answering in a way of its own."""
        for key, answer in zip(self.friends, answers, strict=True):
            swarm.join(key.peer_id, self.desk(key).gate.validate, answer=answer)


@pytest.fixture
def scene(
    parameters: Parameters,
    keys: list[Keypair],
    contribute: Callable[..., Contribution],
    sealed: Callable[..., bytes],
    tmp_path: Path,
) -> Iterator[Scene]:
    friends, places = keys[:3], [(key, at) for key in keys[:3] for at in range(2)]
    frozen = {
        index: sorted(contribute(key, index, at).digest() for key, at in places)
        for index in range(ROUNDS)
    }
    held = {index: [sealed(key, index, at) for key, at in places] for index in range(ROUNDS)}
    authors = frozenset(one.peer_id for one in friends)
    with ExitStack() as ledgers:
        yield Scene(parameters, friends, authors, frozen, held, tmp_path, ledgers)


@dataclass
class Delayed:
    """A mesh on which some answers come late; counts who is asked."""

    mesh: Mesh
    late_s: Mapping[PeerId, float]
    asked: list[PeerId]

    def peers(self) -> tuple[PeerId, ...]:
        return tuple(self.mesh.peers())

    async def ask(self, peer: PeerId, question: bytes) -> bytes:
        self.asked.append(peer)
        await trio.sleep(self.late_s.get(peer, 0.0))
        return await self.mesh.ask(peer, question)


def delayed(late_s: Mapping[PeerId, float], asked: list[PeerId]) -> Callable[[Mesh], Mesh]:
    return lambda mesh: Delayed(mesh, late_s, asked)  # type: ignore[return-value]  # all that is asked of it


def in_pieces(scene: Scene) -> Answer:
    """Answer with one message at a time, as one would who wants to be waited for."""

    def answer(data: bytes, _asker: PeerId) -> bytes:
        question = open_question(data, scene.parameters.digest())
        at = question.round_index
        news = answer_to(question, scene.held[at], scene.frozen[at]).messages[:1]
        return answer_to(question, news, scene.frozen[at]).to_bytes()

    return answer


async def test_neighbours_who_closed_alike_tell_one_way(
    autojump_clock: MockClock, scene: Scene
) -> None:
    async with open_memory_swarm(7) as swarm:
        scene.befriend(swarm, [scene.tells] * 3)
        (way,) = await scene.asker(swarm, CROWD[0], delayed({}, [])).told(scene.parting())

    assert [list(one.closing.digests) for one in way] == [
        [one.digest() for one in held.read] for held in way
    ]
    assert [sorted(one.closing.digests) for one in way] == list(scene.frozen.values())


@pytest.mark.parametrize("others", [2, 0])
async def test_a_neighbour_that_answers_slowly_is_not_waited_for(
    autojump_clock: MockClock, scene: Scene, others: int
) -> None:
    """Where most have told the same not at all, else no longer than was said."""
    slow = {scene.friends[0].peer_id: 4.9}
    answers: list[Answer] = [in_pieces(scene), scene.tells, scene.tells]
    scene.friends = scene.friends[: 1 + others]

    async with open_memory_swarm(7) as swarm:
        scene.befriend(swarm, answers[: 1 + others])
        ways = scene.asker(swarm, CROWD[0], delayed(slow, []))
        began_s = trio.current_time()
        told = await ways.told(scene.parting())
        took_s = trio.current_time() - began_s

    assert len(told) == (1 if others else 0)
    assert took_s <= (4.0 if others else TOLD_S)


async def test_what_was_told_is_kept_where_another_takes_too_long(
    autojump_clock: MockClock, scene: Scene
) -> None:
    scene.friends = scene.friends[:2]
    slow = {scene.friends[0].peer_id: 4.9}

    async with open_memory_swarm(7) as swarm:
        scene.befriend(swarm, [in_pieces(scene), scene.tells])
        ways = scene.asker(swarm, CROWD[0], delayed(slow, []))
        began_s = trio.current_time()
        told = await ways.told(scene.parting())

        assert trio.current_time() - began_s == TOLD_S
    assert len(told) == 1


class Rationed:
    """A friend that answers no more often than a node does, which takes all askers for one host."""

    def __init__(self, scene: Scene, *, one_host: bool) -> None:
        self._scene, self._one_host = scene, one_host
        self._each = Allowances(
            rate=1 / ANSWER_PAUSE_S, burst=ANSWER_BURST, clock=trio.current_time
        )
        self._all = Allowances(rate=ANSWERS_PER_S, burst=ANSWERS_PER_S, clock=trio.current_time)

    def answer(self, data: bytes, asker: PeerId) -> bytes:
        name = "host" if self._one_host else asker
        if not self._each.has(name) or not self._all.take(""):
            return b""
        self._each.charge(name, 1.0)
        return self._scene.tells(data, asker)


@pytest.mark.parametrize(("askers", "one_host"), [(3, True), (12, False)])
async def test_all_who_are_parted_at_the_same_time_are_told(
    autojump_clock: MockClock,
    scene: Scene,
    askers: int,
    one_host: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Each asks again at a moment of its own where a neighbour has answered enough for now."""
    told: list[int] = []

    async def ask(ways: Ways) -> None:
        told.append(len(await ways.told(scene.parting())))

    async with open_memory_swarm(7) as swarm:
        scene.befriend(swarm, [Rationed(scene, one_host=one_host).answer for _ in range(3)])
        parted = [scene.asker(swarm, key, delayed({}, [])) for key in CROWD[:askers]]
        async with trio.open_nursery() as nursery:
            for ways in parted:
                nursery.start_soon(ask, ways)

    assert told == [1] * askers


async def test_a_neighbour_that_never_answers_is_asked_a_few_times_only(
    autojump_clock: MockClock, scene: Scene
) -> None:
    scene.friends = scene.friends[:1]
    asked: list[PeerId] = []

    async with open_memory_swarm(7) as swarm:
        scene.befriend(swarm, [lambda _data, _asker: b""])
        ways = scene.asker(swarm, CROWD[0], delayed({}, asked))

        assert await ways.told(scene.parting()) == []
    assert len(asked) == 7


async def test_different_nodes_ask_different_friends_and_witnesses_first(
    autojump_clock: MockClock, scene: Scene
) -> None:
    scene.friends = scene.friends + [Keypair.from_seed(bytes([at]) * 32) for at in range(40, 46)]
    witness = scene.friends[-1].peer_id

    async with open_memory_swarm(7) as swarm:
        scene.befriend(swarm, [scene.tells] * len(scene.friends))
        askers = [scene.asker(swarm, key, delayed({}, [])) for key in CROWD]
        chosen = [one._asked(scene.parting(frozenset((witness,)))) for one in askers]

    assert all(len(one) == ASKED_MAX for one in chosen)
    assert {one[0] for one in chosen} == {witness}
    assert {peer for one in chosen for peer in one} == {one.peer_id for one in scene.friends}
