"""S3 over HTTP on loopback, below one folder, each connection with a limit on what it carries, for ours and peers.

``python -m benchmarks.server ROOT MEGABYTES_A_SECOND`` prints its port and serves until its input ends.
"""

import os
import sys
import threading
import time
import uuid
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

PIECE = 2**18


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    root = Path()
    rate = 0.0  # bytes a second and connection

    def handle(self) -> None:
        with suppress(ConnectionError):  # who has enough of an answer hangs up
            super().handle()

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        path = self._path()
        if path.is_file():
            self._headers(200, path.stat().st_size, self._about(path))
        else:
            self._headers(404, 0, {})

    def do_GET(self) -> None:
        path = self._path()
        if not path.is_file():
            return self._headers(404, 0, {})
        size = path.stat().st_size
        first, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
        start, end = int(first), min(int(last or size), size - 1) + 1
        whole = "Range" not in self.headers
        place = {} if whole else {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
        self._headers(200 if whole else 206, end - start, self._about(path) | place)
        with path.open("rb") as file:
            return self._send(file, start, end - start)

    def do_PUT(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        part = f".{query['uploadId'][0]}.{int(query['partNumber'][0]):05d}" if "uploadId" in query else ""
        path = self._path(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        left, began, taken = int(self.headers["Content-Length"]), time.monotonic(), 0
        with path.open("wb") as file:
            while left:
                piece = self.rfile.read(min(PIECE, left))
                left, taken = left - len(piece), taken + len(piece)
                file.write(piece)
                self._pace(began, taken)
        self._headers(200, 0, {"ETag": f'"{taken}"'})

    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "uploads" in query:
            return self._xml(
                f"<InitiateMultipartUploadResult><UploadId>{uuid.uuid4().hex}</UploadId></InitiateMultipartUploadResult>"
            )
        path = self._path()
        with path.open("wb") as whole:
            for part in sorted(path.parent.glob(f"{path.name}.{query['uploadId'][0]}.*")):
                with part.open("rb") as file:
                    copyfileobj(file, whole, PIECE)
                part.unlink()
        return self._xml('<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>')

    def do_DELETE(self) -> None:
        self._headers(204, 0, {})

    def _path(self, behind: str = "") -> Path:
        return self.root / (unquote(urlsplit(self.path).path).strip("/") + behind)

    def _about(self, path: Path) -> dict[str, str]:
        return {"ETag": f'"{path.stat().st_size}"', "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}

    def _headers(self, status: int, length: int, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(length)} | more).items():
            self.send_header(name, value)
        self.end_headers()

    def _xml(self, text: str) -> None:
        self._headers(200, len(text), {"Content-Type": "application/xml"})
        self.wfile.write(text.encode())

    def _send(self, file: BinaryIO, start: int, length: int) -> None:
        self.wfile.flush()
        began, sent = time.monotonic(), 0
        while sent < length:
            sent += os.sendfile(self.connection.fileno(), file.fileno(), start + sent, min(PIECE, length - sent))
            self._pace(began, sent)

    def _pace(self, began: float, carried: int) -> None:
        """Waits until this connection may have carried that much."""
        if self.rate and (early := began + carried / self.rate - time.monotonic()) > 0:
            time.sleep(early)


def main() -> None:
    Handler.root, Handler.rate = Path(sys.argv[1]), float(sys.argv[2]) * 1e6
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
