"""A request has a deadline that holds, and no server can make it do anything else."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from node.faults import ConfigFault
from node.verification.judge.exchange import (
    ANSWER_BYTES_MAX,
    Address,
    UnansweredError,
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


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0" * 100,
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
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
