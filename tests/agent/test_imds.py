"""The instance learns who it is by session token only, and says plainly when there is nobody to ask."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from relight.adapters import imds
from relight.errors import ObjectNotFound, ServiceUnavailable

FACTS = {
    "/latest/meta-data/instance-id": "i-0123456789abcdef0",
    "/latest/meta-data/tags/instance": "relight:run\nrelight:app",
    "/latest/meta-data/tags/instance/relight:run": "run-1",
    "/latest/meta-data/tags/instance/relight:app": "ledger",
}


class Metadata(BaseHTTPRequestHandler):
    facts = FACTS

    def do_PUT(self) -> None:
        self._say(200, "session")

    def do_GET(self) -> None:
        trusted = self.headers["x-aws-ec2-metadata-token"] == "session"
        self._say(*((401, "") if not trusted else (200, self.facts[self.path]) if self.path in self.facts else (404, "")))

    def _say(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Metadata]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    yield Metadata
    server.shutdown()
    server.server_close()


def test_an_instance_knows_its_id_and_tags(metadata: type[Metadata]) -> None:
    assert imds.instance_id() == "i-0123456789abcdef0"
    assert imds.tags() == {"relight:run": "run-1", "relight:app": "ledger"}


def test_tags_that_are_not_exposed_are_an_error_that_names_the_launch_template(
    metadata: type[Metadata], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "facts", {})
    with pytest.raises(ObjectNotFound, match="launch template"):
        imds.tags()


def test_off_an_instance_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9/")
    monkeypatch.setattr(imds, "RETRIES", False)
    with pytest.raises(ServiceUnavailable, match="no EC2 instance"):
        imds.instance_id()
