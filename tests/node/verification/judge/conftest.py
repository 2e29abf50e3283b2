"""A backend that says what a test wants, and the embedded judge, loaded once."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from cryptography import x509  # libp2p brings it
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from node.verification.judge import LocalJudge, Question, Reply, Template, builtin_judge, exchange


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass
class Oracle:
    """Answers by a rule, and remembers what it was asked."""

    rule: Callable[[Question], Reply]
    reserved: tuple[str, ...] = ()
    name: str = "oracle"
    template: str = "default"
    asked: list[Question] = field(default_factory=list)

    def ask(self, questions: list[Question], *, until: float) -> list[Reply]:
        self.asked += questions
        return [self.rule(question) for question in questions]


@pytest.fixture
def oracle() -> type[Oracle]:
    return Oracle


@pytest.fixture
def template() -> Callable[..., Template]:
    """Make a template of the least words that are allowed."""

    def make(**fields: Any) -> Template:
        user = "{question}({nonce})\n{completion}\n({nonce})?"
        return Template(**{"name": "test", "system": "", "user": user, **fields})

    return make


@pytest.fixture
def question() -> Question:
    return Question(
        system="Audit.", user="Sound?", accept="yes", refuse="no", tokens_max=4, in_words=False
    )


@pytest.fixture(scope="session")
def builtin() -> LocalJudge:
    return LocalJudge(builtin_judge(), name="builtin", template="tiny")


Script = Callable[[socket.socket, bytes], None]


class HostileServer:
    """A server on loopback that does to each connection what a test says.

    Its script gets the connection and the request, if one was sent. The requests are kept.
    """

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._stopped = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        self._stopped.set()
        self._listener.close()

    def wait(self) -> None:
        """Hang, until the test is over."""
        self._stopped.wait(20)

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._meet, args=(connection,), daemon=True).start()

    def _meet(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), self._secured(connection) as secured:
            request = self._request(secured)
            self.requests.append(request)
            self._script(secured, request)

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    @staticmethod
    def _request(connection: socket.socket) -> bytes:
        connection.settimeout(5)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body


@pytest.fixture
def serve() -> Iterator[Callable[..., HostileServer]]:
    servers: list[HostileServer] = []

    def start(script: Script, *, tls: ssl.SSLContext | None = None) -> HostileServer:
        servers.append(HostileServer(script, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def respond() -> Callable[..., Script]:
    """Make a script that answers every request alike."""

    def make(body: bytes, status: str = "200 OK", *headers: str) -> Script:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        whole = "\r\n".join(head).encode() + b"\r\n\r\n" + body
        return lambda connection, _: connection.sendall(whole)

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a judge")])
    now = dt.datetime.now(dt.UTC)
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(place, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "judge.pem"
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """What a server speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this machine trust the certificate, and nobody else's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    exchange._tls.cache_clear()
    yield
    exchange._tls.cache_clear()
