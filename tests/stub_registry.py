"""A registry on loopback, over TLS, that stands in for public addresses; where a name leads is the test's own."""

import datetime
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from relight.adapters import registry
from relight.adapters.public_registry import HUB, Registry

NAMES = (HUB, "auth.docker.io", "registry.example.com", "cdn.example.com", "evil.example.com")
ASKED = ("docker.io", "registry.example.com", "other.example.org")  # as relight.toml names them
PUBLIC = "93.184.215.14"
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Stub:
    """``answers``: by host and path. ``asked``: host, path and token of each request; ``connected``: the addresses."""

    port: int
    ca: ssl.SSLContext
    answers: dict[tuple[str, str], Answer | Callable[[str | None], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    addresses: dict[str, list[str]] = field(default_factory=dict)

    def on(self, host: str, path: str, answer: Answer | Callable[[str | None], Answer]) -> None:
        self.answers[host, path] = answer

    def connect(self, address: str, host: str) -> urllib3.HTTPSConnectionPool:
        self.connected.append(address)
        return urllib3.HTTPSConnectionPool(
            "127.0.0.1", self.port, assert_hostname=host, server_hostname=host, ssl_context=self.ca
        )

    def asker(self) -> Registry:
        return Registry(resolve=lambda host: self.addresses.get(host, [PUBLIC]), connect=self.connect)

    def look(self, ref: str) -> registry.Found:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "Registry", self.asker)
            return registry.look(ref, ASKED)


def certified(folder: Path) -> Path:
    """Key and certificate for the names, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stub")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "stub.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def serving(certificate: Path) -> Iterator[Stub]:
    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host, token = str(self.headers["Host"]), self.headers.get("Authorization")
            made.asked.append((host, self.path, token))
            answer = made.answers.get((host, self.path), (500, {}, b""))
            status, headers, body = answer(token) if callable(answer) else answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Not on the test's screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made = Stub(port=server.server_port, ca=ssl.create_default_context(cafile=str(certificate)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()
