"""A node that missed what others trained on comes back to their weights, and is led nowhere else.

Real models, gates, ledgers and checkpoints. Who hears what in which round is set by hand; questions
and answers go over the mesh in memory.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from trio.testing import MockClock

from node.faults import DiskFault
from node.inline import InlineCompute
from node.learning import TrainSettings
from node.ledger import Ledger
from node.ledger.proof import prove
from node.mesh import Answer as Answers
from node.mesh.memory import MemorySwarm, open_memory_swarm
from node.reunion import ROUNDS_BACK, Reunion, weights_named
from node.round import Participant, as_it_is, land, open_desk
from node.settings import CheckpointSettings, RoundSettings, SwarmSettings
from node.ways import Parting, Ways
from node.work import EngineSettings
from protocol.contribution import Contribution
from protocol.envelope import open_part, seal
from protocol.exchange import answer_to, open_question
from protocol.identity import Keypair, PeerId

KEYS = [Keypair.from_seed(bytes([index]) * 32) for index in range(1, 4)]
LEARNING = TrainSettings(beta=0.02)
"""With which whoever misses a contribution has other weights: else a group of which all are right,
or none, teaches nothing."""
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
        self.reunion.hold(round_index + 1, trained.policy_digest)
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
        settings = EngineSettings(data_dir=str(place), swarm=SWARM, checkpoint=kept, train=LEARNING)
        compute = InlineCompute(settings)
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
        ways = Ways(
            me=key.peer_id,
            parameters=opened.parameters,
            gate=desk.gate,
            exchange=desk.exchange,
            mesh=mesh,
        )
        reunion = Reunion(
            me=key.peer_id,
            parameters=opened.parameters,
            gate=desk.gate,
            ways=ways,
            compute=compute,
            ledger=ledger,
            tell=tell,
        )
        reunion.hold(0, opened.policy_digest)
        joined = desk.joined(mesh, compute)
        member = Member(joined, reunion, compute, ledger, place / "ledger.db", told)
        self.members.append(member)
        return member

    async def rounds(
        self, first: int, last: int, *, deaf: Mapping[int, set[tuple[int, int]]] | None = None
    ) -> None:
        """Run rounds; in some, some members do not hear others.

        Args:
            first: The first of them.
            last: The last.
            deaf: By round: which member, and whom it does not hear.
        """
        for round_index in range(first, last + 1):
            said = [one.messages(round_index) for one in self.members]
            for at, one in enumerate(self.members):
                for author, raws in enumerate(said):
                    if author != at and (at, author) not in (deaf or {}).get(round_index, set()):
                        for raw in raws:
                            one.node.gate.validate(raw, self.members[author].node.me)
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

    await scene.rounds(0, 4, deaf={1: {(0, 1)}})

    assert [scene.parted(index) for index in range(5)] == [1, 2, 2, 2, 2]


async def test_who_missed_one_contribution_comes_back_a_round_later(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *others = [await scene.join(key) for key in KEYS]

    await scene.rounds(0, 4, deaf={1: {(0, 1)}})

    assert [scene.parted(index) for index in range(5)] == [1, 2, 1, 1, 1]
    assert alone.names() == ["weights_rejoined"]
    assert all(one.told == [] for one in others)
    assert alone.ledger.frozen(1) == others[0].ledger.frozen(1)
    assert prove(alone.path).misfit is None


async def test_it_comes_back_from_two_rounds_ago_when_nobody_told_at_first(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    for neighbour in KEYS[1:]:
        scene.mesh.cut(KEYS[0].peer_id, neighbour.peer_id)
    await scene.rounds(0, 2, deaf={1: {(0, 1)}})
    assert alone.why() == ["no neighbour among them told what they trained on"]
    for neighbour in KEYS[1:]:
        scene.mesh.link(KEYS[0].peer_id, neighbour.peer_id)

    await scene.rounds(3, 4)

    assert [scene.parted(index) for index in range(1, 5)] == [2, 2, 1, 1]


async def test_who_slept_through_rounds_and_jumped_comes_back_to_the_others(
    autojump_clock: MockClock, scene: Scene
) -> None:
    sleeper, *others = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 1)
    scene.members = others
    await scene.rounds(2, 5)
    scene.members = [sleeper, *others]
    sleeper.reunion.carry(6)
    await land(sleeper.node, 6)

    await scene.rounds(6, 7)

    (fields,) = [fields for name, fields in sleeper.told if name == "weights_rejoined"]
    assert fields["rounds"] == [0, 1, 2, 3, 4, 5]
    assert scene.parted(6) == 1
    assert sleeper.ledger.frozen(4) == others[0].ledger.frozen(4)
    assert prove(sleeper.path).misfit is None


@pytest.mark.parametrize(
    "deaf",
    [
        {1: {(1, 0), (2, 0)}, 2: {(1, 0), (2, 0)}},
        {1: {(0, 1)}, 2: {(0, 1)}},
        {1: {(0, 1)}, 2: {(1, 0), (2, 0)}, 3: {(0, 2)}},
    ],
    ids=["unheard twice", "deaf twice", "both"],
)
async def test_bad_rounds_one_after_another_part_nobody_for_good(
    autojump_clock: MockClock, scene: Scene, deaf: Mapping[int, set[tuple[int, int]]]
) -> None:
    """What it signed meanwhile came from weights that it has given up since."""
    for key in KEYS:
        await scene.join(key)

    await scene.rounds(0, 6, deaf=deaf)

    assert scene.parted(1) == 2
    assert scene.parted(6) == 1


async def test_a_restart_after_a_reunion_goes_on_with_the_same_weights(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 2, deaf={1: {(0, 1)}})

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


def liar(member: list[Member], change: Callable[[list[bytes]], list[bytes]]) -> Answers:
    """Answer with another set than the round was closed with."""

    def answer(data: bytes, asker: PeerId) -> bytes:
        node = member[0].node
        question = open_question(data, node.parameters.digest())
        frozen = member[0].ledger.frozen(question.round_index) or frozenset()
        held = node.exchange.held(question.round_index)
        held = change([raw for raw in held if open_part(raw, node.parameters).digest in frozen])
        named = sorted({open_part(raw, node.parameters).digest for raw in held})
        return answer_to(question, held, named).to_bytes()

    return answer


def without_one(raws: list[bytes]) -> list[bytes]:
    return raws[1:]


async def test_a_set_that_does_not_give_the_others_weights_changes_nothing(
    autojump_clock: MockClock, scene: Scene
) -> None:
    speaks: list[Member] = []
    alone = await scene.join(KEYS[0])
    for key in KEYS[1:]:
        speaks[:0] = [await scene.join(key, answer=liar(speaks, without_one))]
    await scene.rounds(0, 1, deaf={1: {(0, 1)}})
    frozen = alone.ledger.frozen(1)

    await scene.rounds(2, 2)

    assert alone.why() == ["what they say they trained on does not give their weights"]
    assert alone.ledger.frozen(1) == frozen
    own = alone.compute.engine.policy.digest().hex()
    assert own == alone.weights[2]
    assert alone.weights[2] != scene.members[1].weights[2]
    assert prove(alone.path).misfit is None


async def test_after_each_training_in_vain_it_rests_longer(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """Two who name weights that nobody has could else make it train twice in every round."""
    alone, *_ = [await scene.join(key) for key in KEYS]
    tried = []
    await scene.rounds(0, 0)
    for now in range(1, 10):
        before = len(alone.told)
        await alone.reunion.settle(now, misnamed(alone, now))
        tried += [now] * (len(alone.told) - before)
        await scene.rounds(now, now)

    assert tried == [1, 2, 4, 7]
    assert set(alone.why()) == {"what they say they trained on does not give their weights"}
    assert scene.parted(9) == 1


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
    await scene.rounds(0, 2, deaf={2: {(0, 1)}})
    for one in scene.members if forgotten else ():
        one.ledger.forget_before(1)

    await scene.rounds(3, 3)

    assert alone.why() == (
        ["what this node trained on before is no longer in its ledger"] if forgotten else []
    )
    assert scene.parted(3) == (2 if forgotten else 1)


async def test_who_the_operator_does_not_take_is_not_trained_on_to_be_with_the_others(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 1, deaf={1: {(0, 1)}})
    alone.node.gate._is_welcome = lambda author: author != KEYS[1].peer_id  # a ban, made just now

    await scene.rounds(2, 2)

    assert alone.why() == ["no neighbour among them told what they trained on"]


async def test_a_friend_who_was_away_for_long_keeps_nobody_from_coming_back(
    autojump_clock: MockClock, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one who says so: no checkpoint is left of when it was of one mind with the others."""
    monkeypatch.setattr("node.reunion.ROUNDS_BACK", 3)
    alone, other, sleeper = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 2)
    scene.members = [alone, other]
    await scene.rounds(3, 3)
    scene.members = [alone, other, sleeper]
    sleeper.reunion.carry(4)
    await land(sleeper.node, 4)
    await scene.rounds(4, 4, deaf={4: {(0, 1)}})
    assert sleeper.names() == ["weights_rejoined"]

    await scene.rounds(5, 5)

    assert alone.names()[-1] == "weights_rejoined"
    assert [scene.parted(index) for index in (4, 5)] == [2, 1]


async def test_when_most_were_last_of_one_mind_with_it_is_tried_first_and_of_equals_the_latest(
    autojump_clock: MockClock, scene: Scene
) -> None:
    one = await scene.join(KEYS[0])
    b, c, d, e, f = (Keypair.from_seed(bytes([at]) * 32).peer_id for at in range(10, 15))
    for at in range(1, 7):
        one.reunion.hold(at, bytes([at]).hex() * 32)
        one.reunion._named[at] = {}
    minds = {5: {b}, 4: {c, d}, 3: {e}, 2: {f}}
    one.reunion._minds = {at: frozenset(minds.get(at, ())) for at in range(6)}
    one.reunion._named[6] = dict.fromkeys((b, c, d, e, f), b"theirs")

    found = one.reunion.partings(6)

    assert [(parting.since, parting.last) for parting in found] == [(3, 4), (4, 5), (2, 3)]
    assert [parting.witnesses for parting in found] == [{c, d}, {b}, {e}]
    assert {parting.friends for parting in found} == {frozenset((b, c, d, e, f))}


async def test_where_one_moment_of_parting_leads_nowhere_the_next_is_tried(
    autojump_clock: MockClock, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 1, deaf={1: {(0, 1)}})
    partings = Reunion.partings

    def too_late_first(reunion: Reunion, open_round: int) -> list[Parting]:
        found = partings(reunion, open_round)
        return [replace(one, since=open_round - 1, last=open_round) for one in found] + found

    for neighbour in KEYS[1:]:
        scene.mesh.cut(KEYS[0].peer_id, neighbour.peer_id)
    await scene.rounds(2, 2)
    for neighbour in KEYS[1:]:
        scene.mesh.link(KEYS[0].peer_id, neighbour.peer_id)
    monkeypatch.setattr(Reunion, "partings", too_late_first)
    await scene.rounds(3, 3)

    assert alone.names() == ["weights_apart", "weights_rejoined"]
    assert scene.parted(3) == 1


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
    weights = one.compute.engine.policy.digest()
    own = [
        replace(contribution, round_index=2, policy_digest=weights)
        for contribution in one.node.gate.recorded(1)
    ]

    one.reunion._named[2] = weights_named([*own, *named])

    assert one.reunion.partings(2) == []


async def test_an_honest_neighbour_beside_a_liar_is_enough(
    autojump_clock: MockClock, scene: Scene
) -> None:
    speaks: list[Member] = []
    await scene.join(KEYS[0])
    speaks.append(await scene.join(KEYS[1], answer=liar(speaks, without_one)))
    await scene.join(KEYS[2])

    await scene.rounds(0, 2, deaf={1: {(0, 1)}})

    assert [scene.parted(index) for index in range(3)] == [1, 2, 1]


async def test_a_set_with_two_answers_to_one_prompt_is_none(
    autojump_clock: MockClock, scene: Scene
) -> None:
    """Where strangers are not learnt from, it could give the right weights all the same."""
    speaks: list[Member] = []

    def twice(raws: list[bytes]) -> list[bytes]:
        node = speaks[0].node
        contributions = node.gate.read(raws, open_part(raws[0], node.parameters).round_index)
        own = next(
            one.contribution for one in contributions.values() if one.contribution.author == node.me
        )
        other = replace(own, policy_digest=bytes(32))
        return [*raws, *seal(other, node.keypair, node.parameters)]

    alone = await scene.join(KEYS[0])
    speaks.append(await scene.join(KEYS[1], answer=liar(speaks, twice)))
    await scene.join(KEYS[2], answer=lambda _question, _asker: b"")

    await scene.rounds(0, 2, deaf={1: {(0, 1)}})

    assert alone.why() == ["no neighbour among them told what they trained on"]


async def test_a_set_of_authors_that_nobody_here_has_heard_of_is_none(
    autojump_clock: MockClock, scene: Scene
) -> None:
    speaks: list[Member] = []

    def padded(raws: list[bytes]) -> list[bytes]:
        node, stranger = speaks[0].node, Keypair.from_seed(bytes([77]) * 32)
        round_index = open_part(raws[0], node.parameters).round_index
        (pattern, *_) = node.gate.read(raws, round_index).values()
        prompt = node.schedule.prompts(round_index, stranger.peer_id)[0]
        junk = replace(pattern.contribution, author=stranger.peer_id, prompt_index=prompt)
        return [*raws, *seal(junk, stranger, node.parameters)]

    alone = await scene.join(KEYS[0])
    speaks.append(await scene.join(KEYS[1], answer=liar(speaks, padded)))
    await scene.join(KEYS[2], answer=lambda _question, _asker: b"")

    await scene.rounds(0, 2, deaf={1: {(0, 1)}})

    assert alone.why() == ["no neighbour among them told what they trained on"]


@pytest.mark.parametrize("step", ["rewind", "close_anew"])
async def test_a_disk_that_refuses_costs_neither_weights_nor_what_is_written(
    autojump_clock: MockClock, scene: Scene, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The weights are others' by then, or nobody's; the round is tried again with its own."""
    alone, *_ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 1, deaf={1: {(0, 1)}})
    frozen = alone.ledger.frozen(1)
    said = [one.messages(2) for one in scene.members]
    for raws, key in zip(said[1:], KEYS[1:], strict=True):
        for raw in raws:
            alone.node.gate.validate(raw, key.peer_id)
    rewind = alone.compute.rewind

    async def stuck(_round_index: int) -> None:
        await rewind(0)
        raise DiskFault("the disk is full", fix="free some space")

    def full(_rounds: object) -> None:
        raise DiskFault("the disk is full", fix="free some space")

    with monkeypatch.context() as patch:
        if step == "rewind":
            patch.setattr(alone.compute, "rewind", stuck)
        else:
            patch.setattr(alone.ledger, "close_anew", full)
        with pytest.raises(DiskFault):
            await alone.end(2)
    for neighbour in KEYS[1:]:
        scene.mesh.cut(KEYS[0].peer_id, neighbour.peer_id)

    await alone.reunion.settle(2, alone.node.mailbox.take(2))

    assert alone.compute.engine.policy.digest().hex() == alone.weights[1]
    assert alone.ledger.frozen(1) == frozen


@pytest.mark.parametrize("step", ["close_anew", "record_findings", "save"])
async def test_a_crash_at_any_step_leaves_one_way_in_ledger_and_checkpoints(
    autojump_clock: MockClock, scene: Scene, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    alone, other, _ = [await scene.join(key) for key in KEYS]
    await scene.rounds(0, 1, deaf={1: {(0, 1)}})

    class Killed(Exception):  # noqa: N818 - what happened
        pass

    def killed(*_arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(alone.compute.engine if step == "save" else alone.ledger, step, killed)
        patch.setattr("node.engine.Engine.save", killed)
        with pytest.raises(Killed):
            await scene.rounds(2, 2)

    opened = await alone.compute.rewind(99)  # as a process that starts
    for round_index in alone.ledger.closed_rounds(since=opened.next_round):
        trained = await alone.compute.train(
            alone.node.me, round_index, alone.node.gate.recorded(round_index)
        )
    same = alone.ledger.frozen(1) == other.ledger.frozen(1)
    assert same == (step != "close_anew")
    assert trained.policy_digest == (other if same else alone).weights[1]
    assert prove(alone.path).misfit is None


async def test_what_is_too_far_back_is_not_trained_again(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone = await scene.join(KEYS[0], keep_last=1)
    for key in KEYS[1:]:
        await scene.join(key)
    last = ROUNDS_BACK + 1

    await scene.rounds(0, last + 1, deaf={last: {(0, 1)}})

    assert alone.why() == ["no checkpoint of that time is left"]
    assert alone.compute.engine.policy.digest().hex() == alone.weights[last + 1]


async def test_damaged_checkpoints_of_that_time_do_not_end_a_node_whose_newest_is_sound(
    autojump_clock: MockClock, scene: Scene
) -> None:
    alone, *_ = [await scene.join(key) for key in KEYS]
    last = ROUNDS_BACK + 1  # from the start it would be too far
    await scene.rounds(0, last, deaf={last: {(0, 1)}})
    for manifest in sorted(alone.path.parent.glob("**/round-*/MANIFEST.json"))[:-1]:
        manifest.write_text("{}")

    await scene.rounds(last + 1, last + 1)

    assert alone.why() == ["no checkpoint of that time is left"]
    assert scene.parted(last + 1) == 2
    assert alone.compute.engine.policy.digest().hex() == alone.weights[last + 1]
