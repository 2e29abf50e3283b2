"""A process of the laboratory: runs one cell after another until its input closes.

It reads a cell and a path in a line of JSON, and answers with lines: how many rounds are over,
then that the cell is done, or what of the world's was in its way. A bug of ours ends it, with a
traceback in its log. When the laboratory dies, so does this: there is nobody left to tell.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from node.faults import DiskFault, Fault
from node.lab.experiment import leaf, run_cell
from node.lab.folder import cell_of, versions
from node.whole import sync_directory


def main() -> None:
    """Run cells until the input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the laboratory's
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print goes to the log
    made_with, laboratory = versions(), os.getppid()
    try:
        for request in sys.stdin:
            serve(json.loads(request), answers, made_with, laboratory)
    except* BrokenPipeError:
        os._exit(0)  # a flush at exit would only fail again


def serve(
    request: dict[str, Any], answers: IO[str], made_with: Mapping[str, str], laboratory: int
) -> None:
    """Run one cell and answer how it went.

    Args:
        request: The cell, and where its lines go until it is over.
        answers: Where the laboratory hears of it.
        made_with: Versions, for its first line.
        laboratory: Its process; an answer to a dead one would never be heard.
    """

    def tell(**answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    part = Path(request["path"])
    try:
        part.unlink(missing_ok=True)  # a file of its own, whoever may still write into that one
        with part.open("x", encoding="utf-8") as file:
            cell = cell_of(request["cell"])
            run_cell(cell, file, made_with, lambda rounds: tell(rounds=rounds))
            file.flush()
            os.fsync(file.fileno())
        if os.getppid() != laboratory:  # another one may be at this cell by now
            os._exit(0)
        part.replace(part.with_suffix(""))
        sync_directory(part.parent)
    except* BrokenPipeError:
        raise
    except* Fault as group:
        tell(fault=str(leaf(group)))
    except* OSError as group:
        fix = "Free some space, or choose another --dir; see that it can be written."
        tell(fault=str(DiskFault(f"The disk refuses: {leaf(group)}.", fix=fix)))
    else:
        tell(done=True)


if __name__ == "__main__":
    main()
