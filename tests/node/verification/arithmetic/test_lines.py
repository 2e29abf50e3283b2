"""Equations that are laid out over lines, and lists whose marks look like signs."""

import pytest

from node.verification.arithmetic import Truth, equations

RIGHT, WRONG, UNREAD = Truth.RIGHT, Truth.WRONG, Truth.UNREAD


def truths(text: str) -> list[Truth]:
    return [equation.truth for equation in equations(text)]


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("12\n+ 7\n= {}", 19),
        ("12 +\n7 = {}", 19),
        ("12 + 7\n+ 3\n= {}", 22),
        ("5 *\n4 = {}", 20),
        ("5 x\n4 = {}", 20),
        ("20\n- 7\n= {}", 13),
        ("20\n-7\n= {}", 13),
        ("$5\n+ $7\n= ${}", 12),
        ("4 \\times\n5 = {}", 20),
        ("12 + 7 =\n{}", 19),
        ("12 + 7 =\n\n  {} eggs", 19),
        ("12 + 7\n=\n{}", 19),
    ],
)
def test_a_sum_over_lines_is_read_as_one(text: str, off: int) -> None:
    assert truths(text.format(off)) == [RIGHT]
    assert truths(text.format(off + 1)) == [WRONG]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- 5 * 3 = 15\n- 2 * 4 = 8", [RIGHT, RIGHT]),
        ("- 5 * 3 = 15\n- 2 * 4 = 9", [RIGHT, WRONG]),
        ("* 5 + 3 = 8\n* 2 + 2 = 4", [RIGHT, RIGHT]),
        ("* 5 + 3 = 9\n* 2 + 2 = 4", [WRONG, RIGHT]),
        ("+ 5 + 3 = 8\n+ 2 + 2 = 5", [RIGHT, WRONG]),
        ("She has 5 eggs\n- 2 + 2 = 4", [RIGHT]),
        ("---\n5 + 4 = 10", [WRONG]),
    ],
)
def test_an_item_of_a_list_stands_for_itself(text: str, expected: list[Truth]) -> None:
    assert truths(text) == expected


def test_where_only_one_layout_can_be_read_nothing_is_said() -> None:
    assert truths("3:30\n+ 7\n= 8") == [UNREAD]
    assert truths("5\nx 4 = 20") == [RIGHT]
    assert truths("5\nx 4 = 21") == [UNREAD]


def test_a_letter_at_the_end_of_a_line_is_an_unknown_and_no_sign() -> None:
    assert truths("2x = 3x\n4 + 4 = 8")[1:] == [RIGHT]
    assert truths("2x = 3x\n4 + 4 = 9")[1:] == [WRONG]


def test_places_are_those_of_the_whole_sum() -> None:
    (found,) = equations("So 12\n+ 7\n= 19.")

    assert (found.start, found.end, found.expected) == (3, 14, 19)
