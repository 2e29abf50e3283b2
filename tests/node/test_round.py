"""A round samples, shares, gathers and trains, in this order, whatever others do meanwhile.

The model's side is a script here, so that rounds can be followed by hand; the mesh, the gate,
the ledger and the pace are the real ones.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node.exchange import Exchange
from node.gate import Gate
from node.learning import StepReport
from node.ledger import Ledger
from node.mailbox import Mailbox
from node.mesh.memory import MemorySwarm, open_memory_swarm
from node.precedence import Precedence
from node.round import REJOIN_S, Participant, RoundReport, land, listen, run_round
from node.work import Contributed, Evaluation, Opened, Trained
from protocol.contribution import Contribution
from protocol.identity import Keypair, PeerId
from protocol.pace import Jump, Pace
from protocol.parameters import Parameters
from protocol.schedule import Schedule

ROUND_S_MAX = 60.0


@dataclass
class Script:
    """Model work by the book: samples what `contribute` says, remembers what it trained on."""

    contribute: Callable[..., Contribution]
    key: Keypair
    sampled: list[int] = field(default_factory=list)
    trained: dict[int, tuple[Contribution, ...]] = field(default_factory=dict)

    async def open(self) -> Opened:
        raise NotImplementedError

    async def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        self.sampled.append(round_index)
        own = tuple(self.contribute(self.key, round_index, at) for at in range(len(prompts)))
        return Contributed(contributions=own, tokens=10, cpu_s=0.1)

    async def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        self.trained[round_index] = tuple(contributions)
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
            cpu_s=0.2,
        )

    async def evaluate(self, prompts: int) -> Evaluation:
        raise NotImplementedError

    async def save(self, next_round: int) -> None:
        raise NotImplementedError


@dataclass
class Swarm:
    """Makes participants that share one seeded mesh."""

    parameters: Parameters
    schedule: Schedule
    contribute: Callable[..., Contribution]
    directory: Path
    mesh: MemorySwarm
    ledgers: ExitStack

    @asynccontextmanager
    async def join(self, key: Keypair, *, authors_min: int = 1) -> AsyncIterator[Participant]:
        pace = Pace(
            key.peer_id,
            contributions_per_author=self.parameters.prompts_per_author,
            round_s_max=ROUND_S_MAX,
            authors_min=authors_min,
        )
        mailbox = Mailbox(authors_max=100)
        ledger = self.ledgers.enter_context(
            closing(Ledger(self.directory / f"{key.peer_id.short}.db"))
        )
        exchange = Exchange(self.parameters, ledger, lambda _name, _fields: None)
        gate = Gate(
            parameters=self.parameters,
            schedule=self.schedule,
            pace=pace,
            mailbox=mailbox,
            ledger=ledger,
            precedence=Precedence(key.peer_id, ledger.records),
            tell=lambda _name, _fields: None,
            open_round=0,
        )
        yield Participant(
            keypair=key,
            parameters=self.parameters,
            schedule=self.schedule,
            pace=pace,
            gate=gate,
            exchange=exchange,
            mailbox=mailbox,
            mesh=self.mesh.join(key.peer_id, gate.validate, answer=exchange.answer),
            compute=Script(self.contribute, key),
            tell=lambda _name, _fields: None,
        )
        self.mesh.leave(key.peer_id)


@pytest.fixture
async def swarm(
    autojump_clock: MockClock,
    parameters: Parameters,
    schedule: Schedule,
    contribute: Callable[..., Contribution],
    tmp_path: Path,
) -> AsyncIterator[Swarm]:
    with ExitStack() as ledgers:
        async with open_memory_swarm(7, delay_s=(0.0, 0.5)) as mesh:
            yield Swarm(parameters, schedule, contribute, tmp_path, mesh, ledgers)


def script(node: Participant) -> Script:
    assert isinstance(node.compute, Script)
    return node.compute


async def rounds(node: Participant, count: int, reports: list[RoundReport | Jump]) -> None:
    index = 0
    while index < count:
        report = await run_round(node, index)
        reports.append(report)
        if isinstance(report, Jump):
            node.gate.open(report.round_index)
            index = report.round_index
        else:
            index += 1


async def test_a_lone_node_trains_on_its_own(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    async with swarm.join(keys[0]) as node:
        report = await run_round(node, 0)

    assert isinstance(report, RoundReport)
    assert (report.ended, report.authors, report.contributions) == ("complete", 1, 2)
    assert report.published == 2


async def test_nodes_that_start_together_train_on_the_same_in_the_same_order(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    async with (
        swarm.join(keys[0], authors_min=3) as a,
        swarm.join(keys[1], authors_min=3) as b,
        swarm.join(keys[2], authors_min=3) as c,
        trio.open_nursery() as nursery,
    ):
        for node in (a, b, c):
            nursery.start_soon(rounds, node, 5, [])

    assert script(a).trained == script(b).trained == script(c).trained
    assert [len(trained) for trained in script(a).trained.values()] == [6] * 5


@pytest.mark.parametrize("seed", range(3))
async def test_where_every_tenth_hop_loses_what_it_carries_all_train_on_the_same_in_time(
    parameters: Parameters,
    schedule: Schedule,
    contribute: Callable[..., Contribution],
    tmp_path: Path,
    keys: list[Keypair],
    autojump_clock: MockClock,
    seed: int,
) -> None:
    """Neither gossip tells a thing twice here nor does an author; a neighbour is asked."""
    reports: list[RoundReport | Jump] = []
    with ExitStack() as ledgers:
        async with open_memory_swarm(seed, delay_s=(0.0, 0.1), loss=0.1) as mesh:
            lossy = Swarm(parameters, schedule, contribute, tmp_path, mesh, ledgers)
            async with (
                lossy.join(keys[0], authors_min=3) as a,
                lossy.join(keys[1], authors_min=3) as b,
                lossy.join(keys[2], authors_min=3) as c,
                trio.open_nursery() as nursery,
            ):
                for node in (a, b, c):
                    nursery.start_soon(rounds, node, 8, reports)

    assert {one.ended for one in reports if isinstance(one, RoundReport)} == {"complete"}
    assert script(a).trained == script(b).trained == script(c).trained
    assert [len(trained) for trained in script(a).trained.values()] == [6] * 8


async def test_whoever_jumps_asks_what_was_said_in_that_round_before(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    async with swarm.join(keys[0], authors_min=2) as ahead, swarm.join(keys[1]) as jumps:
        ahead.gate.open(9)
        ahead.pace.begin(9, 0.0)
        with trio.move_on_after(1.0):
            await run_round(ahead, 9)
        assert not jumps.mailbox.take(9)  # told while it was elsewhere

        await land(jumps, 9)

        assert {one.author for one in jumps.mailbox.take(9)} == {keys[0].peer_id}


async def test_a_jump_over_a_million_rounds_does_not_stop_the_node(
    swarm: Swarm, keys: list[Keypair]
) -> None:
    """Whoever is alone follows where the only voice says it is; the beacon is walked there."""
    waited_s = [0.0]

    async def go_on_beside() -> None:
        while True:
            began_s = trio.current_time()
            await trio.lowlevel.checkpoint()
            waited_s.append(trio.current_time() - began_s)

    async with swarm.join(keys[0]) as jumps, trio.open_nursery() as nursery:
        nursery.start_soon(go_on_beside)
        began_s = trio.current_time()
        await land(jumps, 10**6)
        assert jumps.schedule.prompts(10**6, keys[0].peer_id)
        await trio.lowlevel.checkpoint()
        lasted_s = trio.current_time() - began_s
        nursery.cancel_scope.cancel()

    assert jumps.gate.open_round == 10**6
    assert max(waited_s) < lasted_s / 4


async def test_a_silent_peer_costs_one_deadline_and_no_more(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    reports: list[RoundReport | Jump] = []
    async with (
        swarm.join(keys[0], authors_min=2) as stays,
        swarm.join(keys[1], authors_min=2) as leaves,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(rounds, leaves, 3, [])
        nursery.start_soon(rounds, stays, 8, reports)

    ended = [report.ended for report in reports if isinstance(report, RoundReport)]
    assert ended == ["complete"] * 3 + ["deadline"] + ["complete"] * 4
    assert ROUND_S_MAX < trio.current_time() < 2 * ROUND_S_MAX


async def test_a_latecomer_is_led_to_the_swarms_round(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    reports: list[RoundReport | Jump] = []

    async def come_late(nursery: trio.Nursery) -> None:
        await trio.sleep(5)
        async with swarm.join(keys[2]) as late:
            await listen(late, 0, join_s=20.0)
            await rounds(late, 40, reports)

    async with (
        swarm.join(keys[0], authors_min=2) as a,
        swarm.join(keys[1], authors_min=2) as b,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(come_late, nursery)
        nursery.start_soon(rounds, a, 40, [])
        nursery.start_soon(rounds, b, 40, [])

    jumps = [report.round_index for report in reports if isinstance(report, Jump)]
    last = reports[-1]
    assert jumps
    assert isinstance(last, RoundReport)
    assert (last.round_index, last.authors) == (39, 3)


async def test_a_newcomer_that_hears_nobody_begins_after_its_patience(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    async with swarm.join(keys[0]) as node:
        await listen(node, 0, join_s=20.0)

    assert trio.current_time() == pytest.approx(20.0)


@pytest.mark.parametrize(("company", "seconds"), [(True, REJOIN_S), (False, 20.0)])
async def test_a_node_that_returns_listens_briefly_where_somebody_may_wait_for_it(
    swarm: Swarm,
    keys: list[Keypair],
    autojump_clock: MockClock,
    company: bool,  # noqa: FBT001 - a parameter of the test
    seconds: float,
) -> None:
    """Whoever waits for it has said everything already, and is silent."""
    async with swarm.join(keys[0]) as node, AsyncExitStack() as others:
        if company:
            await others.enter_async_context(swarm.join(keys[1]))

        await listen(node, 0, join_s=20.0, returns=True)

    assert trio.current_time() == pytest.approx(seconds)


async def test_a_node_that_returns_does_not_run_ahead_of_those_it_was_with(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    """They wait for it, and so are silent: it would take itself to be alone."""
    async with (
        swarm.join(keys[0], authors_min=2) as died,
        swarm.join(keys[1], authors_min=2) as waits,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(rounds, died, 3, [])
        nursery.start_soon(rounds, waits, 3, [])

    async with swarm.join(keys[0]) as again:
        again.gate.open(3)
        again.gate.recall_company()
        with trio.move_on_after(ROUND_S_MAX / 2):
            for index in range(3, 100):
                await run_round(again, index)

    assert sorted(script(again).trained) == [3, 4]


async def test_company_that_has_left_for_good_costs_a_returning_node_one_deadline(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    async with (
        swarm.join(keys[0], authors_min=2) as died,
        swarm.join(keys[1], authors_min=2) as leaves,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(rounds, died, 1, [])
        nursery.start_soon(rounds, leaves, 1, [])
    began_s = trio.current_time()

    async with swarm.join(keys[0]) as again:
        again.gate.open(1)
        again.gate.recall_company()
        for index in range(1, 9):
            await run_round(again, index)

    assert trio.current_time() - began_s == pytest.approx(ROUND_S_MAX, abs=5.0)


async def test_a_restarted_node_says_again_what_it_said_and_samples_nothing_anew(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    """It died after it had signed, and before the round was over."""
    with trio.move_on_after(0.05):
        async with swarm.join(keys[0], authors_min=2) as died:
            await run_round(died, 0)
    swarm.mesh.leave(keys[0].peer_id)
    said = died.gate._ledger.envelopes(0)

    async with swarm.join(keys[0]) as again:
        report = await run_round(again, 0)

    assert script(died).sampled == [0]
    assert script(again).sampled == []
    assert isinstance(report, RoundReport)
    assert report.published == 2
    assert again.gate._ledger.envelopes(0) == said


async def test_who_was_overtaken_before_a_round_began_samples_nothing_for_it(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    """Nobody waits for it there; it would be as late in the next."""
    async with swarm.join(keys[0]) as node:
        other = keys[1].peer_id
        node.pace.heard(other, 0)
        for round_index in (1, 1, 2):
            node.pace.contributed(other, round_index)
        behind = [await run_round(node, round_index) for round_index in (0, 1)]

    assert [one.ended for one in behind if isinstance(one, RoundReport)] == [
        "complete",
        "overtaken",
    ]
    assert [one.published for one in behind if isinstance(one, RoundReport)] == [2, 0]
    assert script(node).sampled == [0]


async def test_what_a_round_cost_is_booked_by_what_it_went_to(
    swarm: Swarm, keys: list[Keypair], autojump_clock: MockClock
) -> None:
    async with swarm.join(keys[0]) as node:
        report = await run_round(node, 0)

    assert isinstance(report, RoundReport)
    assert set(report.spent.seconds) == {"sample", "publish", "wait", "train"}
    assert report.spent.model_cpu_s == pytest.approx(0.3)
    assert report.spent.tokens == 10
