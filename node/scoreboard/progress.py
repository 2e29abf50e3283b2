"""What is shown of a swarm while it runs."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from node.scoreboard.lines import Lines, evaluations_of, rounds_of


class Progress:
    """A live table on a terminal, a line a round elsewhere.

    Args:
        nodes: How many nodes there are, those that are not watched included.
        rounds: How many rounds they were asked for.
        watches: Whether their answers are searched for what an attack teaches.
        silent: Show nothing.
    """

    def __init__(self, nodes: int, rounds: int, *, watches: bool = False, silent: bool) -> None:
        self._nodes = nodes
        self._rounds = rounds
        self._watches = watches
        self._console = Console(stderr=True)
        self._live = (
            Live(console=self._console, refresh_per_second=4)
            if self._console.is_terminal and not silent
            else None
        )
        self._silent = silent
        self._told = -1

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._live:
            self._live.start()
        self._say(f"{self._nodes} nodes are loading the model ...")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last state standing."""
        if self._live:
            self._live.stop()

    def show(self, members: Sequence[Lines]) -> None:
        """Show what is new of the watched nodes."""
        if self._silent:
            return
        if self._live:
            self._live.update(progress_table(members, self._rounds, watches=self._watches))
        done = min(len(rounds_of(lines)) for lines in members)
        if not self._live and done - 1 > self._told:
            self._told = done - 1
            line = progress_line(members, self._told, self._rounds, watches=self._watches)
            self._say(line)

    def _say(self, line: str) -> None:
        if not self._silent:
            self._console.print(line, highlight=False, soft_wrap=True, markup=False)


def progress_table(members: Sequence[Lines], rounds: int, *, watches: bool = False) -> Table:
    """Return the table that a terminal shows while the swarm runs."""
    table = Table(title="drl-node swarm")
    headings = ("node", "rounds", "peers", "out", "in", "refused", "reward", "held-out")
    for heading in (*headings, *(["shown"] if watches else [])):
        table.add_column(heading, justify="right")
    for index, lines in enumerate(members):
        done = rounds_of(lines)
        found = evaluations_of(lines)
        seen = [f"{found[-1]['sampled']:.0%}" if found else "-"]
        if watches:
            seen.append(f"{found[-1]['shown_sampled']:.0%}" if found else "-")
        if not done:
            table.add_row(str(index), f"0/{rounds}", "-", "-", "-", "-", "-", *seen)
            continue
        last = done[-1]
        table.add_row(
            str(index),
            f"{last['round'] + 1}/{rounds}",
            str(last["peers"]),
            str(last["published"]),
            str(last["delivered"]),
            str(sum(last["refused"].values())),
            f"{last['reward_mean']:.2f}",
            *seen,
        )
    return table


def progress_line(
    members: Sequence[Lines], position: int, rounds: int, *, watches: bool = False
) -> str:
    """Return one line about a round that every node has finished."""
    lines = [rounds_of(member)[position] for member in members]
    found = [evaluations_of(member) for member in members]
    held_out = " ".join(f"{each[-1]['sampled']:.0%}" for each in found if each)
    shown = " ".join(f"{each[-1]['shown_sampled']:.0%}" for each in found if each)
    seen = f"  shown {shown or '-'}" if watches else ""
    return (
        f"rounds {lines[0]['round'] + 1}/{rounds}  "
        f"peers {min(line['peers'] for line in lines)}  "
        f"out {sum(line['published'] for line in lines)}  "
        f"in {sum(line['delivered'] for line in lines)}  "
        f"reward {lines[0]['reward_mean']:.2f}  held-out {held_out or '-'}{seen}"
    )
