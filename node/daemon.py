"""Build the rooms for a node's life, and end it at a signal.

The order of building is the order of what can be refused: directory, key, model, ledger,
network. What peers do cannot end it; a fault of the world's ends it with that fault.
"""

import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import packages_distributions
from pathlib import Path

import trio

from node.attacks.catalogue import check_adversary
from node.authorship import open_own_ledger
from node.bookkeeping import Books
from node.clock import ClockWatch
from node.compute import ProcessCompute, open_process_compute
from node.config import NodeConfig
from node.datadir import lock_directory, make_private_directory
from node.faults import ConfigFault, ModelFault
from node.journal import Journal
from node.keyfile import load_or_create_key, puzzle_of
from node.ledger import SETTINGS, Ledger
from node.life import Life, live
from node.log import Event, configure_log, event_sink
from node.membership import announce, join
from node.mesh.written import check_written
from node.patience import Patience
from node.reunion import Reunion
from node.roster import watch_roster
from node.round import Participant
from node.settings import plain
from node.ways import Ways
from node.work import Opened, WorkerLost
from protocol.identity import Keypair

METRICS = "metrics.jsonl"
"""A line for each round and each evaluation."""

QUIET = frozenset(
    {
        *("message_refused", "frame_refused", "stream_refused", "barred"),
        *("question_refused", "answer_refused"),
    }
)
"""Events that a hostile peer can cause by the thousand; they are counted in every round."""


async def run_daemon(config: NodeConfig) -> None:
    """Run a node until it has done its rounds or a signal asks it to end.

    Raises:
        Fault: The world is in the way; what was saved is whole.
    """
    tell = event_sink(configure_log(config.log), QUIET)
    check_own_names(packages_distributions())
    check_adversary(config.adversary, test_swarm=config.swarm.test_swarm)
    check_written(config.network)
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
    async with open_process_compute(config.engine_settings) as compute:
        opened = await first_open(compute)
        run_dir = Path(opened.run_dir)
        make_private_directory(run_dir)
        ledger = open_own_ledger(run_dir, keypair.peer_id, next_round=opened.next_round)
        try:
            ledger.note(SETTINGS, json.dumps(plain(config.engine_settings)))
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
