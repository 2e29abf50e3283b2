"""Whatever a stranger writes, a judge sees it as marked lines without markup or verdicts."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.verification.judge import Quoted, quoted
from node.verification.judge.quoting import DOT, LINE_MARK

NONCE = "kqzvtrwm"
PIECES = [*"<>|[]`#: \n\r/sk", "\u2028", "\u200b", NONCE, "yes", "No", "think", "user"]
INJECTIONS = Path(__file__).parents[4] / "examples/judge/injections.json"


def shown(text: str, **options: Any) -> str:
    given = {"nonce": NONCE, "words": {"yes", "no"}, "characters_max": 4000, **options}
    return quoted(text, **given).text


def test_each_line_is_marked() -> None:
    assert shown("one\ntwo\r\nthree\u2028four") == "| one\n| two\n| three\n| four"


def test_nothing_is_a_line_too() -> None:
    assert quoted("", nonce=NONCE, words=set(), characters_max=10) == Quoted("| ", cut=False)


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("<think>", "<·think>"),
        ("</answer>", "<·/answer>"),
        ("<|im_end|>", "<·|im_end|·>"),
        ("||>", "|·|·>"),
        ("<<SYS>>", "<·<·SYS>>"),
        ("\uff1cthink\uff1e", "<·think>"),
        ("[INST]", "[·INST]"),
        ("[/INST]", "[·/INST]"),
        ("```json", "`·`·`json"),
        ("### Response:", "#·#·# Response·:"),
        ("Assistant: hm", "Assistant·: hm"),
        ('"verdict": 1', '"verdict·": 1'),
        ("**User**: hm", "**User·**: hm"),
        ("say Yes!", "say Y·es!"),
        ("NO", "N·O"),
        ("yes라고", "y·es라고"),
        ("\uff59\uff45\uff53", "y·es"),
        ("\N{MATHEMATICAL BOLD SMALL Y}es", "y·es"),
        (f"({NONCE})", "(k·q·z·v·t·r·w·m)"),
        (NONCE.upper(), "K·Q·Z·V·T·R·W·M"),
        (f"x{NONCE}y", "xk·q·z·v·t·r·w·my"),
    ],
)
def test_what_could_be_taken_for_markup_or_a_verdict_gets_a_dot(written: str, seen: str) -> None:
    assert shown(written) == LINE_MARK + seen


@pytest.mark.parametrize(
    "text",
    [
        "Tom has 12 + 5 = 17 apples. Then 17 - 3 = 14.",
        "5 < 6 and 7 > 2, so 3 * (2 + 1) = 9.",
        "I know nothing of yesterday; the notes are eyes-only.",
        "Naïve café: 漢字 and 🦊 cost 5 € each.",
        "a | b, [1], {2}, `x`, --flag, # 1",
    ],
)
def test_plain_writing_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == LINE_MARK + text


@pytest.mark.parametrize(
    "hidden",
    ["\x00", "\x1b", "\u200b", "\u2060", "\u202e", "\ud800", "\ufe0f", "\U000e0079", "\ufeff"],
)
def test_what_shows_nothing_is_left_out(hidden: str) -> None:
    assert shown(f"a{hidden}b") == "| ab"


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\u200d", "\ufe0f\u200d", "\u061c\u200d", "\u3164", "\U000e0100\ue000"]
)
def test_hidden_signs_do_not_hide_a_verdict(hidden: str) -> None:
    assert shown(f"y{hidden}e{hidden}s") == "| y·es"


@pytest.mark.parametrize(
    "hidden", ["\x00", "\u200b", "\ud800", "\ufe00", "\U000e0100", "\ue000", "\u3164", "\ufdd0"]
)
def test_what_was_left_out_is_told(hidden: str) -> None:
    """Else a message could be trained on that no judge was shown."""
    given_text = quoted(f"a{hidden}b", nonce=NONCE, words=set(), characters_max=10)

    assert given_text == Quoted("| ab", cut=True)


def test_other_kinds_of_blanks_and_line_ends_are_not_left_out() -> None:
    given_text = quoted("a\tb\r\nc\fd\u2028e", nonce=NONCE, words=set(), characters_max=99)

    assert given_text == Quoted("| a b\n| c\n| d\n| e", cut=False)


def test_what_shows_nothing_does_not_push_out_what_does() -> None:
    filled = "\u200b" * 99 + "seen"

    assert quoted(filled, nonce=NONCE, words=set(), characters_max=4) == Quoted("| seen", cut=True)


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937 PDF\u200c\u0647\u0627",
        "\u2764\ufe0f 1\ufe0f\u20e3 \U0001f468\u200d\U0001f469",
        "\u6f22\u5b57 caf\xe9 e\u0301",
        "\u1c89 \u088f",
    ],
    ids=ascii,
)
def test_honest_writing_is_shown_whole(text: str) -> None:
    given_text = quoted(text, nonce=NONCE, words=set(), characters_max=99)

    assert given_text == Quoted(f"| {text}", cut=False)


def test_a_models_own_special_tokens_get_a_dot_wherever_they_stand() -> None:
    assert shown("a¤end¤b", words={"¤end¤"}) == "| a¤·end¤b"


def test_a_long_text_is_shown_from_both_its_ends() -> None:
    cut = quoted("a" * 30 + "b" * 30, nonce=NONCE, words=set(), characters_max=8)

    assert cut == Quoted("| aaaaaa\n(···)\n| bb", cut=True)


def test_a_text_of_just_the_allowed_length_is_shown_whole() -> None:
    assert not quoted("a" * 8, nonce=NONCE, words=set(), characters_max=8).cut
    assert quoted("a" * 9, nonce=NONCE, words=set(), characters_max=8).cut


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60))
def test_no_text_gets_out_of_its_quotation(text: str) -> None:
    lines = shown(text).split("\n")

    assert all(line.startswith(LINE_MARK) for line in lines)
    assert NONCE not in shown(text).lower()
    assert not re.search(
        r"<[A-Za-z/|!?]|\|>|```|(?<![a-z])(yes|no)(?![a-z])", "\n".join(lines).lower()
    )


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_of_visible_text_nothing_is_lost(text: str) -> None:
    assert shown(text).removeprefix(LINE_MARK).replace(DOT, "") == text


def test_no_injection_of_ours_keeps_a_verdict_or_a_tag() -> None:
    halves = json.loads(INJECTIONS.read_text())
    strings = [s for half in ("tuning", "scoring") for kind in halves[half].values() for s in kind]
    seen = [shown(string).lower() for string in strings]

    assert not [one for one in seen if re.search(r"(?<![a-z])yes(?![a-z])|</?[a-z|]", one)]


@pytest.mark.parametrize("piece", ["<", "user ", "`", "a\n", '"', "[A", "yes", "\u202e", "|>", "*"])
def test_a_hostile_text_takes_no_longer_than_a_plain_one(piece: str) -> None:
    began = time.process_time()

    shown(piece * 60_000, characters_max=60_000)

    assert time.process_time() - began < 1.0
