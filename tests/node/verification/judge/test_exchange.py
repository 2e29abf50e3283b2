"""A request has a deadline that holds, and no server can make it do anything else."""

import contextlib
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.faults import ConfigFault
from node.verification.judge import exchange
from node.verification.judge.exchange import (
    ANSWER_BYTES_MAX,
    Address,
    MalformedError,
    UnansweredError,
    _answer,
    address_of,
    post,
)


def posted(url: str, timeout_s: float = 5.0) -> tuple[int, bytes]:
    return post(address_of(url), b"{}", headers={}, timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://h:8000", "/v1/chat/completions"),
        ("http://h:8000/", "/v1/chat/completions"),
        ("http://h:8000/v1", "/v1/chat/completions"),
        ("http://h:8000/v1/", "/v1/chat/completions"),
        ("http://h:8000/api/v1/chat/completions", "/api/v1/chat/completions"),
    ],
)
def test_the_path_may_be_given_in_part(url: str, path: str) -> None:
    assert address_of(url) == Address(host="h", port=8000, path=path, tls=False)


def test_the_port_follows_from_the_scheme() -> None:
    assert address_of("http://h").port == 80
    assert address_of("https://h").port == 443


def test_only_tls_and_this_machine_are_private() -> None:
    assert address_of("https://h").is_private
    assert address_of("http://127.0.0.1:1").is_private
    assert address_of("http://[::1]:1").is_private
    assert not address_of("http://h").is_private


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:8000",
        "ftp://h",
        "http://",
        "http://h:99999",
        "http://h:x",
        "http://h?a=b",
        "file:///x",
    ],
)
def test_what_is_no_url_of_a_server_is_the_operators_fault(url: str) -> None:
    with pytest.raises(ConfigFault, match="is no http or https URL"):
        address_of(url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigFault) as raised:
        address_of("http://me:hush@h")

    assert "hush" not in str(raised.value)


def test_an_answer_is_given_with_its_status(serve: Any, respond: Any) -> None:
    assert posted(serve(respond(b"{}")).url) == (200, b"{}")
    assert posted(serve(respond(b"oh", "500 Oh")).url) == (500, b"oh")


def test_a_redirect_is_not_followed(serve: Any, respond: Any) -> None:
    target = serve(respond(b"target"))
    redirect = serve(respond(b"", "302 Found", f"Location: {target.url}/v1/chat/completions"))

    status, _ = posted(redirect.url)

    assert status == 302
    assert target.requests == []


def hang(connection: socket.socket, _: bytes) -> None:
    connection.recv(1)


def drip_head(connection: socket.socket, _: bytes) -> None:
    for sign in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + b"X: y\r\n" * 99:
        connection.sendall(bytes([sign]))
        time.sleep(0.05)


def drip_body(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(400):
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize("script", [hang, drip_head, drip_body])
def test_the_deadline_holds_however_slowly_a_server_answers(serve: Any, script: Any) -> None:
    began = time.monotonic()

    with pytest.raises(UnansweredError, match="no answer in time"):
        posted(serve(script).url, timeout_s=0.4)

    assert time.monotonic() - began < 2.0


def test_the_deadline_holds_in_a_handshake_too(serve: Any) -> None:
    """A server that greets nobody: the request never gets as far as being sent."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    began = time.monotonic()

    with pytest.raises(UnansweredError):
        posted(url, timeout_s=0.4)

    listener.close()
    assert time.monotonic() - began < 2.0


@pytest.mark.usefixtures("trusted")
def test_an_answer_comes_over_tls_too(serve: Any, respond: Any, tls: ssl.SSLContext) -> None:
    assert posted(serve(respond(b"{}"), tls=tls).url) == (200, b"{}")


def test_whom_nobody_vouches_for_is_sent_nothing(
    serve: Any, respond: Any, tls: ssl.SSLContext
) -> None:
    server = serve(respond(b"{}"), tls=tls)

    with pytest.raises(UnansweredError, match="SSLCertVerificationError"):
        posted(server.url)

    assert server.requests == []


@pytest.mark.usefixtures("trusted")
def test_a_deadline_just_before_the_handshake_is_no_answer(
    serve: Any, respond: Any, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that gets its turn too late must find a connection that is cut, and not half one."""
    handshake = ssl.SSLSocket.do_handshake

    def late(connection: ssl.SSLSocket) -> None:
        time.sleep(0.3)
        handshake(connection)

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", late)
    server = serve(respond(b"{}"), tls=tls)

    with pytest.raises(UnansweredError, match="no answer in time"):
        posted(server.url, timeout_s=0.1)


@pytest.mark.usefixtures("trusted")
def test_a_cut_connection_is_never_used_unencrypted(
    serve: Any, respond: Any, tls: ssl.SSLContext
) -> None:
    """A request that is written just then holds a key."""
    server = serve(respond(b"{}"), tls=tls)

    with exchange._connected(address_of(server.url), time.monotonic() + 5) as connected:
        exchange._cut(connected)

        assert isinstance(connected, ssl.SSLSocket)
        assert connected.version() is not None
        with pytest.raises(OSError, match=r"EOF|[Bb]roken"):
            connected.sendall(b"key")


def test_who_would_have_cut_is_gone_with_the_answer(serve: Any, respond: Any) -> None:
    """Its number may belong to another connection by then."""
    posted(serve(respond(b"{}")).url)

    assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer)]


def test_a_huge_body_is_not_read_to_its_end(serve: Any) -> None:
    sent = []

    def flood(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"x" * 100_000)
            sent.append(100_000)

    with pytest.raises(UnansweredError, match="more than"):
        posted(serve(flood).url)

    assert sum(sent) < 100 * ANSWER_BYTES_MAX


def test_a_part_without_end_is_not_read_at_all(serve: Any) -> None:
    """`http.client` reads a size of -1 as it reads a file: all of it, into memory."""
    sent = []

    def flood(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n")
        for _ in range(1000):
            connection.sendall(b"x" * 100_000)
            sent.append(100_000)

    with pytest.raises(UnansweredError, match="is no number"):
        posted(serve(flood).url)

    assert sum(sent) < 100 * ANSWER_BYTES_MAX


@pytest.mark.parametrize(
    "value",
    [
        b"multipart/x; boundary*=a; boundary*0*=b",  # a TypeError of the standard library
        b'multipart/x; a="' + b";" * 60_000,  # seconds of its time, and hours on a hundred lines
    ],
    ids=["type-error", "slow"],
)
def test_a_header_is_not_read_as_mail(value: bytes) -> None:
    began = time.process_time()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: " + value + b"\r\n\r\n"

    assert _answer(io.BytesIO(head + b"{}")) == (200, b"{}")
    assert time.process_time() - began < 0.5


def chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n" + body


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (chunked(b"2\r\n{}\r\n0\r\n\r\n"), b"{}"),
        (chunked(b"1;x=y\r\n{\r\n01 \r\n}\r\n0\r\nTrailer: 1\r\n\r\n"), b"{}"),
        (chunked(b"1\r\nx\r\n" * 9 + b"0\r\n"), b"x" * 9),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}", b"{}"),
        (b"HTTP/1.0 200\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200 OK\nContent-Length:2\nCONTENT-LENGTH: 2\n\n{}{}", b"{}"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n{}", b""),
    ],
)
def test_an_answer_ends_where_it_says(sent: bytes, answer: bytes) -> None:
    assert _answer(io.BytesIO(sent)) == (200, answer)


@pytest.mark.parametrize(
    "sent",
    [
        chunked(b""),
        chunked(b"2\r\n{}"),
        chunked(b"2\r\n{}\r\n"),
        chunked(b"1\r\n{}\r\n0\r\n\r\n"),
        chunked(b"-1\r\n{}\r\n0\r\n\r\n"),
        chunked(b"+2\r\n{}\r\n0\r\n\r\n"),
        chunked(b"0x2\r\n{}\r\n0\r\n\r\n"),
        chunked(b"2" * 100_000 + b"\r\n{}\r\n"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2_0\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        b"HTTP/1.1 099 Oh\r\n\r\n{}",
        b"HTTP/2 200 OK\r\n\r\n{}",
    ],
)
def test_an_answer_of_which_nobody_knows_where_it_ends_is_none(sent: bytes) -> None:
    with pytest.raises(MalformedError):
        _answer(io.BytesIO(sent))


PIECES = [
    *(
        b"HTTP/1.1 ",
        b"200",
        b" OK",
        b"\r\n",
        b"\n",
        b"Content-Length:",
        b"2",
        b"-1",
        b"{}",
        b"9" * 99,
    ),
    *(b"Transfer-Encoding:", b"chunked", b"\r\n\r\n", b"0\r\n", b";", b"\xff", b"\x00", b":", b"a"),
]


@settings(max_examples=300, deadline=None)
@given(sent=st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join), headed=st.booleans())
def test_no_bytes_are_more_than_malformed(*, sent: bytes, headed: bool) -> None:
    with contextlib.suppress(MalformedError):
        _answer(io.BytesIO(b"HTTP/1.1 200 OK\r\n" * headed + sent))


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0" * 100,
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
    ],
)
def test_what_is_no_http_is_no_answer(serve: Any, garbage: bytes) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(garbage)

    with pytest.raises(UnansweredError):
        posted(serve(script).url)


def test_a_server_that_is_not_there_is_no_answer(
    serve: Callable[..., Any], respond: Callable[..., Any]
) -> None:
    server = serve(respond(b""))
    server.stop()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()

    with pytest.raises(UnansweredError, match="ConnectionRefusedError"):
        posted(f"http://127.0.0.1:{port}")
