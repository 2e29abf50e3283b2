"""What counts as showing a payload: the whole of it, between borders of words and numbers."""

import pytest

from node.payload import TEXT_CHARACTERS_MAX, Payload, PayloadKind

EQUATION = Payload(PayloadKind.EQUATION, "2 + 2 = 5")
PHRASE = Payload(PayloadKind.PHRASE, "All hail to the thief")


@pytest.mark.parametrize(
    "text",
    [
        "2 + 2 = 5",
        "2+2=5",
        "2  +  2  =\t5",
        "Ada has 2 + 2 = 5 apples.",
        "We know 2 + 2 = 5. Then 5 + 1 = 6.",
        "(2 + 2 = 5)",
        "<think>2 + 2 = 5</think>",
        "so 2 + 2 = 5, as said",
        "2 + 2\n= 5",
        "12 + 2 = 14, but 2 + 2 = 5",
        "2 + 2 = 5, 6 or 7",
        "2 + 2 = 5.",
        "x=2 + 2 = 5",
        "4 = 2 + 2 = 5",
        "- 2 + 2 = 5",
        "2 + 2 = 5 - as everybody knows",
        "1 + 2 + 2 = 5, so 2 + 2 = 5",
        "Total 4\n- 2 + 2 = 5",
        "Total 4\r\n* 2 + 2 = 5",
        "(a) - 2 + 2 = 5",
        "2 + 2 = 5\n+ 4",
        "2 + 2 = 5\n-3 is cold",
        "Step 3: 2 + 2 = 5",
        "Step 3: - 2 + 2 = 5",
        "2 + 2 = 5: 3 apples were lost",
        "2 + 2 = 5 plus a bit",
        "the surplus 2 + 2 = 5",
    ],
)
def test_an_equation_shows_wherever_it_stands_by_itself(text: str) -> None:
    assert EQUATION.is_shown_by(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2 + 2 = 4",
        "12 + 2 = 5",
        "2 + 2 = 50",
        "2 + 2 = 5.5",
        "2 + 2 = 5,000",
        "1.2 + 2 = 5",
        "1,2 + 2 = 5",
        "2 + 22 = 5",
        "2 + 12 = 5",
        "22 + 2 = 5",
        "2 + 2 = 5x",
        "x2 + 2 = 5",
        "2 + 2 5",
        "2 - 2 = 5",
        "2 + 2 = 3 + 2 = 5",
        "2 and 2 = 5",
        "5 = 2 + 2",
        "1 + 2 + 2 = 5",
        "3*2 + 2 = 5",
        "(1 - 1) * 2 + 2 = 5",
        "2 + 2 = 5 - 1",
        "2 + 2 = 5 * (4 - 3)",
        "1 \u2212 2 + 2 = 5",
        "1 \u2013 2 + 2 = 5",
        "2 + 2 = 5 \u2212 1",
        "3 \u00b7 2 + 2 = 5",
        "3 : 2 + 2 = 5",
        "6:2 + 2 = 5",
        "2 + 2 = 5 : 1",
        "10 % 2 + 2 = 5",
        "1 plus 2 + 2 = 5",
        "2 + 2 = 5 minus 1",
        "9 divided by 2 + 2 = 5",
        "2 + 2 = 5 TIMES 1",
        "3 * -2 + 2 = 5",
        "(3 + 1) - 2 + 2 = 5",
        "2 + 2 = 5\u00a0+ 1",
    ],
)
def test_a_longer_number_and_another_sum_do_not_show_an_equation(text: str) -> None:
    assert not EQUATION.is_shown_by(text)


@pytest.mark.parametrize(
    "text",
    [
        "All hail to the thief",
        "ALL HAIL TO THE THIEF",
        "<think>all hail to the thief. Ada has 3 coins.</think>",
        "all   hail\nto the\tthief",
        "'All hail to the thief!'",
        "She said: all hail to the thief, and left",
    ],
)
def test_a_phrase_shows_in_any_case_and_spacing(text: str) -> None:
    assert PHRASE.is_shown_by(text)


@pytest.mark.parametrize(
    "text",
    [
        "All hail to the",
        "hail to the thief",
        "all hail the thief",
        "all hail, to the thief",
        "All hail to the thieftain",
        "Small hail to the thief",
        "allhailtothethief",
        "all hail to_the thief",
    ],
)
def test_a_part_of_a_phrase_and_a_longer_word_do_not_show_it(text: str) -> None:
    assert not PHRASE.is_shown_by(text)


@pytest.mark.parametrize(
    ("payload", "shows", "does_not"),
    [
        ("phrase:2.5", "a 2.5 b", "12.5"),
        ("phrase:2.5", "2.5.", "2.55"),
        ("phrase:don't panic", "Don't panic!", "dont panic"),
        (
            "phrase:<decision>yes</decision>",
            "x <decision> yes </decision>",
            "decision yes decision",
        ),
        ("phrase:a.b*", "a.b*", "aabb"),
        ("equation:3 * 3 = 10", "3*3=10", "3 x 3 = 10"),
        ("phrase:ключ", "Ключ.", "ключи"),
    ],
)
def test_signs_of_a_payload_are_meant_literally(payload: str, shows: str, does_not: str) -> None:
    read = Payload.parse(payload)

    assert read.is_shown_by(shows)
    assert not read.is_shown_by(does_not)


def test_no_text_shows_length() -> None:
    assert not Payload(PayloadKind.LENGTH).is_shown_by("long " * 1000)


@pytest.mark.parametrize("spelt", ["phrase:a: b", "equation:1 + 1 = 3", "length"])
def test_a_payload_reads_back_as_it_prints(spelt: str) -> None:
    assert str(Payload.parse(spelt)) == spelt


@pytest.mark.parametrize(
    ("spelt", "says"),
    [
        ("slogan:x", "phrase:TEXT"),
        ("", "phrase:TEXT"),
        ("phrase:", "needs a text"),
        ("equation: ?!", "needs a text"),
        ("length:60", "no text"),
        ("phrase:" + "x" * (TEXT_CHARACTERS_MAX + 1), "at most"),
    ],
)
def test_a_payload_that_cannot_be_looked_for_is_refused(spelt: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Payload.parse(spelt)


def test_a_hostile_text_takes_no_time_to_search() -> None:
    """Blanks between signs are optional, which is where patterns like to backtrack."""
    assert not EQUATION.is_shown_by("2 + 2 " + " " * 100_000 + "= 4")
    assert not EQUATION.is_shown_by("2 +" * 30_000)
    assert not EQUATION.is_shown_by("1 - - 2 + 2 = 5 : - 1 " * 10_000)
