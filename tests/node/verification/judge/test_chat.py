"""An answer of a server is read strictly: whatever is odd about it, it decides nothing."""

import json
import math
from typing import Any

import pytest

from node.verdict import Reason
from node.verification.judge import Leaning, Question, Said, Silence
from node.verification.judge.chat import reply_of, request_body


def entries(**logprobs: float) -> list[dict[str, Any]]:
    return [{"token": token, "logprob": value} for token, value in logprobs.items()]


def answer(text: Any = "yes", top: Any = None, **choice: Any) -> bytes:
    made: dict[str, Any] = {"message": {"content": text}, "finish_reason": "stop", **choice}
    if top is not None:
        made["logprobs"] = {"content": [{"token": "?", "top_logprobs": top}]}
    return json.dumps({"choices": [made]}).encode()


def test_a_request_is_greedy_and_asks_for_one_answer_with_its_probabilities(
    question: Question,
) -> None:
    body = json.loads(request_body(question, model="m", logprobs=True))

    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Audit."},
            {"role": "user", "content": "Sound?"},
        ],
        "temperature": 0,
        "max_tokens": 4,
        "n": 1,
        "stream": False,
        "logprobs": True,
        "top_logprobs": 20,
    }


def test_a_request_without_probabilities_does_not_mention_them(question: Question) -> None:
    assert "logprobs" not in json.loads(request_body(question, model="m", logprobs=False))


def test_an_answer_without_probabilities_is_what_it_says(question: Question) -> None:
    assert reply_of(answer("yes"), question) == Said("yes", whole=True)
    assert reply_of(answer("no", finish_reason="length"), question) == Said("no", whole=False)
    assert reply_of(answer("no", finish_reason=None), question) == Said("no", whole=False)
    assert reply_of(answer("no", logprobs=None), question) == Said("no", whole=True)


def test_probabilities_of_a_label_are_added_up_over_its_spellings(question: Question) -> None:
    top = entries(**{"yes": math.log(0.5), " Yes": math.log(0.2), "no": math.log(0.1)})

    leaning = reply_of(answer("yes", top), question)

    assert isinstance(leaning, Leaning)
    assert (leaning.accept, leaning.refuse) == pytest.approx((0.7, 0.1))


def test_tokens_that_a_server_names_alike_are_added_up(question: Question) -> None:
    """Bytes of foreign scripts are all shown as one sign, and some servers cut off blanks."""
    yes, no = entries(yes=math.log(0.5)), entries(no=math.log(0.1))

    leaning = reply_of(answer("yes", [*yes, *entries(yes=math.log(0.3)), *no, *no]), question)

    assert isinstance(leaning, Leaning)
    assert (leaning.accept, leaning.refuse) == pytest.approx((0.8, 0.2))


def test_a_label_that_is_not_listed_is_taken_to_be_as_likely_as_it_can_be(
    question: Question,
) -> None:
    top = entries(yes=math.log(0.6), well=math.log(0.3))

    leaning = reply_of(answer("yes", top), question)

    assert isinstance(leaning, Leaning)
    assert (leaning.accept, leaning.refuse) == pytest.approx((0.6, 0.1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"choices": []}',
        b'{"choices": {}}',
        b'{"choices": [1]}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": "yes"}]}',
        b'{"choices": [{"message": {"content": null}}]}',
        b'{"choices": [{"message": {"content": ["yes"]}}]}',
        b'{"choices": [{"message": {"content": "yes"}, "index": NaN}]}',
        b"data: yes\n\n",
        json.dumps({"choices": [{"message": {"content": "yes"}}] * 2}).encode(),
        answer("yes") + b"{}",
    ],
)
def test_what_is_not_one_answer_is_garbled(question: Question, content: bytes) -> None:
    reply = reply_of(content, question)

    assert isinstance(reply, Silence)
    assert reply.reason is Reason.JUDGE_GARBLED


def test_a_repeated_key_is_garbled(question: Question) -> None:
    """Which of the two counts is a matter of taste, and so of attack."""
    content = b'{"choices": [{"message": {"content": "no", "content": "yes"}}]}'

    assert isinstance(reply_of(content, question), Silence)


@pytest.mark.parametrize(
    "top",
    [
        [],
        "yes",
        [1],
        [{"token": "yes"}],
        [{"logprob": -1.0}],
        [{"token": "yes", "logprob": "-1"}],
        [{"token": "yes", "logprob": None}],
        [{"token": 1, "logprob": -1.0}],
        entries(well=-0.1, maybe=-3.0),
        [*entries(yes=-0.1), *entries(yes=-0.2)],
        entries(yes=-0.1, well=-0.2),
        entries(yes=math.nan),
        entries(yes=5.0),
        entries(yes=10**400),
        entries(yes=False),
    ],
)
def test_probabilities_that_cannot_be_read_decide_nothing(question: Question, top: Any) -> None:
    assert isinstance(reply_of(answer("yes", top), question), Silence)


@pytest.mark.parametrize("digits", [310, 4300, 5000, 200_000])
def test_a_probability_may_be_as_little_as_a_server_writes_it(
    question: Question, digits: int
) -> None:
    """Too large for a float, and from 4300 digits on for an int."""
    content = answer("yes", entries(yes=-0.1, no=-3)).replace(b"-3}", b"-1" + b"0" * digits + b"}")

    leaning = reply_of(content, question)

    assert isinstance(leaning, Leaning)
    assert (leaning.accept, leaning.refuse) == pytest.approx((math.exp(-0.1), 0.0))


@pytest.mark.parametrize(
    ("text", "leaning"),
    [
        ("no", entries(yes=-0.1, no=-3.0)),
        ("yes", entries(yes=-3.0, no=-0.1)),
        ("yes no", entries(yes=-0.1, no=-3.0)),
        ("no, I mean yes", entries(yes=-3.0, no=-0.1)),
        ("", entries(yes=-0.1, no=-3.0)),
        ("certainly", entries(yes=-0.1, no=-3.0)),
        ("yes yes", entries(yes=-0.1, no=-3.0)),
        ("no. No.", entries(yes=-3.0, no=-0.1)),
    ],
)
def test_a_text_that_contradicts_its_probabilities_decides_nothing(
    question: Question, text: str, leaning: Any
) -> None:
    reply = reply_of(answer(text, leaning), question)

    assert isinstance(reply, Silence)
    assert "leans to" in reply.detail


@pytest.mark.parametrize("finish", ["length", "content_filter", None])
def test_a_label_behind_which_the_text_was_cut_off_decides_nothing(
    question: Question, finish: str | None
) -> None:
    reply = reply_of(answer("Yes", entries(Yes=-0.1, no=-3.0), finish_reason=finish), question)

    assert isinstance(reply, Silence)
    assert "cut off" in reply.detail


def test_a_longer_text_that_begins_as_it_leans_is_read(question: Question) -> None:
    top = entries(Yes=-0.01, no=-6.0)

    assert isinstance(
        reply_of(answer("Yes, all of", top, finish_reason="length"), question), Leaning
    )
