"""What a killed node's disk and its peers' ledgers prove of it: nothing lost, nothing said twice.

The killed node's files are copied and the copies opened: to open a ledger is to repair it, and
that is the node's own affair.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import ground
from mortal import Mortal

from node.authorship import LEDGER
from node.ledger import Ledger
from node.ledger.chain import Kind
from protocol.envelope import open_part

BACK_ROUNDS = 6
"""Rounds before the newest one that are read again at every look; a full look reads all."""

Slot = tuple[int, int, int]
"""Round, prompt and part: for each of them an author signs one message in its life."""


@contextmanager
def copied(run_dir: Path) -> Iterator[Path]:
    """Give a copy of a dead node's ledger."""
    with tempfile.TemporaryDirectory() as directory:
        for path in run_dir.glob(f"{LEDGER}*"):
            if not path.name.endswith("-shm"):  # what only a living process needs
                shutil.copy(path, directory)
        yield Path(directory) / LEDGER


class Witness:
    """Remembers what was ever seen of one member, and writes down what does not fit to it.

    Args:
        suspect: Who is killed.
        peers: Who hear it.
    """

    def __init__(self, suspect: Mortal, peers: list[Mortal]) -> None:
        self.suspect = suspect
        self.peers = peers
        self.heard: dict[Slot, bytes] = {}
        self.signed: dict[Slot, bytes] = {}
        self.closed: dict[int, frozenset[bytes] | None] = {}
        self.lost: list[str] = []
        self.corrupt: list[str] = []
        self.twice: list[str] = []
        self.half: list[str] = []
        self.anew: set[int] = set()
        """Rounds that it has closed anew, to be with its peers again; its ledger says so."""
        self.unwitnessed = 0

    def hear(self, *, full: bool = False) -> set[Slot]:
        """Read what the peers hold of the suspect; return what they did not hold before."""
        new: set[Slot] = set()
        for peer in self.peers:
            with closing(Ledger(peer.run_dir / LEDGER, read_only=True)) as ledger:
                if self.suspect.peer in ledger.outcasts():
                    self.twice.append(f"{peer.name} has cast it out")
                found = self._messages(ledger, full=full)
            for slot, raw in found.items():
                new |= set() if slot in self.heard else {slot}
                if self.heard.setdefault(slot, raw) != raw:
                    self.twice.append(f"{peer.name} heard another message for {slot}")
        return new

    def open_body(self, *, full: bool = False) -> None:
        """Read a copy of the dead suspect's ledger, and hold it against all that is known."""
        with copied(self.suspect.run_dir) as path:
            self.read(path, full=full)

    def read(self, path: Path, *, full: bool = False) -> None:
        """Read the suspect's ledger, or a copy, and hold it against all that is known."""
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
            said = file.execute("PRAGMA quick_check").fetchone()[0]
            anew = file.execute("SELECT subject FROM links WHERE kind = ?", (Kind.REOPENED,))
            self.anew |= {int(row[0]) for row in anew}
        if said != "ok":
            self.corrupt.append(said)
        with closing(Ledger(path, read_only=True)) as ledger:
            first = self._first(ledger, full=full)
            closed = {index: ledger.frozen(index) for index in ledger.closed_rounds(first)}
            own = self._messages(ledger, full=full)
        for index in sorted(self.closed.keys() - self.anew):
            if index >= first and (index not in closed or closed[index] != self.closed[index]):
                self.lost.append(f"round {index} is closed otherwise, or no more")
        self.closed |= closed
        for slot, raw in own.items():
            if self.signed.setdefault(slot, raw) != raw:
                self.twice.append(f"it signed another message for {slot}")
        for known, where in ((self.heard, "a peer holds"), (self.signed, "it once signed")):
            missing = [slot for slot in known if slot[0] >= first and slot not in own]
            self.lost += [f"the message for {slot} that {where}" for slot in missing]
            other = [s for s in known if s in own and known[s] != own[s]]
            self.twice += [f"{where} another message for {slot}" for slot in other]
        self._count_finished(closed, first)

    def _count_finished(self, closed: dict[int, frozenset[bytes] | None], first: int) -> None:
        """Hold what it told of finished rounds against the rounds that are closed."""
        for line in self.suspect.rounds():
            if line["round"] >= first and line["round"] not in closed:
                self.lost.append(f"round {line['round']}, told to be done, is not closed")

    def check_start(self) -> None:
        """Hold the weights that it has started with against those that the round ended with."""
        if self.suspect.told("checkpoint_skipped"):
            self.half.append("a checkpoint was passed over as damaged")
        for started in self.suspect.told("node_started"):
            before = started["round"] - 1
            own, others = (
                {
                    line["policy_digest"]
                    for one in members
                    for line in one.rounds()
                    if line["round"] == before
                }
                for members in ([self.suspect], self.peers)
            )
            if own and started["policy"] not in own and before not in self.anew:
                self.half.append(f"round {before} ended with other weights than were loaded")
            # Killed between a save and the line about its round, only its peers can tell.
            self.unwitnessed += before >= 0 and started["policy"] not in own | others

    def _first(self, ledger: Ledger, *, full: bool) -> int:
        return 0 if full else max((0, *(n - BACK_ROUNDS for n in ledger.closed_rounds()[-1:])))

    def _messages(self, ledger: Ledger, *, full: bool) -> dict[Slot, bytes]:
        """Return what a ledger holds of the suspect."""
        found: dict[Slot, bytes] = {}
        first = self._first(ledger, full=full)
        closed = ledger.closed_rounds(first)
        for index in range(first, max((first, *closed)) + BACK_ROUNDS):
            for envelope in ledger.envelopes(index):
                part = open_part(envelope.raw, ground.PARAMETERS)
                if part.author != self.suspect.peer:
                    continue
                slot = (part.round_index, part.prompt_index, part.part_index)
                if found.setdefault(slot, envelope.raw) != envelope.raw:
                    self.twice.append(f"one ledger holds two messages for {slot}")
        return found
