"""The words of `/v1/chat/completions`: a question as a request, an answer as a reply.

Bytes in, replies out; it knows no socket. Servers differ, and fail in ways of their own, so
nothing is taken for granted: what is not exactly as it must be is no verdict.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from node.verdict import Reason
from node.verification.judge.replies import (
    ROUNDING,
    Leaning,
    Question,
    Reply,
    Said,
    Silence,
    probability,
)

TOP_LOGPROBS = 20
"""The most that servers give."""


def request_body(question: Question, *, model: str, logprobs: bool) -> bytes:
    """Return a request for a greedy answer.

    Args:
        question: What is asked.
        model: What the server calls the judge.
        logprobs: Whether to ask for the likeliest tokens; some servers refuse to be asked.
    """
    turns = [{"role": "system", "content": question.system}] if question.system else []
    body: dict[str, object] = {
        "model": model,
        "messages": [*turns, {"role": "user", "content": question.user}],
        "temperature": 0,
        "max_tokens": question.tokens_max,
        "n": 1,
        "stream": False,
    }
    if logprobs and not question.in_words:
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    return json.dumps(body).encode()


def reply_of(content: bytes, question: Question) -> Reply:
    """Return what a server's answer says, or that it says nothing that could be read."""
    try:
        choice = _only_choice(_decoded(content))
        said = Said(_text(choice), whole=choice.get("finish_reason") == "stop")
        likeliest = None if question.in_words else _likeliest(choice)
        if likeliest is None:
            return said
        return _agreeing(_leaning(likeliest, question), said, question)
    except _UnreadableError as error:
        return Silence(Reason.JUDGE_GARBLED, str(error))


class _UnreadableError(Exception):
    """An answer is not in the form that it must have."""


def _decoded(content: bytes) -> Any:
    try:
        # Whole numbers are read as floats, since nothing is counted here, and since no int of
        # hundreds of digits can be computed with.
        return json.loads(
            content.decode(),
            object_pairs_hook=_without_repeats,
            parse_constant=_no_number,
            parse_int=float,
        )
    except (ValueError, RecursionError) as error:
        raise _UnreadableError("the answer is not JSON") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = dict(pairs)
    if len(decoded) < len(pairs):
        raise ValueError("a key is repeated")
    return decoded


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _only_choice(answer: Any) -> dict[str, Any]:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise _UnreadableError("the answer does not hold exactly one choice")
    choice: dict[str, Any] = choices[0]
    return choice


def _text(choice: dict[str, Any]) -> str:
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise _UnreadableError("the answer holds no text")
    return text


def _likeliest(choice: dict[str, Any]) -> list[tuple[str, float]] | None:
    """Return the likeliest first tokens with their probabilities, or None if none are given."""
    given = choice.get("logprobs")
    places = given.get("content") if isinstance(given, dict) else None
    if not places:
        return None
    first = places[0] if isinstance(places, list) else None
    entries = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(entries, list) or not entries:
        raise _UnreadableError("the answer gives probabilities of no token")
    return [_entry(entry) for entry in entries]


def _entry(entry: Any) -> tuple[str, float]:
    token = entry.get("token") if isinstance(entry, dict) else None
    logprob = entry.get("logprob") if isinstance(entry, dict) else None
    if not isinstance(token, str) or not isinstance(logprob, float):
        raise _UnreadableError("the answer gives no token with its probability")
    return token, probability(logprob)


def _leaning(likeliest: Iterable[tuple[str, float]], question: Question) -> Leaning:
    mass = {question.accept.lower(): 0.0, question.refuse.lower(): 0.0}
    rest, least = 1.0, 1.0
    seen = set()
    for token, given in likeliest:
        label = token.strip().lower()
        rest, least = rest - given, min(least, given)
        if label in mass:
            mass[label] += given
            seen.add(label)
    # Servers name several tokens alike (bytes, or with their blanks cut off), so that a name
    # may come twice; but then, too, the probabilities are those of one choice.
    if not rest >= -ROUNDING:
        raise _UnreadableError("the probabilities add up to more than 1")
    if not seen:
        raise _UnreadableError("neither label is among the likeliest tokens")
    # A label that is not listed is no likelier than the last one listed, nor than all the rest.
    unlisted = max(0.0, min(rest, least))
    accept, refuse = (mass[label] if label in seen else unlisted for label in mass)
    return Leaning(accept, refuse)


def _agreeing(leaning: Leaning, said: Said, question: Question) -> Leaning:
    """Return a leaning if the text beside it begins with its label, and has no label besides."""
    text = said.text.lower()
    words = re.findall(r"[a-z]+", text)
    labels = (question.accept.lower(), question.refuse.lower())
    likelier = labels[0] if leaning.accept >= leaning.refuse else labels[1]
    if words[:1] != [likelier] or sum(word in labels for word in words) > 1:
        raise _UnreadableError(f"the answer leans to {likelier!r} and says {said.text[:40]!a}")
    if not said.whole and text.lstrip() == likelier:
        # "no" may be the start of "not at all a problem".
        raise _UnreadableError(f"the answer leans to {likelier!r} and was cut off behind it")
    return leaning
