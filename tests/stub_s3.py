"""S3's reading half over HTTP on loopback, with faults on demand: what moto, which never sends a byte, cannot show."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from botocore.config import Config

from relight.adapters.s3 import S3

ETAG = '"first"'


class Faults:
    """What the next answers do: each fault is used up by one GET. ``objects`` by ``/bucket/key``."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.coming: list[str] = []
        self.etag = ETAG
        self.asked: list[tuple[str, str]] = []
        self.stalls = threading.Event()

    def next(self) -> str:
        return self.coming.pop(0) if self.coming else ""


class Handler(BaseHTTPRequestHandler):
    faults: Faults
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self._answer(200, self.faults.objects[self.path], b"")

    def do_GET(self) -> None:
        data, given = self.faults.objects[self.path], self.headers.get("Range", "bytes=0-")
        self.faults.asked.append((self.path, given))
        start, end = given.removeprefix("bytes=").split("-")
        part = data[int(start) : int(end or len(data)) + 1]
        fault = self.faults.next()
        if fault == "replaced":
            self.faults.etag = '"another"'
        if self.headers.get("If-Match", self.faults.etag) != self.faults.etag:
            self._error(412, "PreconditionFailed")
        elif fault == "slow down":
            self._error(503, "SlowDown")
        elif fault == "whole":
            self._answer(200, data, data)
        else:
            self._part(part, int(start), len(data), fault)

    def _part(self, part: bytes, start: int, size: int, fault: str) -> None:
        part = part[: len(part) // 2] if fault == "short" else part
        sent = part[: len(part) // 2] if fault in ("breaks off", "stalls") else part
        self._answer(206, part, sent, f"bytes {start}-{start + len(part) - 1}/{size}")
        if fault == "stalls":
            self.faults.stalls.wait(20)
        self.close_connection = sent is not part

    def _error(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>as asked</Message></Error>".encode()
        self._answer(status, body, body)

    def _answer(self, status: int, whole: bytes, sent: bytes, place: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(whole)))
        self.send_header("ETag", self.faults.etag)
        self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
        if place:
            self.send_header("Content-Range", place)
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None: ...  # a client that hangs up is what some tests are about


@contextmanager
def serving(faults: Faults) -> Iterator[S3]:
    """A store whose reads are answered here; a read stalls for half a second at most."""
    server = Server(("127.0.0.1", 0), type("Faulty", (Handler,), {"faults": faults}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    config = Config(
        read_timeout=0.5,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path"},
        max_pool_connections=30,
    )
    try:
        yield S3(
            boto3.client(
                "s3",
                config=config,
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )
        )
    finally:
        faults.stalls.set()
        server.shutdown()
        server.server_close()
