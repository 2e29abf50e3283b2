"""Lists as tables for people, as wide as their rows need; nothing in a cell is markup.

What is cut off of a name or an ID cannot be asked for. The framed board of a swarm is no such list:
its columns are few and always the same (`node.scoreboard`).
"""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

WIDTH_MIN = 120
"""Columns of characters that are used where the terminal is narrower, or there is none."""

ROOM_MIN = 24
"""The same of what may go over several lines: with fewer, a word would."""


def plain_table(*headings: str, wide: str = "", title: str | None = None) -> Table:
    """Return an empty table without frames; only one of its columns may be squeezed."""
    table = Table(
        title=title,
        box=SIMPLE_HEAD,
        padding=0,
        show_edge=False,
        title_justify="left",
        title_style="none",
        header_style="none",  # what ends in a colour does not end in blanks that could be left out
    )
    for heading in headings:
        table.add_column(heading, no_wrap=heading != wide, overflow="fold")
    return table


def show_table(table: Table) -> None:
    """Print a table; no line of it ends in blanks, which a narrower terminal would wrap."""
    console = screen(table)
    with console.capture() as capture:
        console.print(table)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def screen(*tables: Table) -> Console:
    """Return where something is printed as it is, wide enough for tables if they are named."""
    width = max([WIDTH_MIN, *(width_needed(one) for one in tables)])
    return Console(width=max(width, Console().width), markup=False, emoji=False, highlight=False)


def width_needed(table: Table) -> int:
    """Return a table's columns of characters where nothing of it is cut off or squeezed."""
    squeezed = [column for column in table.columns if not column.no_wrap]
    for column in squeezed:
        column.max_width = ROOM_MIN
    width = Console(width=10 * WIDTH_MIN, markup=False, emoji=False).measure(table).maximum
    for column in squeezed:
        column.max_width = None
    return width
