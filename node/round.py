"""One round, in the paper's order: sample, share, gather, train.

It runs at its own pace; the mesh fills the mailbox meanwhile. It knows nothing of sockets,
processes or files.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from node.exchange import Exchange
from node.faults import Fault
from node.gate import Gate
from node.ledger import Ledger
from node.log import Event
from node.mailbox import Mailbox
from node.mesh import Decision, Mesh
from node.precedence import Precedence, nobody
from node.settings import RoundSettings
from node.work import Compute, Trained
from protocol.admission import everybody
from protocol.beacon import HashChain
from protocol.constants import AUTHORS_HELD_MAX
from protocol.contribution import Contribution
from protocol.envelope import seal
from protocol.identity import Keypair, PeerId
from protocol.pace import Jump, Over, Pace, Waiting
from protocol.parameters import Parameters
from protocol.schedule import Schedule

PROGRESS_S = 10.0
"""How often a node that waits says for whom."""

QUORUM_S = 2.0
"""How long a newcomer that heard one peer listens for more: one alone does not move it."""

REJOIN_S = 3.0
"""How long a node that returns listens in company: all may be silent because they wait for it."""

COMPANY_S = 0.1
"""How often a node that returns looks whether somebody is there; nobody tells it."""

ASK_S, ASK_S_MAX = 2.0, 16.0
"""How long a node waits before it asks a neighbour what it may have missed, and asks again: at
first, and at most. It waits twice as long each time, since most of its waiting has other causes."""

ROUNDS_A_STEP = 1 << 14
"""Rounds that the beacon is walked between two looks at the network: some 15 ms. A peer may claim
to be millions ahead."""

ASKED_ON_LANDING = 3
"""How many neighbours a node asks for a round that it has jumped to."""

Settle = Callable[[int, Sequence[Contribution]], Awaitable[None]]
"""Told, before a round is closed, which it is and what came for it."""


async def as_it_is(_round_index: int, _contributions: Sequence[Contribution]) -> None:
    """Close the round as it is."""


Publish = Callable[[int, Sequence[bytes]], Sequence[bytes]]
"""What of a round's sealed messages goes out, in which order; only an adversary changes any."""


def as_sealed(_round_index: int, sealed: Sequence[bytes]) -> Sequence[bytes]:
    """Publish what was sealed."""
    return sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """All that a round needs: who we are, what was agreed, and the rooms that do the work.

    Args:
        asks: Whether it asks neighbours for what it may have missed. Where nothing can be lost
            and a run must replay, nothing may hang on how long something took.
    """

    keypair: Keypair
    parameters: Parameters
    schedule: Schedule
    pace: Pace
    gate: Gate
    exchange: Exchange
    mailbox: Mailbox
    mesh: Mesh
    compute: Compute
    tell: Event
    outgoing: Publish = as_sealed
    asks: bool = True

    @property
    def me(self) -> PeerId:
        """This node."""
        return self.keypair.peer_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a node's messages are judged and kept, before there is a mesh that brings any."""

    keypair: Keypair
    parameters: Parameters
    schedule: Schedule
    pace: Pace
    gate: Gate
    exchange: Exchange
    mailbox: Mailbox
    tell: Event

    def joined(
        self, mesh: Mesh, compute: Compute, outgoing: Publish = as_sealed, *, asks: bool = True
    ) -> Participant:
        """Return the participant whose mesh asks this desk's gate."""
        return Participant(
            keypair=self.keypair,
            parameters=self.parameters,
            schedule=self.schedule,
            pace=self.pace,
            gate=self.gate,
            exchange=self.exchange,
            mailbox=self.mailbox,
            mesh=mesh,
            compute=compute,
            tell=self.tell,
            outgoing=outgoing,
            asks=asks,
        )


def open_desk(
    keypair: Keypair,
    parameters: Parameters,
    settings: RoundSettings,
    *,
    ledger: Ledger,
    tell: Event,
    open_round: int,
    is_welcome: Callable[[PeerId], bool] = everybody,
    is_trusted: Callable[[PeerId], bool] = nobody,
) -> Desk:
    """Return the desk of a node, whatever its mesh and wherever its model will be."""
    schedule = Schedule(parameters, HashChain(parameters.digest()))
    pace = Pace(
        keypair.peer_id,
        contributions_per_author=parameters.prompts_per_author,
        round_s_max=settings.round_s_max,
        authors_min=settings.authors_min,
        round_index=open_round,
    )
    precedence = Precedence(keypair.peer_id, ledger.records, is_trusted)
    mailbox = Mailbox(authors_max=AUTHORS_HELD_MAX, rank=precedence.rank)
    gate = Gate(
        parameters=parameters,
        schedule=schedule,
        pace=pace,
        mailbox=mailbox,
        ledger=ledger,
        precedence=precedence,
        tell=tell,
        open_round=open_round,
        is_welcome=is_welcome,
    )
    return Desk(
        keypair=keypair,
        parameters=parameters,
        schedule=schedule,
        pace=pace,
        gate=gate,
        exchange=Exchange(parameters, ledger, tell),
        mailbox=mailbox,
        tell=tell,
    )


@dataclass(slots=True)
class Spent:
    """Seconds of a round by what they went to, and processor seconds by whose work it was."""

    seconds: dict[str, float] = field(default_factory=dict)
    model_cpu_s: float = 0.0
    tokens: int = 0

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Add the time of a block to one heading."""
        started = time.monotonic()
        try:
            yield
        finally:
            elapsed = time.monotonic() - started
            self.seconds[what] = self.seconds.get(what, 0.0) + elapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundReport:
    """How one round went for this node."""

    round_index: int
    ended: str
    authors: int
    published: int
    contributions: int
    trained: Trained
    spent: Spent


async def run_round(
    node: Participant, round_index: int, settle: Settle = as_it_is
) -> RoundReport | Jump:
    """Take part in one round; return its report, or where the swarm has gone without us.

    Args:
        node: Who takes part.
        round_index: 0-based round.
        settle: What is to be settled with the others before the round is closed.

    Raises:
        WorkerLost: The model's process died; what the round holds is in the ledger.
        Fault: The world is in the way.
    """
    spent = Spent()
    node.pace.begin(round_index, trio.current_time())
    state = node.pace.state(trio.current_time())
    if isinstance(state, Jump):
        return state
    published = await contribute(node, round_index, spent, samples=isinstance(state, Waiting))
    with spent.on("wait"):
        end = await gather(node)
    if isinstance(end, Jump):
        return end
    with spent.on("train"):
        await settle(round_index, node.mailbox.take(round_index))
        contributions = node.gate.close_round(round_index)
        trained = await node.compute.train(node.me, round_index, contributions)
    spent.model_cpu_s += trained.cpu_s
    return RoundReport(
        round_index=round_index,
        ended=end.ending.value,
        authors=len({one.author for one in contributions}),
        published=published,
        contributions=len(contributions),
        trained=trained,
        spent=spent,
    )


async def listen(
    node: Participant, round_index: int, *, join_s: float, returns: bool = False
) -> None:
    """Hear where the swarm is before speaking; give up after `join_s` seconds of silence.

    A node that began at its own round would sample for a round long past, and alone. One that
    returns is perhaps waited for in that very round, by peers who have said all they had to say.
    """
    node.pace.begin(round_index, trio.current_time())
    with trio.move_on_after(join_s):
        while returns and not node.mesh.peers():  # noqa: ASYNC110 - told by nobody
            await trio.sleep(COMPANY_S)
        with trio.move_on_after(REJOIN_S if returns else join_s):
            while not node.gate.has_heard:
                await node.mailbox.changed()
    if node.gate.has_heard:
        with trio.move_on_after(QUORUM_S):
            while not isinstance(node.pace.state(trio.current_time()), Jump):
                await node.mailbox.changed()


async def contribute(
    node: Participant, round_index: int, spent: Spent, *, samples: bool = True
) -> int:
    """Sample, sign, record and publish this node's share; return how many contributions.

    What the ledger already holds of the round is said again, never sampled anew: two
    different answers under one signature would be equivocation. A node that was overtaken when
    the round began samples nothing for it: it would only be later in the next.
    """
    raws = node.gate.recall(round_index)
    if not raws and samples:
        with spent.on("sample"):
            prompts = node.schedule.prompts(round_index, node.me)
            done = await node.compute.sample(node.me, round_index, prompts)
        spent.model_cpu_s += done.cpu_s
        spent.tokens += done.tokens
        raws = sealed(node, done.contributions)
        if raws:  # who withholds all of a round's answers has nothing to record
            node.gate.admit_own(done.contributions, raws)
    with spent.on("publish"):
        for raw in node.outgoing(round_index, raws):
            await node.mesh.publish(raw)
    return sum(one.author == node.me for one in node.mailbox.take(round_index))


def sealed(node: Participant, contributions: tuple[Contribution, ...]) -> tuple[bytes, ...]:
    """Return the signed messages of this node's contributions."""
    return tuple(
        raw
        for contribution in contributions
        for raw in seal(contribution, node.keypair, node.parameters)
    )


async def gather(node: Participant) -> Over | Jump:
    """Wait until the round is over for this node; meanwhile ask for what may have been missed."""
    async with trio.open_nursery() as nursery:
        if node.asks:
            nursery.start_soon(ask_around, node)
        state = await until_over(node)
        nursery.cancel_scope.cancel()
    return state


async def ask_around(node: Participant) -> None:
    """Ask one neighbour after another what it holds of the open round, ever more rarely.

    Whoever is waited for may have spoken long ago: what gossip tells is told once, and whoever
    was elsewhere, or behind a full queue, has missed it.
    """
    pause_s, turn = ASK_S, node.gate.open_round
    while True:
        await trio.sleep(pause_s)
        if peers := node.mesh.peers():
            await make_up(node, peers[turn % len(peers)])
        pause_s, turn = min(2 * pause_s, ASK_S_MAX), turn + 1


async def make_up(node: Participant, peer: PeerId) -> None:
    """Admit and forward what a neighbour holds of the open round, as if gossip had brought it.

    Not forwarded, it would make this node differ from those to whom the neighbour says nothing.
    """
    round_index = node.gate.open_round
    try:
        held = node.exchange.held(round_index)
    except Fault:
        return  # of the ledger: whoever closes the round meets it, too
    answer = await node.exchange.ask(node.mesh, peer, round_index, held)
    for raw in () if answer is None else answer.messages:
        await trio.lowlevel.checkpoint()  # an answer may hold thousands; gossip goes on beside it
        decision = node.gate.validate(raw, peer)
        if decision is Decision.REJECT:
            break
        if decision is Decision.ACCEPT:
            await node.mesh.publish(raw)


async def land(node: Participant, round_index: int) -> None:
    """Begin with the round of a jump: what was said of it before was passed over here."""
    while not node.schedule.approach(round_index, rounds=ROUNDS_A_STEP):
        await trio.lowlevel.checkpoint()
    node.gate.open(round_index)
    async with trio.open_nursery() as nursery:
        for peer in node.mesh.peers()[:ASKED_ON_LANDING] if node.asks else ():
            nursery.start_soon(make_up, node, peer)


async def until_over(node: Participant) -> Over | Jump:
    """Wait until the round is over for this node, saying now and then for whom it waits."""
    while True:
        for proof in node.gate.proofs():
            await node.mesh.publish(proof)
        now = trio.current_time()
        state = node.pace.state(now)
        if not isinstance(state, Waiting):
            return state
        remaining_s = node.pace.time_left_s(now)
        with trio.move_on_after(min(PROGRESS_S, remaining_s)) as patience:
            await node.mailbox.changed()
        if patience.cancelled_caught and remaining_s > PROGRESS_S:
            missing = node.pace.waiting_for() or node.pace.coming()
            fields = {"round": node.gate.open_round, "for": [str(author) for author in missing]}
            node.tell("waiting", fields | {"remaining_s": round(remaining_s - PROGRESS_S, 1)})
