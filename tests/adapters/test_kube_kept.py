"""Connections to the runner's own cluster are kept, used again, and opened anew where the cluster dropped them."""

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from relight.adapters import kube_kept
from relight.adapters.kube_kept import Connections, NothingAnswers


class Speaker(ThreadingHTTPServer):
    """Answers ``/sized`` with ten bytes, ``/endless`` with parts that go on; drops a connection at rest when told to."""

    daemon_threads = True
    came = 0

    def get_request(self) -> tuple[socket.socket, object]:
        self.came += 1
        self.last, address = super().get_request()
        return self.last, address


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/sized":
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"0123456789")
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\none\n\r\n")


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    server = Speaker(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def connections(speaker: Speaker) -> Connections:
    return Connections(lambda: HTTPConnection("127.0.0.1", speaker.server_port), 2)


def ask(connections: Connections, url: str = "/sized") -> kube_kept.Answer:
    return connections.send("GET", url, None, {}, 5)


def test_an_answer_read_whole_gives_its_connection_to_the_next_request(speaker: Speaker, connections: Connections) -> None:
    assert [ask(connections).data for _ in range(3)] == [b"0123456789"] * 3
    assert speaker.came == 1


def test_an_answer_read_in_part_leaves_nothing_to_the_next_request(speaker: Speaker, connections: Connections) -> None:
    for read in (3, 3):
        answer = ask(connections)
        assert answer.read(read) == b"012"
        answer.close()
    assert speaker.came == 2


def test_a_connection_that_was_dropped_at_rest_is_opened_anew(
    speaker: Speaker, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_kept, "FRESH", 0.0)
    assert ask(connections).data
    speaker.last.shutdown(socket.SHUT_RDWR)
    assert ask(connections).data == b"0123456789"
    assert speaker.came == 2


def test_a_watch_is_heard_as_it_comes(connections: Connections) -> None:
    answer = ask(connections, "/endless")
    assert next(answer.stream(amt=None, decode_content=False)) == b"one\n"
    answer.close()


def test_where_nothing_answers_that_is_told_from_a_broken_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NothingAnswers):
        ask(Connections(lambda: HTTPConnection("127.0.0.1", port), 2))
