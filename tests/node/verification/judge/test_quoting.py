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


def test_hidden_signs_do_not_hide_a_verdict() -> None:
    assert shown("y\u200be\u200bs") == "| y·es"


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
