"""A server that judges, and servers that only pretend to: each failure is a silence."""

import dataclasses
import json
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from node.faults import ConfigFault
from node.verdict import Reason
from node.verification.judge import Leaning, Question, RemoteJudge, Reply, Said, Silence
from node.verification.judge.remote import key_in, remote_judge


def judge(server: Any, *, environment: dict[str, str] | None = None, **options: Any) -> RemoteJudge:
    given: dict[str, Any] = {"timeout_s": 5.0, "concurrency": 4, **options}
    return remote_judge(f"{server.url}#m", environment=environment or {}, **given)


def ask(
    asked: RemoteJudge, question: Question, count: int = 1, within_s: float = 20
) -> list[Reply]:
    return asked.ask([question] * count, until=time.monotonic() + within_s)


def said(text: str, **choice: Any) -> bytes:
    made = {"message": {"content": text}, "finish_reason": "stop", **choice}
    return json.dumps({"choices": [made]}).encode()


def logprobs(**top: float) -> dict[str, Any]:
    entries = [{"token": token, "logprob": value} for token, value in top.items()]
    return {"content": [{"top_logprobs": entries}]}


def test_it_is_asked_where_and_as_what_it_was_named(
    serve: Any, respond: Any, question: Question
) -> None:
    server = serve(respond(said("yes")))

    assert ask(judge(server), question) == [Said("yes", whole=True)]

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1")
    assert b"authorization" not in head.lower()
    assert json.loads(body)["model"] == "m"


def test_probabilities_are_preferred_to_words(serve: Any, respond: Any, question: Question) -> None:
    server = serve(respond(said("no", logprobs=logprobs(no=-0.1, yes=-3.0))))

    (reply,) = ask(judge(server), question)

    assert isinstance(reply, Leaning)
    assert reply.refuse > 0.9


def test_a_server_that_gives_no_probabilities_is_not_asked_for_them_again(
    serve: Any, respond: Any, question: Question
) -> None:
    fine, refusal = respond(said("yes")), respond(b"no logprobs here", "400 Bad Request")

    def script(connection: socket.socket, request: bytes) -> None:
        (refusal if b"logprobs" in request else fine)(connection, request)

    server = serve(script)
    asked = judge(server, concurrency=1)

    assert ask(asked, question, 3) == [Said("yes", whole=True)] * 3
    assert sum(b"logprobs" in request for request in server.requests) == 1


def test_a_completion_that_is_too_long_does_not_cost_the_others_their_probabilities(
    serve: Any, respond: Any, question: Question
) -> None:
    leaning = respond(said("no", logprobs=logprobs(no=-0.1, yes=-3.0)))
    words, refusal = respond(said("no")), respond(b"exceeds the context", "400 Bad Request")

    def script(connection: socket.socket, request: bytes) -> None:
        fitting = leaning if b"logprobs" in request else words
        (refusal if b"long" in request else fitting)(connection, request)

    asked = judge(serve(script), concurrency=1)

    (refused,) = ask(asked, dataclasses.replace(question, user="long"))
    (reply,) = ask(asked, question)

    assert refused == Silence(Reason.JUDGE_SILENT, "the server answered with status 400")
    assert isinstance(reply, Leaning)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (said("yes"), "500 Oh", Reason.JUDGE_SILENT),
        (said("yes"), "201 Created", Reason.JUDGE_SILENT),
        (said("yes"), "401 Unauthorized", Reason.JUDGE_SILENT),
        (said("yes"), "429 Too Many Requests", Reason.JUDGE_SILENT),
        (b"<html>yes</html>", "200 OK", Reason.JUDGE_GARBLED),
        (said("yes")[:-3], "200 OK", Reason.JUDGE_GARBLED),
        (b" " * 300_000 + said("yes"), "200 OK", Reason.JUDGE_SILENT),
        (said("yes", logprobs=logprobs(no=-0.1, yes=-3.0)), "200 OK", Reason.JUDGE_GARBLED),
    ],
)
def test_neither_failure_nor_garbage_is_a_verdict(
    serve: Any, respond: Any, question: Question, body: bytes, status: str, reason: Reason
) -> None:
    (reply,) = ask(judge(serve(respond(body, status))), question)

    assert isinstance(reply, Silence)
    assert reply.reason is reason


def hang(connection: socket.socket, _: bytes) -> None:
    connection.recv(1)


def test_a_hanging_server_costs_its_timeout_and_not_more(serve: Any, question: Question) -> None:
    began = time.monotonic()

    replies = ask(judge(serve(hang), timeout_s=0.3), question, 8)

    assert {reply.reason for reply in replies if isinstance(reply, Silence)} == {
        Reason.JUDGE_SILENT
    }
    assert len(replies) == 8
    assert time.monotonic() - began < 3.0


@pytest.mark.usefixtures("trusted")
def test_a_round_that_ends_amid_many_questions_over_tls_leaves_silences(
    serve: Any, respond: Any, tls: ssl.SSLContext, question: Question
) -> None:
    asked = judge(serve(respond(said("yes")), tls=tls))

    replies = ask(asked, question, 400, within_s=0.25)

    given = [reply.reason if isinstance(reply, Silence) else reply for reply in replies]
    assert len(given) == 400
    assert set(given) <= {Said("yes", whole=True), Reason.JUDGE_SILENT, Reason.JUDGE_UNASKED}


def test_what_the_rounds_time_leaves_out_is_unasked(serve: Any, question: Question) -> None:
    began = time.monotonic()

    replies = ask(judge(serve(hang), timeout_s=9.0, concurrency=1), question, 3, within_s=0.3)

    reasons = [reply.reason for reply in replies if isinstance(reply, Silence)]
    assert reasons == [Reason.JUDGE_SILENT, Reason.JUDGE_UNASKED, Reason.JUDGE_UNASKED]
    assert time.monotonic() - began < 3.0


def test_no_more_are_asked_at_once_than_allowed(serve: Any, question: Question) -> None:
    busy, most = [0], [0]

    def script(connection: socket.socket, _: bytes) -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        time.sleep(0.05)
        busy[0] -= 1
        body = said("yes")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    ask(judge(serve(script), concurrency=2), question, 8)

    assert most[0] == 2


def test_replies_keep_the_order_of_their_questions(serve: Any, question: Question) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        user = json.loads(request.partition(b"\r\n\r\n")[2])["messages"][-1]["content"]
        time.sleep(0.1 if user == "0" else 0.0)
        body = said(user)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    questions = [
        Question(system="", user=str(at), accept="yes", refuse="no", tokens_max=4, in_words=False)
        for at in range(5)
    ]

    replies = judge(serve(script)).ask(questions, until=time.monotonic() + 20)

    assert replies == [Said(str(at), whole=True) for at in range(5)]


def test_the_key_goes_to_the_server_and_nowhere_else(
    serve: Any, respond: Any, question: Question
) -> None:
    server = serve(respond(b"hush-hush", "401 Unauthorized"))
    asked = judge(server, environment={"DRL_JUDGE_KEY": "hush-hush"})

    (reply,) = ask(asked, question)

    assert b"Authorization: Bearer hush-hush" in server.requests[0]
    assert isinstance(reply, Silence)
    assert "hush" not in reply.detail + repr(asked)


def test_a_key_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("hush-hush\n")

    assert key_in({"DRL_JUDGE_KEY_FILE": str(path)}) == "hush-hush"
    assert key_in({"DRL_JUDGE_KEY": "direct", "DRL_JUDGE_KEY_FILE": str(path)}) == "direct"
    assert key_in({}) is None


@pytest.mark.parametrize(
    "content", [b"", b"hush hush", b"hush\r\nX-Evil: 1", b"x" * 5000, b"h\xff"]
)
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)

    with pytest.raises(ConfigFault) as raised:
        key_in({"DRL_JUDGE_KEY_FILE": str(path)})

    assert "hush" not in str(raised.value)


def test_a_key_file_that_is_not_there_is_the_operators_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match="cannot be read"):
        key_in({"DRL_JUDGE_KEY_FILE": str(tmp_path / "absent")})


def test_a_key_is_not_sent_for_everybody_to_read() -> None:
    with pytest.raises(ConfigFault, match="everybody to read"):
        remote_judge(
            "http://judge.example#m",
            environment={"DRL_JUDGE_KEY": "hush"},
            timeout_s=1,
            concurrency=1,
        )
