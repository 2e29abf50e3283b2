"""What a stranger wrote is shown, and does nothing to whoever looks."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from node.audit.writing import (
    finite,
    marked,
    number,
    of_all,
    visible,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2 + 2 = 4", "2 + 2 = 4"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\u202eb", "a\\u202eb"),
        ("one\ntwo\r", "one\\ntwo\\r"),
        ("[red]é 汉 😀", "[red]é 汉 😀"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_hides_or_commands_is_spelt_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_commands_a_terminal_is_left_of_any_text(text: str) -> None:
    assert not {unicodedata.category(one) for one in visible(text)} & {"Cc", "Cf", "Cs"}


@pytest.mark.parametrize(
    ("at_fault", "shown"),
    [
        ([], "hail to the thief"),
        ([(0, 4)], "[[hail]] to the thief"),
        ([(12, 17)], "hail to the [[thief]]"),
        ([(0, 17)], "[[hail to the thief]]"),
        ([(0, 7), (5, 11), (16, 99)], "[[hail to the]] thie[[f]]"),
        ([(3, 3)], "hail to the thief"),
    ],
)
def test_what_is_at_fault_stands_between_brackets(
    at_fault: list[tuple[int, int]], shown: str
) -> None:
    assert marked("hail to the thief", at_fault, coloured=False).plain == shown


def test_on_a_terminal_it_is_coloured_instead() -> None:
    console = Console(force_terminal=True, color_system="standard", width=80)
    with console.capture() as capture:
        console.print(marked("hail to all", [(5, 7)], coloured=True))

    assert capture.get() == "hail \x1b[1;7;31mto\x1b[0m all\n"


def test_marks_stay_in_place_where_what_hides_is_spelt_out() -> None:
    assert marked("a\x1bbc", [(2, 3)], coloured=False).plain == "a\\x1b[[b]]c"


def test_numbers_are_short_for_people_and_finite_for_json() -> None:
    assert [number(None), number(0.00049999), number(12.0)] == ["", "0.0005", "12"]
    assert [finite(None), finite(float("inf")), finite(2.5)] == [None, None, 2.5]


def test_a_table_tells_what_it_leaves_out() -> None:
    assert of_all(100, 320, "findings") == "100 of 320 findings; --count shows more"
    assert of_all(320, 320, "findings") == "320 findings"
