"""The ledgers of a node, one for each swarm that it took part in, opened to be read."""

import heapq
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path

from node.datadir import swarm_files
from node.faults import DataDirFault
from node.ledger import Ledger, Wanted
from node.work import Finding

LEDGER = "ledger.db"


def run_dirs(data_dir: Path) -> list[Path]:
    """Return the directories of the swarms that a node took part in.

    Raises:
        DataDirFault: There is none, or this user may not look.
    """
    found = [path.parent for path in swarm_files(data_dir, LEDGER)]
    if not found:
        raise DataDirFault(
            f"No node has run in {data_dir}.", fix="Name its directory with --data-dir."
        )
    return found


@contextmanager
def opened(data_dir: Path) -> Iterator[list[tuple[Path, Ledger]]]:
    """Give all ledgers of a node, each with its swarm's directory.

    Raises:
        DataDirFault: No node has run there, or a ledger is damaged or of another version.
    """
    with ExitStack() as stack:
        yield [
            (run_dir, stack.enter_context(closing(Ledger(run_dir / LEDGER, read_only=True))))
            for run_dir in run_dirs(data_dir)
        ]


def findings_of(data_dir: Path, wanted: Wanted) -> Iterator[Finding]:
    """Yield the findings of all swarms that are wanted, by round.

    Raises:
        DataDirFault: As `opened`.
    """
    with opened(data_dir) as ledgers:
        merged = heapq.merge(
            *(ledger.findings(wanted) for _, ledger in ledgers),
            key=lambda one: one.round_index,
            reverse=wanted.newest_first,
        )
        yield from islice(merged, wanted.count_max)


def count_of(data_dir: Path, wanted: Wanted) -> int:
    """Return how many findings of all swarms are wanted, whatever their bound.

    Raises:
        DataDirFault: As `opened`.
    """
    with opened(data_dir) as ledgers:
        return sum(ledger.count_findings(wanted) for _, ledger in ledgers)
