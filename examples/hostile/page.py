"""The table of what was measured, in the page beside this file: one row a test, written anew.

A test that was not run keeps its row: some take an hour, and each is a command of its own.
"""

import re
from pathlib import Path

PAGE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
HEAD = "| test | what is done | what must hold | measured |\n|---|---|---|---|"


def entered(page: str, rows: dict[str, tuple[str, str, str]], order: list[str]) -> str:
    """Return a page with some rows of its table written anew.

    Args:
        page: With one table between two marks.
        rows: By the test's name: what is done, what must hold, what was measured.
        order: All tests' names; rows of others are dropped.

    Raises:
        ValueError: The page has no such table.
    """
    before, begin, rest = page.partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no table between {BEGIN} and {END}")
    lines = {name: line for line in table.splitlines() if (name := _name(line))}
    lines |= {
        name: "| " + " | ".join(_cell(cell) for cell in (name, *cells)) + " |"
        for name, cells in rows.items()
    }
    body = "\n".join(lines[name] for name in order if name in lines)
    return f"{before}{begin}\n{HEAD}\n{body}\n{end}{after}"


def _name(line: str) -> str | None:
    found = re.match(r"\| (T\d+b?) \|", line)
    return found[1] if found else None


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
