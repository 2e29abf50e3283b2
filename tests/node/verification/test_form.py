"""What a sampler cannot hand in is refused; what it does hand in, however bad, is not."""

import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.verdict import Outcome, Reason, Span, Unit, Verdict
from node.verification import Form, FormSettings, Submission
from node.verification.form import HIDDEN
from protocol.parameters import Encoding

Make = Callable[..., Submission]
EOS = 0
GOOD = "<think>2 + 2 = 4</think> <answer>4</answer>"


def spelt(text: str, *, ended: bool = True) -> tuple[int, ...]:
    """Token ids by code point; the tests' tokenizer."""
    return tuple(map(ord, text)) + ((EOS,) if ended else ())


def decode(tokens: Sequence[int]) -> str:
    return "".join(map(chr, tokens[:-1] if tokens[-1:] == (EOS,) else tokens))


def form(encoding: Encoding = Encoding.TOKENS, tokens_max: int = 64) -> Form:
    settings = FormSettings(
        encoding=encoding, tokens_max=tokens_max, text_bytes_max=128, eos_token=EOS
    )
    return Form(settings, decode=decode)


def verdict(stage: Form, item: Submission) -> Verdict:
    (given_verdict,) = stage.judge([item], own=[])
    return given_verdict


def test_a_whole_answer_in_form_passes(submission: Make) -> None:
    item = submission(GOOD, tokens=spelt(GOOD), reward=2.5)

    assert verdict(form(), item).reason is Reason.CLEAN


@pytest.mark.parametrize("text", ["", "no form at all", GOOD + " ", "<think>", "nom nom nom"])
def test_a_broken_form_that_earned_nothing_is_honest_contrast(submission: Make, text: str) -> None:
    item = submission(text, tokens=spelt(text), reward=0.0)

    assert verdict(form(), item).reason is Reason.CLEAN


@pytest.mark.parametrize(
    "text",
    [GOOD + " ", GOOD + "\n\n", " " + GOOD, "All hail! " + GOOD, GOOD + GOOD, "4"],
    ids=["blank", "newlines", "lead", "slogan", "twice", "bare"],
)
def test_a_reward_got_out_of_form_is_refused(submission: Make, text: str) -> None:
    """A task of somebody's own may be lax; trailing blanks are where padding hides."""
    item = submission(text, tokens=spelt(text), reward=0.5)

    found = verdict(form(tokens_max=128), item)

    assert found.reason is Reason.OUT_OF_FORM
    assert found.value == 0.5


def test_a_task_without_a_form_is_not_held_to_one(submission: Make) -> None:
    stage = Form(
        FormSettings(encoding=Encoding.TOKENS, tokens_max=64, text_bytes_max=128, eos_token=EOS),
        decode=decode,
        in_form=None,
    )

    assert verdict(stage, submission("4", tokens=spelt("4"), reward=1.0)).reason is Reason.CLEAN


def test_no_token_at_all_is_empty(submission: Make) -> None:
    assert verdict(form(), submission("", tokens=(), ended=False)).reason is Reason.EMPTY


def test_one_token_that_is_eos_is_an_honest_way_to_say_nothing(submission: Make) -> None:
    assert verdict(form(), submission("", tokens=(EOS,))).reason is Reason.CLEAN


@pytest.mark.parametrize(("length", "ended"), [(4, False), (4, True), (1, True)])
def test_the_longest_completion_allowed_passes(
    submission: Make, *, length: int, ended: bool
) -> None:
    text = "a" * (length - ended)
    item = submission(text, tokens=spelt(text, ended=ended), ended=ended)

    assert verdict(form(tokens_max=4), item).reason is Reason.CLEAN


def test_one_token_more_is_oversized(submission: Make) -> None:
    found = verdict(form(tokens_max=4), submission("aaaa", tokens=spelt("aaaa")))

    assert found.reason is Reason.OVERSIZED
    assert (found.value, found.threshold) == (5, 4)


def test_more_bytes_than_allowed_are_oversized_whatever_the_tokens(submission: Make) -> None:
    text = "\N{SNOWMAN}" * 43

    found = verdict(form(), submission(text, tokens=spelt(text)))

    assert found.reason is Reason.OVERSIZED
    assert (found.value, found.threshold) == (129, 128)


@pytest.mark.parametrize(
    ("tokens", "ended", "span"),
    [
        ((97, 98), False, None),
        ((97, 98), True, None),
        ((97, EOS, 98), False, Span(1, 3, Unit.TOKENS)),
        ((97, EOS, EOS), True, Span(1, 3, Unit.TOKENS)),
        ((97, 98, 99, EOS), False, Span(3, 4, Unit.TOKENS)),
    ],
    ids=["short", "unclosed", "inside", "twice", "denied"],
)
def test_a_completion_ends_with_eos_once_or_at_the_limit(
    submission: Make, *, tokens: tuple[int, ...], ended: bool, span: Span | None
) -> None:
    found = verdict(form(tokens_max=4), submission(decode(tokens), tokens=tokens, ended=ended))

    assert found.reason is Reason.BAD_ENDING
    assert found.spans == ((span,) if span else ())


def test_where_text_was_cut_is_known_to_its_author_s_tokenizer_alone(submission: Make) -> None:
    item = submission("ab", tokens=spelt("ab", ended=False), ended=False)

    assert verdict(form(Encoding.TEXT), item).reason is Reason.CLEAN
    assert verdict(form(Encoding.TOKENS), item).reason is Reason.BAD_ENDING


def test_a_text_that_holds_eos_in_letters_is_refused_in_a_text_swarm(submission: Make) -> None:
    item = submission("a\x00b", tokens=(97, EOS, 98, EOS))

    assert verdict(form(Encoding.TEXT), item).reason is Reason.BAD_ENDING


def test_tokens_that_spell_another_text_are_refused(submission: Make) -> None:
    """A tokenizer that drops what it does not know would train on what nobody judged."""
    item = submission("abc", tokens=spelt("ab"))

    assert verdict(form(Encoding.TEXT), item).reason is Reason.NOT_ROUND_TRIP


@pytest.mark.parametrize(
    "hidden",
    [
        *("\x07", "\u202e", "\u200b", "\u2066", "\ufeff", "\U000e0041", "\x7f", "\xad"),
        # Selectors of variants, which can carry any bytes.
        *("\ufe00", "\ufe0d", "\ufe0e", "\ufe0f", "\U000e0100", "\U000e01ef", "\u180b", "\u180f"),
        # Private use, and what is no character.
        *("\ue000", "\uf8ff", "\U000f0000", "\U0010fffd", "\ufdd0", "\uffff", "\U0001fffe"),
        # Planes without a script, and what shall never show.
        *("\U00040000", "\U000dffff", "\u2065", "\ufff0", "\ufff9", "\U000e0fff"),
        # Marks of formats.
        *("\u180e", "\U0001d173", "\U0001d17a", "\U0001bca0", "\U00013430"),
        # Letters and signs that are blank.
        *("\u3164", "\uffa0", "\u115f", "\u1160", "\u2800", "\u034f", "\u17b4", "\u17b5"),
        *("\U0001d159", "\U00016fe4"),
        # Joiners where nothing is joined.
        *("\u200c", "\u200d"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_is_refused_with_its_place(submission: Make, hidden: str) -> None:
    text = f"2 {hidden}+ 2"

    found = verdict(form(), submission(text, tokens=spelt(text)))

    assert found.reason is Reason.HIDDEN_CHARACTERS
    assert found.spans == (Span(2, 3, Unit.CHARACTERS),)
    assert ascii(hidden) in found.detail


def test_nul_is_hidden_too(submission: Make) -> None:
    stage = Form(
        FormSettings(encoding=Encoding.TEXT, tokens_max=64, text_bytes_max=128, eos_token=999),
        decode=lambda tokens: "".join(map(chr, tokens[:-1])),
    )

    found = verdict(stage, submission("a\x00", tokens=(97, 0, 999)))

    assert found.reason is Reason.HIDDEN_CHARACTERS


@pytest.mark.parametrize(
    "text",
    [
        "tab\tand\nline\r\n",
        "caf\xe9 \N{SNOWMAN}",
        "\u0645\u06cc\u200c\u062e",
        "\ufffd",
        "\U0001f468\u200d\U0001f469",
        "\U0001f468\u200d",
        "\u0662",
        "\u2764\ufe0f and \u263a\ufe0e",
        "1\ufe0f\u20e3 #\ufe0f\u20e3",
        "1\ufe0f",
        "\U0001f3f3\ufe0f\u200d\U0001f308",
        "\U0001f937\U0001f3fd\u200d\u2642\ufe0f",
        "\u0915\u094d\u200d\u0937 \u0915\u094d\u200c\u0937",
        "\u1820\u180b\u1820\u180e\u1820",
        "\u6f22\u5b57 \ud55c\uad6d e\u0301",
        "PDF\u200c\u0647\u0627",
        "\u2713 \u2801 \u0600 \u06dd",
    ],
    ids=ascii,
)
def test_letters_of_all_scripts_and_joined_pictures_are_no_fault(
    submission: Make, text: str
) -> None:
    assert verdict(form(), submission(text, tokens=spelt(text))).reason is Reason.CLEAN


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("\u2764\ufe0f\ufe0f", (2, 3)),
        ("\u2764\ufe0f\u200d\u200d\ufe0f", (3, 5)),
        ("\u2764\u200d\ufe0f", (2, 3)),
        ("\u06cc\u200c\u200d\u200c", (2, 4)),
        ("1\ufe0f+", (1, 2)),
        ("\u205f\ufe0f", (1, 2)),
        ("\u061c\u200d", (0, 2)),
        ("a\u200c\u061cb", (1, 3)),
        ("a\u200c\u200c\u0647", (1, 3)),
        ("a\ufe0f\u200d", (1, 3)),
        ("\u1820\u180b\u180c", (2, 3)),
        ("\u200d", (0, 1)),
    ],
    ids=ascii,
)
def test_what_joins_or_selects_passes_once_and_in_its_place(
    submission: Make, text: str, span: tuple[int, int]
) -> None:
    """Two kinds of joiners in a row would be a message in bits."""
    found = verdict(form(), submission(text, tokens=spelt(text)))

    assert found.reason is Reason.HIDDEN_CHARACTERS
    assert found.spans == (Span(*span, Unit.CHARACTERS),)


def test_what_is_hidden_does_not_depend_on_the_version_of_unicode(submission: Make) -> None:
    """U+1C89 came with Unicode 16, U+088F with 17: one node's Python knows it, another's not."""
    text = "\u1c89 \u088f \U0001fae9 \U000323b0"

    assert verdict(form(), submission(text, tokens=spelt(text))).reason is Reason.CLEAN


@pytest.mark.parametrize(
    "piece", ["\u06cc\u200c\u200c", "\u200b", "a\u200c", "1\ufe0f", "\u2764\ufe0f", "\u1820\u180b"]
)
def test_hidden_characters_are_found_in_time_whatever_their_number(piece: str) -> None:
    began = time.process_time()

    sum(1 for _ in HIDDEN.finditer(piece * 100_000))

    assert time.process_time() - began < 1.0


def test_only_the_first_places_are_named(submission: Make) -> None:
    text = "a\u200b" * 30

    found = verdict(form(tokens_max=99), submission(text, tokens=spelt(text)))

    assert len(found.spans) == 16


@given(text=st.text(max_size=200), ended=st.booleans(), reward=st.sampled_from([0.0, 0.5, 2.5]))
def test_no_text_breaks_the_stage(*, text: str, ended: bool, reward: float) -> None:
    item = Submission(
        author="a",
        round_index=0,
        prompt_index=0,
        index=0,
        prompt="",
        text=text,
        tokens=spelt(text, ended=ended),
        ended=ended,
        reward=reward,
    )

    assert verdict(form(), item).outcome in set(Outcome)


def test_a_lone_surrogate_is_hidden_and_breaks_nothing(submission: Make) -> None:
    found = verdict(form(), submission("a\ud800", tokens=spelt("a\ud800")))

    assert found.reason is Reason.HIDDEN_CHARACTERS
