"""Build the rooms, live until a signal, and leave everything so that a restart goes on.

The order of building is the order of what can be refused: directory, key, model, ledger,
network. What peers do cannot end it; a fault of the world's ends it with that fault.
"""

import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import packages_distributions
from pathlib import Path

import trio

from node.attacks.catalogue import check_adversary
from node.authorship import open_own_ledger
from node.bookkeeping import Books
from node.clock import ClockWatch
from node.compute import SAVE_S, ProcessCompute, open_process_compute
from node.config import NodeConfig
from node.datadir import lock_directory, make_private_directory
from node.faults import ConfigFault, ModelFault
from node.journal import Journal
from node.keyfile import load_or_create_key, puzzle_of
from node.ledger import SETTINGS, Ledger
from node.log import Event, configure_log, event_sink
from node.membership import announce, join
from node.patience import Patience
from node.reunion import Reunion
from node.roster import watch_roster
from node.round import Participant, RoundReport, as_it_is, land, listen, run_round
from node.settings import plain
from node.ways import Ways
from node.work import EngineSettings, Opened, Trained, WorkerLost
from protocol.identity import Keypair
from protocol.pace import Jump

WORKER_LIVES = 5
"""After this many deaths in a row, without a finished round between, the node gives up."""

METRICS = "metrics.jsonl"
"""A line for each round and each evaluation."""

QUIET = frozenset(
    {
        *("message_refused", "frame_refused", "stream_refused", "barred"),
        *("question_refused", "answer_refused"),
    }
)
"""Events that a hostile peer can cause by the thousand; they are counted in every round."""


@dataclass(slots=True, kw_only=True)
class Life:
    """One run of a node: what it was told, what it holds open, how far it is.

    Args:
        saved_round: The round that the newest checkpoint goes on with.
        trained_round: The round that the weights in memory go on with.
    """

    config: NodeConfig
    node: Participant
    reunion: Reunion
    compute: ProcessCompute
    ledger: Ledger
    books: Books
    tell: Event
    patience: Patience
    saved_round: int
    trained_round: int
    clock: ClockWatch = field(default_factory=ClockWatch)


async def run_daemon(config: NodeConfig) -> None:
    """Run a node until it has done its rounds or a signal asks it to end.

    Raises:
        Fault: The world is in the way; what was saved is whole.
    """
    tell = event_sink(configure_log(config.log), QUIET)
    check_own_names(packages_distributions())
    check_adversary(config.adversary, test_swarm=config.swarm.test_swarm)
    make_private_directory(config.data_dir)
    watch_roster(config.data_dir, config.trust)  # a wrong peer id is told before a model loads
    with (
        lock_directory(config.data_dir),
        trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals,
    ):
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                nursery.start_soon(end_on_signal, signals, scope, tell)
                keypair = await own_key(config, tell)
                async with open_life(config, keypair, tell) as life:
                    await live(life)
            nursery.cancel_scope.cancel()


async def own_key(config: NodeConfig, tell: Event) -> Keypair:
    """Return this node's key; where none is, one that the swarm takes is searched for.

    Raises:
        Fault: The key cannot be read or written, or is not one that the swarm takes.
    """
    path = config.data_dir / "identity.key"
    puzzle = puzzle_of(config.swarm)
    if puzzle.bits and not path.exists():
        tell("key_search_begun", {"bits": puzzle.bits, "tries_expected": 1 << puzzle.bits})

    def told(tried: int) -> None:
        trio.from_thread.run_sync(tell, "key_searched_for", {"tried": tried})

    return await trio.to_thread.run_sync(  # type: ignore[call-arg]  # the stubs are older
        load_or_create_key, path, puzzle, told, abandon_on_cancel=True
    )


async def end_on_signal(signals: AsyncIterator[int], scope: trio.CancelScope, tell: Event) -> None:
    """Cancel a scope at the first signal; heed the others, or they would end the process then."""
    async for number in signals:
        tell("stopping", {"signal": signal.Signals(number).name})
        scope.cancel()


@asynccontextmanager
async def open_life(config: NodeConfig, keypair: Keypair, tell: Event) -> AsyncIterator[Life]:
    """Load the model, open the ledger and join the network, in this order."""
    async with open_process_compute(engine_settings(config)) as compute:
        opened = await first_open(compute)
        run_dir = Path(opened.run_dir)
        make_private_directory(run_dir)
        ledger = open_own_ledger(run_dir, keypair.peer_id, next_round=opened.next_round)
        try:
            ledger.note(SETTINGS, json.dumps(plain(engine_settings(config))))
            if by_s := ClockWatch().behind_s(run_dir / METRICS):
                told = {"by_s": round(by_s, 1), "does": "goes on; no rule asks for the time"}
                tell("clock_behind", told | {"fix": "set this machine's clock"})
            with Journal(run_dir / METRICS) as metrics:
                async with join(config, keypair, opened, ledger, tell, compute) as node:
                    announce(config, node, opened, tell)
                    reunion = reunion_of(node, compute, ledger, tell)
                    reunion.hold(opened.next_round, opened.policy_digest)
                    yield Life(
                        config=config,
                        node=node,
                        reunion=reunion,
                        compute=compute,
                        ledger=ledger,
                        books=Books(metrics, tell),
                        tell=tell,
                        patience=Patience(tell),
                        saved_round=opened.next_round,
                        trained_round=opened.next_round,
                    )
        finally:
            ledger.close()


def reunion_of(node: Participant, compute: ProcessCompute, ledger: Ledger, tell: Event) -> Reunion:
    """Return what brings a node back to the others where their ways have parted."""
    ways = Ways(
        me=node.me,
        parameters=node.parameters,
        gate=node.gate,
        exchange=node.exchange,
        mesh=node.mesh,
    )
    return Reunion(
        me=node.me,
        parameters=node.parameters,
        gate=node.gate,
        ways=ways,
        compute=compute,
        ledger=ledger,
        tell=tell,
    )


async def first_open(compute: ProcessCompute) -> Opened:
    """Load model, task and checkpoint.

    Raises:
        ModelFault: The process dies of it.
    """
    try:
        return await compute.open()
    except WorkerLost as lost:
        raise ModelFault(
            f"The model could not be loaded: {lost}.",
            fix="Free some memory or choose a smaller model; its last words stand above.",
        ) from lost


def check_own_names(distributions: Mapping[str, list[str]]) -> None:
    """Refuse to run where another package has put files among ours.

    `node` and `protocol` are plain names, and pip merges two packages of one name silently.

    Raises:
        ConfigFault: Another distribution owns one of them too.
    """
    for name in ("node", "protocol"):
        strangers = sorted(set(distributions.get(name, [])) - {"drl-node"})
        if strangers:
            raise ConfigFault(
                f"The package {strangers[0]!r} has put files into {name!r}, which is drl-node's.",
                fix="Install drl-node in a virtual environment of its own.",
            )


def engine_settings(config: NodeConfig) -> EngineSettings:
    """Return the part of the configuration that the model's process needs."""
    return EngineSettings(
        data_dir=str(config.data_dir),
        swarm=config.swarm,
        task=config.task,
        model=config.model,
        train=config.train,
        verify=config.verify,
        trust=config.trust,
        checkpoint=config.checkpoint,
        adversary=config.adversary,
        watch=config.evaluate.watch,
    )


async def live(life: Life) -> None:
    """Take part in round after round; end with a checkpoint however it ends."""
    deaths = 0
    try:
        round_index = None
        while round_index is None or not is_over(life, round_index):
            try:
                if round_index is None:
                    round_index = await enter(life)
                else:
                    round_index = await one_round(life, round_index)
                    deaths = 0
            except WorkerLost as lost:
                deaths += 1
                resumed = await revive(life, str(lost), deaths)
                round_index = None if round_index is None else resumed
        await trio.sleep(life.config.round.linger_s)
    finally:
        await leave(life)


async def enter(life: Life) -> int:
    """Make up for what was closed and not trained, hear where the swarm is, measure the start."""
    round_index = await catch_up(life, life.trained_round)
    life.node.gate.recall_company()
    if life.config.network.peers:
        returns = life.ledger.highest_own_round() >= 0
        join_s = life.config.round.join_s
        await listen(life.node, round_index, join_s=join_s, returns=returns)
    if not is_over(life, round_index):
        await evaluate(life, round_index, "start")
    return round_index


def is_over(life: Life, round_index: int) -> bool:
    """Whether all rounds that this node was asked for lie behind it."""
    return 0 < life.config.round.rounds <= round_index


async def one_round(life: Life, round_index: int) -> int:
    """Take part in a round and book it; return the next one's index."""
    began_cpu_s = time.process_time()
    # Only the replay proves whose weights are whose.
    replays = life.config.verify.defence == "default"
    settle = life.reunion.settle if replays else as_it_is
    report = await life.patience.until_written(lambda: run_round(life.node, round_index, settle))
    if isinstance(report, Jump):
        life.tell("round_jumped", {"from": round_index, "to": report.round_index})
        life.reunion.carry(report.round_index)
        await land(life.node, report.round_index)
        return report.round_index
    life.trained_round = round_index + 1
    if by_s := life.clock.stepped_s():
        told = {"by_s": round(by_s, 1), "does": "goes on; no rule asks for the time"}
        life.tell("clock_stepped", told | {"fix": "none, if this machine slept or was set right"})
    await life.patience.until_written(lambda: settle_round(life, report))
    life.books.enter_round(
        report,
        life.node.gate,
        peers=len(life.node.mesh.peers()),
        node_cpu_s=time.process_time() - began_cpu_s,
    )
    every = life.config.evaluate.every
    if is_over(life, life.trained_round):
        await evaluate(life, life.trained_round, "end")
    elif every and life.trained_round % every == 0:
        await evaluate(life, life.trained_round, "running")
    return life.trained_round


async def settle_round(life: Life, report: RoundReport) -> None:
    """Write what a trained round has left."""
    await note_findings(life, report.round_index, report.trained)
    await save_when_due(life, report)


async def note_findings(life: Life, round_index: int, trained: Trained) -> None:
    """Write what was found of a round's completions; note the weights that it ended with."""
    life.reunion.hold(round_index + 1, trained.policy_digest)
    life.ledger.record_findings(round_index, trained.found)


async def save_when_due(life: Life, report: RoundReport) -> None:
    """Write the checkpoint that is due, and forget what is old and needless after it."""
    if life.trained_round - life.saved_round < life.config.checkpoint.every:
        return
    with report.spent.on("save"):
        await life.compute.save(life.trained_round)
    life.saved_round = life.trained_round
    # Should the newest checkpoints turn out damaged, an older one is gone on from.
    checkpoints = life.config.checkpoint
    oldest_checkpoint = life.saved_round - checkpoints.keep_last * checkpoints.every
    oldest_kept = life.trained_round - life.config.ledger.rounds_kept
    life.ledger.forget_before(min(oldest_checkpoint, oldest_kept))


async def evaluate(life: Life, round_index: int, when: str) -> None:
    """Measure held-out accuracy and book it; at start and end on more prompts."""
    sizes = life.config.evaluate
    if sizes.every == 0:
        return
    began_s = time.monotonic()
    prompts = sizes.prompts if when == "running" else sizes.prompts_final
    found = await life.compute.evaluate(prompts)
    seconds = time.monotonic() - began_s
    life.books.enter_evaluation(found, round_index=round_index, when=when, seconds=seconds)


async def catch_up(life: Life, next_round: int) -> int:
    """Train again what was closed after the last checkpoint; return the round to go on with."""
    life.trained_round = next_round
    for round_index in life.ledger.closed_rounds(since=next_round):
        contributions = life.node.gate.recorded(round_index)
        trained = await life.compute.train(life.node.me, round_index, contributions)
        life.trained_round = round_index + 1
        await life.patience.until_written(partial(note_findings, life, round_index, trained))
        life.tell("round_trained_again", {"round": round_index})
    if life.trained_round > life.node.gate.open_round:
        life.node.gate.open(life.trained_round)
    return life.node.gate.open_round


async def revive(life: Life, cause: str, deaths: int) -> int:
    """Start the model's process again from its last checkpoint; return the round to go on with.

    Raises:
        ModelFault: It dies again and again.
    """
    if deaths > WORKER_LIVES:
        raise ModelFault(
            f"The model's process died {deaths} times in a row: {cause}.",
            fix="Free some memory or choose a smaller model; the last checkpoint is whole.",
        )
    life.trained_round = life.saved_round  # what was trained since died with the process
    wait_s = 0.0 if deaths == 1 else float(2**deaths)
    life.tell("worker_lost", {"cause": cause, "restart_s": wait_s})
    await trio.sleep(wait_s)
    try:
        opened = await life.compute.open()
        return await catch_up(life, opened.next_round)
    except WorkerLost as lost:
        return await revive(life, str(lost), deaths + 1)


def holds_what_it_trained(life: Life) -> bool:
    """Whether the weights in memory are those that `trained_round` goes on with, and no others.

    Where more was closed they may have been trained on that as well: on the way back from a jump.
    """
    is_settled = not life.compute.is_busy and not life.reunion.is_away
    return is_settled and not life.ledger.closed_rounds(since=life.trained_round)


async def leave(life: Life) -> None:
    """Write what the last checkpoint lacks, where the weights are known to be those of its round.

    Nothing is lost where they are not: the ledger holds what was closed after the checkpoint.
    """
    if life.trained_round > life.saved_round and holds_what_it_trained(life):
        patience = trio.CancelScope(deadline=trio.current_time() + SAVE_S, shield=True)
        with patience, contextlib.suppress(WorkerLost):
            await life.compute.save(life.trained_round)
            life.saved_round = life.trained_round
    # Kept elsewhere, the head shows whether the whole ledger was written anew.
    head = str(life.ledger.head())
    life.tell(
        "node_stopped",
        {"trained": life.trained_round, "saved": life.saved_round, "ledger_head": head},
    )
