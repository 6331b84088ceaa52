"""The line from an instance to S3: every connection carries so much a second and no more, as S3's own do."""

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit

PIECE = 2**16


class Link:
    """Listens on loopback and passes on to ``endpoint``; what comes back is limited to ``megabytes`` a second."""

    def __init__(self, endpoint: str, megabytes: float) -> None:
        there = urlsplit(endpoint)
        self._there, self._rate = (there.hostname or "127.0.0.1", there.port or 80), megabytes * 1e6
        self._server = socket.create_server(("127.0.0.1", 0))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def start(self) -> None:
        threading.Thread(target=self._serve, daemon=True, name="link").start()

    def _serve(self) -> None:
        while True:
            near, _ = self._server.accept()
            far = socket.create_connection(self._there)
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink, rate in ((near, far, 0.0), (far, near, self._rate)):
                threading.Thread(target=_carry, args=(source, sink, rate), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, rate: float) -> None:
    free = 0.0  # when the line is free for the next piece
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            if rate:
                time.sleep(max(0.0, free - time.monotonic()))
                free = max(free, time.monotonic()) + len(piece) / rate
            sink.sendall(piece)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
