"""A console API that says what a test wants, on loopback, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]


class Stub:
    """``answers``: by ``METHOD path``, the answers to give in turn; the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, Any, dict[str, str]]] = []
        self.url = ""

    def on(self, request: str, *answers: Any) -> None:
        self.answers[request] = [answer if isinstance(answer, tuple) else (200, answer) for answer in answers]

    def refuse(self, request: str, status: int, name: str, message: str) -> None:
        self.on(request, (status, {"error": name, "code": "R2xx", "message": message}))

    def take(self, request: str) -> Answer:
        waiting = self.answers.get(request) or [(404, {"message": "Not Found"})]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    @property
    def changes(self) -> list[tuple[str, Any]]:
        """What was asked beyond reading."""
        return [(request, body) for request, body, _ in self.asked if not request.startswith("GET")]


@contextmanager
def serving() -> Iterator[Stub]:
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = f"{self.command} {self.path}"
            stub.asked.append((request, json.loads(body) if body else None, dict(self.headers)))
            status, content = stub.take(request)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
