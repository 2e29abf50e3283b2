"""A node that missed what others trained on comes back to their weights, and is led nowhere else.

Real models, gates, ledgers and checkpoints. Who hears what in which round is set by hand; questions
and answers go over the mesh in memory.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from trio.testing import MockClock

from node.faults import DiskFault
from node.inline import InlineCompute
from node.ledger import Ledger
from node.ledger.proof import prove
from node.mesh import Answer as Answers
from node.mesh.memory import MemorySwarm, open_memory_swarm
from node.reunion import ROUNDS_BACK, Reunion
from node.round import Participant, as_it_is, open_desk
from node.settings import CheckpointSettings, RoundSettings, SwarmSettings
from node.work import EngineSettings
from protocol.contribution import Contribution
from protocol.envelope import open_part, seal
from protocol.exchange import answer_to, open_question
from protocol.identity import Keypair, PeerId

KEYS = [Keypair.from_seed(bytes([index]) * 32) for index in range(1, 4)]
SWARM = SwarmSettings(prompts_per_round=3, completions_per_prompt=8, shares=3, test_swarm=True)
Told = list[tuple[str, dict[str, object]]]


@dataclass
class Member:
    """One node of the swarm.

    Args:
        weights: After each round, in hexadecimal.
        told: By the reunion alone.
    """

    node: Participant
    reunion: Reunion
    compute: InlineCompute
    ledger: Ledger
    path: Path
    told: Told
    reunites: bool = True
    weights: dict[int, str] = field(default_factory=dict)

    def messages(self, round_index: int) -> tuple[bytes, ...]:
        """What it says in a round."""
        prompts = self.node.schedule.prompts(round_index, self.node.me)
        own = self.compute.engine.sample(self.node.me, round_index, prompts).contributions
        raws = tuple(
            raw for one in own for raw in seal(one, self.node.keypair, self.node.parameters)
        )
        self.node.gate.admit_own(own, raws)
        return raws

    async def end(self, round_index: int) -> None:
        """Settle, close and train a round, and write down what a daemon does."""
        settle = self.reunion.settle if self.reunites else as_it_is
        await settle(round_index, self.node.mailbox.take(round_index))
        contributions = self.node.gate.close_round(round_index)
        trained = await self.compute.train(self.node.me, round_index, contributions)
        self.ledger.record_findings(round_index, trained.found)
        await self.compute.save(round_index + 1)
        self.weights[round_index] = trained.policy_digest

    def why(self) -> list[object]:
        """Why it stayed apart, each time."""
        return [fields["why"] for name, fields in self.told if name == "weights_apart"]

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


@dataclass
class Scene:
    """Three nodes and the mesh between them."""

    place: Path
    mesh: MemorySwarm
    ledgers: ExitStack
    members: list[Member] = field(default_factory=list)

    async def join(
        self, key: Keypair, *, answer: Answers | None = None, keep_last: int = 3
    ) -> Member:
        place = self.place / key.peer_id.short
        kept = CheckpointSettings(keep_last=keep_last)
        compute = InlineCompute(EngineSettings(data_dir=str(place), swarm=SWARM, checkpoint=kept))
        opened = await compute.open()
        ledger = self.ledgers.enter_context(closing(Ledger(place / "ledger.db")))
        told: Told = []

        def tell(name: str, fields: Mapping[str, object]) -> None:
            told.append((name, dict(fields)))

        desk = open_desk(
            key,
            opened.parameters,
            RoundSettings(),
            ledger=ledger,
            tell=lambda _name, _fields: None,
            open_round=0,
        )
        mesh = self.mesh.join(
            key.peer_id, desk.gate.validate, answer=answer or desk.exchange.answer
        )
        reunion = Reunion(
            me=key.peer_id,
            parameters=opened.parameters,
            gate=desk.gate,
            exchange=desk.exchange,
            mesh=mesh,
            compute=compute,
            ledger=ledger,
            tell=tell,
        )
        joined = desk.joined(mesh, compute)
        member = Member(joined, reunion, compute, ledger, place / "ledger.db", told)
        self.members.append(member)
        return member

    async def rounds(
        self, first: int, last: int, *, deaf: Mapping[int, tuple[int, int]] | None = None
    ) -> None:
        """Run rounds; in some, one member does not hear another.

        Args:
            first: The first of them.
            last: The last.
            deaf: By round: which member, and whom it does not hear.
        """
        for round_index in range(first, last + 1):
            said = [one.messages(round_index) for one in self.members]
            for at, one in enumerate(self.members):
                for author, raws in enumerate(said):
                    if author != at and (deaf or {}).get(round_index) != (at, author):
                        for raw in raws:
                            one.node.gate.validate(raw, KEYS[author].peer_id)
            for one in self.members:
                await one.end(round_index)

    def parted(self, round_index: int) -> int:
        """How many different weights there are after a round."""
        return len({one.weights[round_index] for one in self.members})


@pytest.fixture
async def scene(autojump_clock: MockClock, tmp_path: Path) -> AsyncIterator[Scene]:
    with ExitStack() as ledgers:
        async with open_memory_swarm(7) as mesh:
            yield Scene(tmp_path, mesh, ledgers)


async def test_who_misses_one_contribution_is_parted_for_good_without_a_reunion(
    autojump_clock: MockClock, scene: Scene
) -> None:
    for key in KEYS:
        (await scene.join(key)).reunites = False

    await scene.rounds(0, 4, deaf={1: (0, 1)})

    assert [scene.parted(index) for index in range(5)] == [1, 2, 2, 2, 2]


async def test_who_missed_one_contribution_comes_back_a_round_later(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *others = [await scene.join(key) for key in KEYS]

    await scene.rounds(0, 4, deaf={1: (0, 1)})

    assert [scene.parted(index) for index in range(5)] == [1, 2, 1, 1, 1]
    assert alone.names() == ["weights_rejoined"]
    assert all(one.told == [] for one in others)
    assert alone.ledger.frozen(1) == others[0].ledger.frozen(1)
    assert prove(alone.path).misfit is None


async def test_it_comes_back_from_two_rounds_ago_when_the_first_try_failed(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    for neighbour in (KEYS[1], KEYS[2]):
        scene.mesh.cut(KEYS[0].peer_id, neighbour.peer_id)
    await scene.rounds(0, 2, deaf={1: (0, 1)})
    assert alone.why() == ["no neighbour among them told what they trained on"]
    for neighbour in (KEYS[1], KEYS[2]):
        scene.mesh.link(KEYS[0].peer_id, neighbour.peer_id)
    alone.reunion._again_from = 0

    await scene.rounds(3, 4)

    assert [scene.parted(index) for index in range(1, 5)] == [2, 2, 1, 1]
    assert ROUNDS_BACK == 2


async def test_a_restart_after_a_reunion_goes_on_with_the_same_weights(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 2, deaf={1: (0, 1)})

    opened = await alone.compute.open()

    assert opened.next_round == 3
    assert opened.policy_digest == alone.weights[2]


async def test_a_smaller_part_goes_to_the_larger_and_of_equals_one_goes(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """Two that each miss another author: all three differ, and all end alike."""
    for key in KEYS:
        await scene.join(key)

    await scene.rounds(0, 0)
    said = [one.messages(1) for one in scene.members]
    for at, author in ((0, 1), (1, 2), (2, 0)):
        for raw in said[author]:
            scene.members[at].node.gate.validate(raw, KEYS[author].peer_id)
    for one in scene.members:
        await one.end(1)
    await scene.rounds(2, 4)

    assert scene.parted(1) == 3
    assert scene.parted(4) == 1
    assert sum("weights_rejoined" in one.names() for one in scene.members) == 2


def liar(member: list[Member]) -> Answers:
    """Answer with one contribution fewer than the round was closed with."""

    def answer(data: bytes, asker: PeerId) -> bytes:
        node = member[0].node
        question = open_question(data, node.parameters.digest())
        frozen = sorted(member[0].ledger.frozen(question.round_index) or ())[1:]
        held = node.exchange.held(question.round_index)
        mine = [raw for raw in held if open_part(raw, node.parameters).digest in frozen]
        return answer_to(question, mine, frozen).to_bytes()

    return answer


async def test_a_set_that_does_not_give_the_others_weights_changes_nothing(
    autojump_clock: MockClock, scene: Scene
) -> None:
    speaks: list[Member] = []
    alone = await scene.join(KEYS[0])
    for key in KEYS[1:]:
        speaks[:0] = [await scene.join(key, answer=liar(speaks))]
    await scene.rounds(0, 1, deaf={1: (0, 1)})
    frozen = alone.ledger.frozen(1)

    await scene.rounds(2, 2)

    assert alone.why() == ["what they say they trained on does not give their weights"]
    assert alone.ledger.frozen(1) == frozen
    own = alone.compute.engine.policy.digest().hex()
    assert own == alone.weights[2]
    assert alone.weights[2] != scene.members[1].weights[2]
    assert prove(alone.path).misfit is None


async def test_after_each_failure_it_rests_twice_as_long(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """Two who name weights that nobody has could else make it train twice in every round."""
    alone, *_ = [await scene.join(key) for key in KEYS]
    rested = []
    now = 1
    await scene.rounds(0, 0)
    for _ in range(3):
        await alone.reunion.settle(now, misnamed(alone, now))
        rested.append(alone.told[-1][1]["tries_again_in_rounds"])
        await scene.rounds(now, now)
        await alone.reunion.settle(now + 1, misnamed(alone, now + 1))
        await scene.rounds(now + 1, now + rested[-1])
        now += rested[-1] + 1

    assert rested == [1, 2, 4]
    assert alone.why() == ["what they say they trained on does not give their weights"] * 3
    assert scene.parted(now - 1) == 1


def misnamed(member: Member, round_index: int) -> list[Contribution]:
    """What would come for a round if all others named weights that they do not have."""
    return [
        replace(
            one,
            round_index=round_index,
            policy_digest=member.compute.engine.policy.digest()
            if one.author == member.node.me
            else bytes(32),
        )
        for one in member.node.gate.recorded(round_index - 1)
    ]


@pytest.mark.parametrize("forgotten", [False, True])
async def test_without_a_checkpoint_it_begins_at_the_start_if_all_since_is_in_the_ledger(
    autojump_clock: MockClock,
    scene: Scene,
    forgotten: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    alone = await scene.join(KEYS[0], keep_last=1)
    for key in KEYS[1:]:
        await scene.join(key)
    await scene.rounds(0, 2, deaf={2: (0, 1)})
    if forgotten:
        alone.ledger.forget_before(1)

    await scene.rounds(3, 3)

    assert alone.why() == (["no checkpoint of that round is left"] if forgotten else [])
    assert scene.parted(3) == (2 if forgotten else 1)


async def test_who_the_operator_does_not_take_is_not_trained_on_to_be_with_the_others(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 1, deaf={1: (0, 1)})
    alone.node.gate._is_welcome = lambda author: author != KEYS[1].peer_id  # a ban, made just now

    await scene.rounds(2, 2)

    assert alone.why() == ["they trained on what this node's operator does not take"]


async def test_a_disk_that_refuses_leaves_all_as_it_was(
    autojump_clock: MockClock, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 1, deaf={1: (0, 1)})
    frozen = alone.ledger.frozen(1)

    def full(_rounds: object) -> None:
        raise DiskFault("the disk is full", fix="free some space")

    monkeypatch.setattr(alone.ledger, "close_anew", full)
    with pytest.raises(DiskFault):
        await scene.rounds(2, 2)

    assert alone.ledger.frozen(1) == frozen
    assert alone.compute.engine.policy.digest().hex() == alone.weights[1]


async def test_strangers_have_no_say_in_where_the_others_are(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """However many name other weights: who was never replayed here does not count."""
    one, *_ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 1)
    named = [
        replace(
            contribution,
            author=Keypair.from_seed(bytes([at]) * 32).peer_id,
            policy_digest=b"\7" * 32,
        )
        for at in range(10, 20)
        for contribution in one.node.gate.recorded(1)[:1]
    ]
    own = [replace(contribution, round_index=2) for contribution in one.node.gate.recorded(1)]

    assert one.reunion.parting(2, [*own, *named]) is None
