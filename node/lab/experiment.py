"""One cell, run: a whole swarm in this process, with all of a node but sockets and real time.

Gates, pace, ledgers, signatures and rounds are those of a live node; the mesh is in memory and
the clock jumps over every wait. The nodes of a round begin a moment apart, malicious ones last,
so that a run is the same whenever it is repeated.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import trio
from trio.testing import MockClock

from node.attacks.adversary import Adversary
from node.attacks.outgoing import wire_adversary
from node.config import NodeConfig
from node.faults import IdentityFault
from node.keyfile import puzzle_of, seeded_keypair
from node.lab.book import Book, evaluation_line, round_line, truth_of
from node.lab.cell import Cell
from node.lab.sharing import Model, Parted, Seat
from node.ledger import Ledger
from node.mesh.memory import MemorySwarm, open_memory_swarm
from node.mesh.settings import MESSAGE_BYTES_CEILING
from node.round import Participant, RoundReport, as_sealed, land, open_desk, run_round
from node.settings import plain
from protocol.pace import Jump

STAGGER_S = 0.01
"""Between the beginnings of two nodes' rounds, by a clock that nobody waits for."""


Progress = Callable[[int], None]
"""Told how many rounds are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of the swarm.

    Args:
        index: 0-based place; the honest come first.
        is_honest: Whether it attacks nobody.
        config: As a live node's.
        node: What its rounds need.
        seat: Its side of the model.
        ledger: Its signed bytes; rounds that are over leave it.
    """

    index: int
    is_honest: bool
    config: NodeConfig
    node: Participant
    seat: Seat
    ledger: Ledger


def run_cell(cell: Cell, file: IO[str], versions: Mapping[str, str], progress: Progress) -> None:
    """Run a cell from its beginning and write its lines.

    Its nodes share one model where that is exact. Where it turns out not to be, the cell starts
    again with a model for each of them, and its first line says why.

    Raises:
        Fault: The world is in the way; perhaps within a group, as nurseries raise it.
    """
    why = cell.unshared_because()
    if not why:
        try:
            attempt(cell, file, versions, progress, unshared_because="")
        except* Parted as group:
            why = str(leaf(group))
    if why:
        file.seek(0)
        file.truncate()
        attempt(cell, file, versions, progress, unshared_because=why)


def leaf(error: BaseException) -> BaseException:
    """Return the first error that a group of groups holds."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def attempt(
    cell: Cell,
    file: IO[str],
    versions: Mapping[str, str],
    progress: Progress,
    *,
    unshared_because: str,
) -> None:
    """Run a cell with one model for all, or, where there is a reason against it, one for each.

    Raises:
        Parted: The nodes did not stay of one mind; within a group.
    """
    shared = not unshared_because
    book = Book(file, nodes=1 if shared else cell.honest)
    book.write(
        {
            "kind": "cell",
            "cell": plain(cell),
            "watched": cell.watched,
            "shared": shared,
            "unshared_because": unshared_because,
            "versions": dict(versions),
        }
    )
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="drl-lab-") as place:
        laboratory = Laboratory(cell, Path(place), book, progress, shared=shared)
        trio.run(laboratory.run, clock=MockClock(autojump_threshold=0))
    book.flush(cell.rounds)
    book.write(
        {
            "kind": "done",
            "seconds": round(time.monotonic() - began_s, 3),
            "cpu_s": round(time.process_time() - began_cpu_s, 3),
        }
    )


def unheard(_name: str, _fields: Mapping[str, object]) -> None:
    """Listen to no events: what matters of them is in the lines."""


class Laboratory:
    """A swarm's whole life.

    Args:
        cell: Which swarm.
        place: A directory for as long as it lives.
        book: Where its lines go.
        progress: Told of each round.
        shared: Whether all nodes share one model.
    """

    def __init__(
        self, cell: Cell, place: Path, book: Book, progress: Progress, *, shared: bool
    ) -> None:
        self._cell = cell
        self._place = place
        self._book = book
        self._progress = progress
        self._shared = shared
        self._members: list[Member] = []
        self._evaluating_cpu_s = 0.0
        self._rounds_cpu_s = 0.0

    async def run(self) -> None:
        """Raise the swarm and let every node take part in all rounds."""
        seats = self._seats()
        with ExitStack() as ledgers:
            async with open_memory_swarm(self._cell.seed) as mesh:
                for index, seat in enumerate(seats):
                    ledger = ledgers.enter_context(closing(Ledger(self._place / f"{index}.db")))
                    self._members.append(await self._member(index, seat, mesh, ledger))
                self._rounds_cpu_s = time.process_time()
                async with trio.open_nursery() as nursery:
                    for member in self._members:
                        nursery.start_soon(self._take_part, member)

    def _config(self, index: int) -> NodeConfig:
        return self._cell.config(index=index, attacks=index >= self._cell.honest)

    def _seats(self) -> list[Seat]:
        """Load the models: one for all of a swarm that shares it, else one each."""
        puzzle = puzzle_of(self._config(0).swarm)
        keeper = seeded_keypair(self._cell.seed, 0, puzzle).peer_id if self._shared else None
        seats: list[Seat] = []
        model: Model | None = None
        for index in range(self._cell.nodes):
            config = self._config(index)
            if model is None or not self._shared:
                settings = config.engine_settings
                model = Model(
                    dataclasses.replace(settings, data_dir=str(self._place / str(index))), keeper
                )
            seats.append(
                Seat(model, Adversary(config.adversary) if config.adversary.attack else None)
            )
        return seats

    async def _member(self, index: int, seat: Seat, mesh: MemorySwarm, ledger: Ledger) -> Member:
        config = self._config(index)
        keypair = seeded_keypair(self._cell.seed, index, puzzle_of(config.swarm))
        opened = await seat.open()
        parameters = opened.parameters
        desk = open_desk(
            keypair,
            parameters,
            config.round,
            ledger=ledger,
            tell=unheard,
            open_round=opened.next_round,
        )
        wire = wire_adversary(config.adversary, keypair, parameters)
        joined = mesh.join(
            keypair.peer_id,
            desk.gate.validate if wire is None else wire.overhearing(desk.gate.validate),
            message_bytes_max=MESSAGE_BYTES_CEILING if wire else parameters.message_bytes_max,
        )
        outgoing = wire.outgoing if wire else as_sealed
        node = desk.joined(joined, seat, outgoing, asks=False)
        return Member(
            index=index,
            is_honest=index < self._cell.honest,
            config=config,
            node=node,
            seat=seat,
            ledger=ledger,
        )

    async def _take_part(self, member: Member) -> None:
        """Live one node's rounds, as its daemon would; one that is cast out takes its leave."""
        try:
            await self._live(member)
        except IdentityFault:
            if member.is_honest:
                raise

    async def _live(self, member: Member) -> None:
        round_index = 0
        await self._evaluate(member, 0)
        while round_index < self._cell.rounds:
            await trio.sleep(STAGGER_S * member.index)
            report = await run_round(member.node, round_index)
            if isinstance(report, Jump):
                await land(member.node, report.round_index)
                round_index = report.round_index
                continue
            round_index += 1
            member.ledger.forget_before(round_index)
            self._report(member, report)
            await self._evaluate(member, round_index)

    def _speaks(self, member: Member) -> bool:
        """Whether a node's findings are written down: of nodes with one model, the first's."""
        return member.index == 0 if self._shared else member.is_honest

    def _report(self, member: Member, report: RoundReport) -> None:
        if not self._speaks(member):
            return
        truth = truth_of(
            (str(one.node.me) for one in self._members if one.is_honest),
            (one.seat.untouched(report.round_index) for one in self._members if not one.is_honest),
            member.seat.decoy(),
        )
        line = round_line(
            report,
            member.seat.trained_on,
            truth,
            node=member.index,
            refused=member.node.gate.counts(),
        )
        if member.index == 0:
            line["cpu_s"] = round(self._round_cpu_s(), 4)
            self._progress(report.round_index + 1)
        self._book.enter(line, rounds=report.round_index + 1)

    def _round_cpu_s(self) -> float:
        """Processor seconds of all nodes since this was last asked, without evaluations."""
        before_s = self._rounds_cpu_s
        self._rounds_cpu_s = time.process_time() - self._evaluating_cpu_s
        return self._rounds_cpu_s - before_s

    async def _evaluate(self, member: Member, rounds: int) -> None:
        """Measure held-out accuracy when it is time to, as a daemon would."""
        if not self._speaks(member):
            return
        sizes = member.config.evaluate
        at_an_end = rounds in (0, self._cell.rounds)
        if sizes.every and (at_an_end or rounds % sizes.every == 0):
            began_s = time.process_time()
            found = await member.seat.evaluate(sizes.prompts_final if at_an_end else sizes.prompts)
            self._evaluating_cpu_s += time.process_time() - began_s
            line = evaluation_line(found, round_index=rounds, node=member.index)
            self._book.enter(line, rounds=rounds)
        self._book.close(rounds)
