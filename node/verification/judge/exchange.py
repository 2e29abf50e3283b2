"""One HTTP request with a deadline that holds, whatever the other side does.

A timeout of a socket bounds each of its reads and not their sum, so a server that sends a byte
now and then would hold a thread for ever. Here the connection is cut at the deadline. Redirects
are not followed, proxies not asked, and answers bounded in size.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from node.faults import ConfigFault

ANSWER_BYTES_MAX = 256 * 1024
"""A verdict with its twenty likeliest tokens takes 4 KiB."""
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


def post(
    address: Address, body: bytes, *, headers: Mapping[str, str], timeout_s: float
) -> tuple[int, bytes]:
    """Return the status and the body of a server's answer.

    Only the look-up of the host's name is outside the deadline: the system bounds it.

    Raises:
        UnansweredError: There was none in time, or it is too large.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with _connected(address, deadline) as connection:
            connection.request("POST", address.path, body, dict(headers))
            response = connection.getresponse()
            content = response.read(ANSWER_BYTES_MAX + 1)
            if response.length and len(content) <= ANSWER_BYTES_MAX:
                raise http.client.IncompleteRead(content, response.length)
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = time.monotonic() >= deadline
        raise UnansweredError("no answer in time" if late else _told(error)) from error
    if time.monotonic() >= deadline:
        # Cut off at the deadline, an answer without a stated length would look whole.
        raise UnansweredError("no answer in time")
    if len(content) > ANSWER_BYTES_MAX:
        raise UnansweredError(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    return response.status, content


@contextlib.contextmanager
def _connected(address: Address, deadline: float) -> Iterator[http.client.HTTPConnection]:
    """Give a connection that is cut at a deadline, even in the middle of a handshake."""
    left = max(0.001, deadline - time.monotonic())
    plain = socket.create_connection((address.host, address.port), left)
    connected: socket.socket = plain
    try:
        if address.tls:
            connected = ssl.create_default_context().wrap_socket(
                plain, server_hostname=address.host, do_handshake_on_connect=False
            )
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [connected])
        timer.daemon = True
        timer.start()
        try:
            if isinstance(connected, ssl.SSLSocket):
                connected.do_handshake()
            connection = http.client.HTTPConnection(address.host, address.port)
            connection.sock = connected
            yield connection
        finally:
            timer.cancel()
    finally:
        connected.close()


def _cut(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:100]!a}"
