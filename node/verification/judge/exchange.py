"""One HTTP request with a deadline that holds, whatever the other side does.

A timeout of a socket bounds each of its reads and not their sum, so a server that sends a byte
now and then would hold a thread for ever. Here the connection is cut at the deadline. Redirects
are not followed, proxies not asked, and answers bounded in size.

`http.client` writes the request, but does not read the answer: it parses a header by the rules
of electronic mail, where one line can raise a TypeError and a hundred take hours, and it reads
a chunk of size -1 to no end.
"""

import contextlib
import functools
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from node.faults import ConfigFault

ANSWER_BYTES_MAX = 256 * 1024
"""A verdict with its twenty likeliest tokens takes 4 KiB."""
HEAD_BYTES_MAX = 64 * 1024
"""Of the status and the header together; servers send less than 2 KiB."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: .*)?", re.DOTALL)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
"""The fields that say where an answer ends; no other is of use here."""
_INTERIM = range(100, 200)
_HEADS_MAX = 8
_PATH = "/chat/completions"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is asked."""

    host: str
    port: int
    path: str
    tls: bool

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read along."""
        return self.tls or self.host in _LOOPBACK


class UnansweredError(Exception):
    """A server could not be reached, or gave no whole answer in time."""


def address_of(url: str) -> Address:
    """Return the address of an OpenAI-compatible server.

    Args:
        url: `http://HOST[:PORT]`, or `https://`; with the path that ends in `/v1`, or without.

    Raises:
        ConfigFault: It is no such URL, or holds a password.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.username or parts.password:
        raise ConfigFault(
            "the judge's URL holds a password",
            fix="take it out, and give the key in DRL_JUDGE_KEY or DRL_JUDGE_KEY_FILE",
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or parts.query:
        raise ConfigFault(
            f"the judge's address {url!r} is no http or https URL",
            fix="write it as in openai:http://127.0.0.1:8000/v1#MODEL",
        )
    path = parts.path.rstrip("/").removesuffix(_PATH) or "/v1"
    tls = parts.scheme == "https"
    return Address(
        host=parts.hostname, port=port or (443 if tls else 80), path=path + _PATH, tls=tls
    )


class MalformedError(Exception):
    """What was received is no whole HTTP answer."""


def post(
    address: Address, body: bytes, *, headers: Mapping[str, str], timeout_s: float
) -> tuple[int, bytes]:
    """Return the status and the body of a server's answer.

    Outside the deadline is what comes before a connection: the system bounds the look-up of the
    host's name, and each of its addresses may be tried for as long as there is time.

    Raises:
        UnansweredError: There was none in time, or it is too large.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with _connected(address, deadline) as connected:
            connection = http.client.HTTPConnection(address.host, address.port)
            connection.sock = connected
            connection.request("POST", address.path, body, dict(headers))
            with connected.makefile("rb") as source:
                status, content = _answer(source)
    except (OSError, http.client.HTTPException, ValueError, MalformedError) as error:
        late = time.monotonic() >= deadline
        raise UnansweredError("no answer in time" if late else _told(error)) from error
    if time.monotonic() >= deadline:
        # Cut off at the deadline, an answer without a stated length would look whole.
        raise UnansweredError("no answer in time")
    if len(content) > ANSWER_BYTES_MAX:
        raise UnansweredError(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    return status, content


@contextlib.contextmanager
def _connected(address: Address, deadline: float) -> Iterator[socket.socket]:
    """Give a connection that is cut at a deadline, even in the middle of a handshake."""
    tls = _tls() if address.tls else None
    left = max(0.001, deadline - time.monotonic())
    connected = socket.create_connection((address.host, address.port), left)
    try:
        if tls is not None:
            connected = tls.wrap_socket(
                connected, server_hostname=address.host, do_handshake_on_connect=False
            )
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [connected])
        timer.daemon = True
        timer.start()
        try:
            if isinstance(connected, ssl.SSLSocket):
                connected.do_handshake()
            yield connected
        finally:
            timer.cancel()
            # Were it still about to cut, it could meet another connection of the same number.
            timer.join()
    finally:
        connected.close()


@functools.cache
def _tls() -> ssl.SSLContext:
    """Read the system's certificates; once, since that takes longer than many an answer."""
    return ssl.create_default_context()


def _cut(connected: socket.socket) -> None:
    """End a connection under whoever uses it, who then meets an OSError.

    The method of the plain socket is meant: that of an SSLSocket first makes a plain socket of
    it, whose handshake is an AttributeError, and to which a request would be written unencrypted.
    """
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _answer(source: BinaryIO) -> tuple[int, bytes]:
    """Read the status and the body; of a body that is too large, a byte more than is allowed."""
    for _ in range(_HEADS_MAX):
        status, fields = _head(source)
        if status not in _INTERIM:
            return status, _body(source, fields)
    raise MalformedError("the answer is announced and does not come")


def _head(source: BinaryIO) -> tuple[int, dict[bytes, bytes]]:
    """Read the status, and the fields that say where the body ends."""
    lines = _lines(source)
    found = _STATUS.fullmatch(next(lines, b""))
    if not found:
        raise MalformedError("the answer is not HTTP")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.lower().partition(b":")
        if name in _FRAMING and fields.setdefault(name, value.strip()) != value.strip():
            raise MalformedError("the answer contradicts itself about where it ends")
    return int(found[1]), fields


def _body(source: BinaryIO, fields: Mapping[bytes, bytes]) -> bytes:
    encoding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if encoding is not None:
        if encoding != b"chunked":
            raise MalformedError("the answer's encoding is unknown")
        return _unchunked(source)
    if length is None:
        return source.read(ANSWER_BYTES_MAX + 1)
    if not _LENGTH.fullmatch(length):
        raise MalformedError("the answer's length is no number")
    return _exactly(source, min(int(length), ANSWER_BYTES_MAX + 1))


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a head, up to the empty one at its end."""
    left = HEAD_BYTES_MAX
    while line := source.readline(left):
        left -= len(line)
        if line in {b"\r\n", b"\n"}:
            return
        yield line.rstrip(b"\r\n")
    raise MalformedError("the answer's header is cut off or too long")


def _unchunked(source: BinaryIO) -> bytes:
    content = bytearray()
    while len(content) <= ANSWER_BYTES_MAX:
        found = _CHUNK.fullmatch(source.readline(HEAD_BYTES_MAX))
        if not found:
            raise MalformedError("the size of a part is no number")
        size = int(found[1], 16)
        if not size:
            break
        content += _exactly(source, min(size, ANSWER_BYTES_MAX + 1))
        if len(content) <= ANSWER_BYTES_MAX and _exactly(source, 2) != b"\r\n":
            raise MalformedError("a part is longer than its size")
    return bytes(content)


def _exactly(source: BinaryIO, count: int) -> bytes:
    content = source.read(count)
    if len(content) < count:
        raise MalformedError("the answer is cut off")
    return content


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:100]!a}"
