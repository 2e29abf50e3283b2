"""Each wire attack is refused for its named reason, and keeps no honest message out."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node.attacks.catalogue import CATALOGUE, Seam
from node.attacks.outgoing import HEARD_MAX, WireAdversary, WireAttack, wire_adversary
from node.attacks.wire import Flood
from node.faults import ConfigFault, IdentityFault
from node.learning import StepReport
from node.ledger import Ledger
from node.mesh import Decision, Mesh, MeshSettings, Validate
from node.mesh.gossip import open_gossip_mesh
from node.mesh.memory import open_memory_swarm
from node.mesh.settings import MESSAGE_BYTES_CEILING
from node.round import Desk, Participant, RoundReport, open_desk, run_round
from node.settings import AdversarySettings, RoundSettings
from node.work import Contributed, Evaluation, Opened, Trained
from protocol.admission import Admission
from protocol.contribution import Contribution
from protocol.envelope import check_signature, open_part, seal
from protocol.errors import Reason, Refused
from protocol.identity import Keypair, PeerId
from protocol.parameters import Parameters
from protocol.schedule import Schedule

ATTACKS = sorted(entry.name for entry in CATALOGUE if entry.seam is Seam.WIRE)
ROUNDS = 6

REFUSED_FOR = {
    "forged-author": {Reason.BAD_SIGNATURE},
    "replay": {Reason.DUPLICATE, Reason.ROUND_PAST, Reason.FOREIGN_PROMPT},
    "other-swarm": {Reason.OTHER_SWARM, Reason.BAD_SIGNATURE},
    "equivocation": {Reason.EQUIVOCATION, Reason.OUTCAST},
    "malformed": {Reason.MALFORMED, Reason.NOT_CANONICAL},
    "oversized": {Reason.BAD_SIZE},
    "flood": {Reason.ROUND_AHEAD},
}
"""Of bit flips the reason depends on the bit."""


def adversary(name: str, key: Keypair, parameters: Parameters) -> WireAdversary:
    made = wire_adversary(AdversarySettings(attack=name), key, parameters)
    assert made is not None
    return made


@dataclass
class Bench:
    """An attacker, an honest author, and a peer that hears both, round after round."""

    wire: WireAdversary
    attacker: Keypair
    honest: Keypair
    parameters: Parameters
    contribute: Callable[..., Contribution]
    admission: Admission
    refused: Counter[Reason] = field(default_factory=Counter)

    def own(self, key: Keypair, round_index: int) -> list[bytes]:
        count = self.parameters.prompts_per_author
        made = [self.contribute(key, round_index, at) for at in range(count)]
        return [raw for one in made for raw in seal(one, key, self.parameters)]

    def hear(self, raws: Sequence[bytes], round_index: int) -> int:
        """Admit what can be; return how many."""
        admitted = 0
        for raw in raws:
            try:
                self.admission.admit(raw, round_index=round_index)
            except Refused as refused:
                self.refused[refused.reason] += 1
            else:
                admitted += 1
        return admitted

    def overhear_others(self, keys: Sequence[Keypair], round_index: int) -> None:
        for key in keys:
            self.overhear(self.own(key, round_index))

    def overhear(self, raws: Sequence[bytes]) -> None:
        judge = self.wire.overhearing(lambda _data, _forwarder: Decision.ACCEPT)
        for raw in raws:
            judge(raw, self.honest.peer_id)


@pytest.fixture
def bench(
    request: pytest.FixtureRequest,
    parameters: Parameters,
    schedule: Schedule,
    keys: list[Keypair],
    contribute: Callable[..., Contribution],
) -> Bench:
    return Bench(
        adversary(request.param, keys[0], parameters),
        keys[0],
        keys[1],
        parameters,
        contribute,
        Admission(parameters, schedule),
    )


@pytest.mark.parametrize(("bench", "name"), [(name, name) for name in ATTACKS], indirect=["bench"])
def test_each_attack_is_refused_by_name_and_the_rest_is_admitted(
    bench: Bench, name: str, keys: list[Keypair]
) -> None:
    bench.overhear_others(keys[2:3], 0)
    bench.hear(bench.own(keys[2], 0), 0)
    for round_index in range(ROUNDS):
        said = bench.wire.outgoing(round_index, bench.own(bench.attacker, round_index))
        honest = bench.own(bench.honest, round_index)

        admitted = bench.hear(said, round_index)
        assert admitted == bench.parameters.prompts_per_author or name == "equivocation"
        assert bench.hear(honest, round_index) == bench.parameters.prompts_per_author
        bench.overhear(honest)

    expected = REFUSED_FOR.get(name)
    assert set(bench.refused) == expected if expected else bench.refused


@pytest.mark.parametrize("bench", ATTACKS, indirect=True)
def test_whoever_has_nothing_to_say_of_a_round_attacks_in_the_next(
    bench: Bench, keys: list[Keypair]
) -> None:
    """A node that is overtaken samples nothing; it must not end there, whatever its attack."""
    bench.overhear_others(keys[2:4], 0)

    assert bench.wire.outgoing(1, ()) == ()
    assert bench.wire.outgoing(2, bench.own(bench.attacker, 2))


def test_every_attack_has_its_reasons_here() -> None:
    assert {*REFUSED_FOR, "bit-flips"} == set(ATTACKS)


@pytest.mark.parametrize("bench", ["equivocation"], indirect=True)
def test_an_equivocators_later_answers_are_not_even_looked_at(bench: Bench) -> None:
    heard = [
        bench.hear(bench.wire.outgoing(index, bench.own(bench.attacker, index)), index)
        for index in range(3)
    ]

    assert 1 <= heard[0] <= bench.parameters.prompts_per_author
    assert heard[1:] == [0, 0]
    assert bench.refused[Reason.EQUIVOCATION] == 1


@pytest.mark.parametrize("bench", ["equivocation"], indirect=True)
def test_both_answers_of_an_equivocator_are_validly_signed(bench: Bench) -> None:
    said = bench.wire.outgoing(3, bench.own(bench.attacker, 3))

    parts = [open_part(raw, bench.parameters) for raw in said]
    for part in parts:
        check_signature(part)
    assert len({part.digest for part in parts}) == 2 * len({part.prompt_index for part in parts})


@pytest.mark.parametrize("bench", ["forged-author"], indirect=True)
def test_a_forger_speaks_for_others_to_their_own_prompts(bench: Bench, schedule: Schedule) -> None:
    """Else the schedule would betray it before the signature does."""
    bench.overhear(bench.own(bench.honest, 0))

    said = bench.wire.outgoing(1, bench.own(bench.attacker, 1))

    victim = bench.honest.peer_id
    claimed = [part for raw in said if (part := open_part(raw, bench.parameters)).author == victim]
    assert {part.prompt_index for part in claimed} == set(schedule.prompts(1, victim))


@pytest.mark.parametrize("bench", ["oversized"], indirect=True)
def test_an_oversized_message_is_one_byte_too_long_and_fits_a_frame(bench: Bench) -> None:
    said = bench.wire.outgoing(0, bench.own(bench.attacker, 0))

    assert max(map(len, said)) == bench.parameters.message_bytes_max + 1
    assert bench.parameters.message_bytes_max < MESSAGE_BYTES_CEILING


@pytest.mark.parametrize("bench", ["flood"], indirect=True)
def test_a_flood_has_a_bound_and_waits_for_company(bench: Bench, keys: list[Keypair]) -> None:
    own = bench.own(bench.attacker, 0)

    bench.overhear_others(keys[1:2], 0)
    assert bench.wire.outgoing(0, own) == own
    bench.overhear_others(keys[2:3], 0)
    assert len(bench.wire.outgoing(0, own)) == len(own) + Flood.MESSAGES


@pytest.mark.parametrize("bench", ["replay"], indirect=True)
def test_only_so_much_is_remembered_of_others(bench: Bench) -> None:
    bench.overhear([bytes([number % 256]) for number in range(2 * HEARD_MAX)])

    assert len(bench.wire._heard) == HEARD_MAX


def test_what_was_refused_is_not_overheard(parameters: Parameters, keys: list[Keypair]) -> None:
    wire = adversary("replay", keys[0], parameters)

    decision = wire.overhearing(lambda _data, _forwarder: Decision.REJECT)(b"x", keys[1].peer_id)

    assert decision is Decision.REJECT
    assert len(wire._heard) == 0


@pytest.mark.parametrize("attack", ["", "hail"])
def test_a_node_without_a_wire_attack_publishes_what_it_sealed(
    attack: str, parameters: Parameters, keys: list[Keypair]
) -> None:
    assert wire_adversary(AdversarySettings(attack=attack), keys[0], parameters) is None


def test_a_wire_attack_of_ones_own_goes_by_its_dotted_path(
    parameters: Parameters, keys: list[Keypair]
) -> None:
    made = adversary("node.attacks.wire:Replay", keys[0], parameters)

    assert isinstance(made._attack, WireAttack)


def test_an_attack_that_does_not_exist_is_refused_by_name(
    parameters: Parameters, keys: list[Keypair]
) -> None:
    with pytest.raises(ConfigFault, match="floood"):
        wire_adversary(AdversarySettings(attack="floood"), keys[0], parameters)


# Whole rounds over a mesh, with scripted models.


@dataclass
class Script:
    """Samples what `contribute` says, remembers whose it trained on."""

    contribute: Callable[..., Contribution]
    key: Keypair
    trained: dict[int, tuple[PeerId, ...]] = field(default_factory=dict)

    async def open(self) -> Opened:
        raise NotImplementedError

    async def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        own = tuple(self.contribute(self.key, round_index, at) for at in range(len(prompts)))
        return Contributed(contributions=own, tokens=1, cpu_s=0.0)

    async def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        self.trained[round_index] = tuple(one.author for one in contributions)
        return Trained(
            step=StepReport(),
            policy_digest="00",
            completions=0,
            found=(),
            unusable=0,
            unheard=0,
            right=0.0,
            same_policy=0,
            own_reward=0.0,
            peers_reward=0.0,
            cpu_s=0.0,
        )

    async def evaluate(self, prompts: int) -> Evaluation:
        raise NotImplementedError

    async def save(self, next_round: int) -> None:
        raise NotImplementedError


@pytest.fixture
def desks(parameters: Parameters, keys: list[Keypair], tmp_path: Path) -> Iterator[list[Desk]]:
    """Three nodes' desks; the last node is the attacker."""
    with ExitStack() as ledgers:
        yield [
            open_desk(
                key,
                parameters,
                RoundSettings(round_s_max=3.0, authors_min=3),
                ledger=ledgers.enter_context(closing(Ledger(tmp_path / f"{number}.db"))),
                tell=lambda _name, _fields: None,
                open_round=0,
            )
            for number, key in enumerate(keys[:3])
        ]


@dataclass
class Trio:
    """Two honest nodes and an attacker, each with a script for a model."""

    desks: list[Desk]
    scripts: list[Script]
    wire: WireAdversary

    def validate(self, number: int) -> Validate:
        judge = self.desks[number].gate.validate
        return self.wire.overhearing(judge) if number == len(self.desks) - 1 else judge

    def limit(self, number: int) -> int:
        most = self.desks[number].parameters.message_bytes_max
        return MESSAGE_BYTES_CEILING if number == len(self.desks) - 1 else most

    async def run(self, meshes: Sequence[Mesh]) -> None:
        """Run the rounds until the honest have done theirs."""
        async with trio.open_nursery() as all_nodes:
            attacker = self.desks[-1].joined(meshes[-1], self.scripts[-1], self.wire.outgoing)
            all_nodes.start_soon(attack, attacker)
            async with trio.open_nursery() as honest:
                for number in (0, 1):
                    node = self.desks[number].joined(meshes[number], self.scripts[number])
                    honest.start_soon(take_part, node)
            all_nodes.cancel_scope.cancel()

    def check(self) -> None:
        """Every round of the honest holds all that the honest said."""
        for script in self.scripts[:2]:
            assert list(script.trained) == list(range(ROUNDS))
            for authors in script.trained.values():
                for honest in self.scripts[:2]:
                    assert authors.count(honest.key.peer_id) == 2


@pytest.fixture
def three(
    request: pytest.FixtureRequest,
    desks: list[Desk],
    parameters: Parameters,
    contribute: Callable[..., Contribution],
) -> Trio:
    scripts = [Script(contribute, desk.keypair) for desk in desks]
    return Trio(desks, scripts, adversary(request.param, desks[-1].keypair, parameters))


async def attack(node: Participant) -> None:
    with suppress(IdentityFault):  # it has heard what its swarm holds against it
        await take_part(node)


async def all_known(mesh: Mesh, count: int) -> None:
    while len(mesh.peers()) < count:  # noqa: ASYNC110 - a mesh has no event for it
        await trio.sleep(0.05)


async def take_part(node: Participant) -> None:
    for round_index in range(ROUNDS):
        assert isinstance(await run_round(node, round_index), RoundReport)


@pytest.mark.parametrize("three", ATTACKS, indirect=True)
async def test_honest_nodes_complete_their_rounds_beside_each_attack(
    three: Trio, autojump_clock: MockClock
) -> None:
    async with open_memory_swarm(7, delay_s=(0.0, 0.2)) as swarm:
        meshes = [
            swarm.join(
                desk.keypair.peer_id, three.validate(number), message_bytes_max=three.limit(number)
            )
            for number, desk in enumerate(three.desks)
        ]
        await three.run(meshes)

    three.check()
    assert any(three.desks[number].gate.refused for number in (0, 1))


@pytest.mark.parametrize("three", ["flood", "oversized"], indirect=True)
async def test_they_do_over_libp2p_too(three: Trio) -> None:
    """Where who breaks a rule of form is hung up on; its silence then costs one deadline."""
    async with AsyncExitStack() as stack:
        meshes: list[Mesh] = []
        for number, desk in enumerate(three.desks):
            peers = tuple(mesh.addresses[0] for mesh in meshes)
            mesh = await stack.enter_async_context(
                open_gossip_mesh(
                    MeshSettings(peers=peers),
                    desk.keypair,
                    "contributions",
                    three.validate(number),
                    address_topic="addresses",
                    message_bytes_max=three.limit(number),
                )
            )
            meshes.append(mesh)
        with trio.fail_after(10):
            for mesh in meshes:
                await all_known(mesh, len(meshes) - 1)
        with trio.fail_after(30):
            await three.run(meshes)

    three.check()
