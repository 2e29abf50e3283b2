"""One run of a node: round after round to its end, whatever dies meanwhile.

It leaves a checkpoint of what it trained, or a ledger from which that can be trained again. How
the rooms that it works with were built is not known here.
"""

import contextlib
import time
from dataclasses import dataclass, field
from functools import partial

import trio

from node.bookkeeping import Books
from node.clock import ClockWatch
from node.compute import SAVE_S, ProcessCompute
from node.config import NodeConfig
from node.faults import ModelFault
from node.ledger import Ledger
from node.log import Event
from node.patience import Patience
from node.reunion import Reunion
from node.round import Participant, RoundReport, as_it_is, land, listen, run_round
from node.work import Trained, WorkerLost
from protocol.pace import Jump

WORKER_LIVES = 5
"""After this many deaths in a row, without a finished round between, the node gives up."""


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
    head = life.ledger.noted_head()
    life.tell(
        "node_stopped",
        {"trained": life.trained_round, "saved": life.saved_round, "ledger_head": head},
    )
