"""What is shown as a table is all there, whatever the terminal's width and whoever wrote it."""

import pytest
from rich.text import Text

from node.tables import WIDTH_MIN, plain_table, screen, show_table


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_table_is_as_wide_as_its_longest_row_needs(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    long = ["accumulation", "author_adds_up", "ac1c446c7078", "1234567", "refuse"] * 2
    table = plain_table(*(f"column {place}" for place in range(len(long))), "detail", wide="detail")
    table.add_row(*long, "333 completions of this author add up")
    show_table(table)
    shown = capsys.readouterr().out

    assert " ".join(long) in " ".join(shown.split())
    assert "333 completions of this" in shown
    assert len(shown.splitlines()) <= 4


@pytest.mark.parametrize("columns", ["80", "120", "150"])
def test_a_cell_that_may_be_cut_takes_what_the_others_leave(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    table = plain_table("author", "text", wide="text")
    for text in ("So many words " * 30, "few"):
        table.add_row("x" * 60, Text(text, no_wrap=True, overflow="ellipsis"))
    show_table(table)
    *_, long, short = capsys.readouterr().out.splitlines()

    assert len(long) == max(int(columns), WIDTH_MIN)
    assert long.endswith("…")
    assert short == "x" * 60 + " few"


@pytest.mark.parametrize("colours", ["", "1"])
def test_columns_are_one_blank_apart_and_no_line_ends_in_blanks(
    colours: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor in a colour that blanks are hidden before, where there is a terminal."""
    monkeypatch.setenv("FORCE_COLOR", colours)
    table = plain_table("round", "stage", "", title="2 findings")
    table.add_row("4", "accumulation", "")
    show_table(table)

    assert capsys.readouterr().out.splitlines() == [
        "2 findings",
        "round stage",
        "─" * 20,
        "4     accumulation",
    ]


@pytest.mark.parametrize("text", ["50 [/] 50", "[try] it", "[red]x", "a :smile: b"])
def test_nothing_is_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = plain_table("cell", title=text)
    table.add_row(text)
    show_table(table)
    screen().print(text)

    assert [line for line in capsys.readouterr().out.splitlines() if text in line] == [text] * 3
