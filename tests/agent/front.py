"""The AWS of one test process, over HTTP on the loopback, for agents that run as processes of their own.

S3 and DynamoDB are moto's, reached through its own mock; Step Functions' callbacks are recorded; IMDS names the instance.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tests.agent.rig import INSTANCE, REGION

SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/(\w+)/aws4_request")
CALLBACK = {"SendTaskHeartbeat": "heartbeat", "SendTaskSuccess": "succeeded", "SendTaskFailure": "failed"}
NOT_FORWARDED = {"host", "connection", "transfer-encoding", "content-length", "content-encoding", "accept-encoding"}


class Front:
    """``callbacks``: (what, body) in the order they came; ``gone``: tokens that nobody waits for. ``paths``: asked for."""

    def __init__(self) -> None:
        self.callbacks: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[str] = []
        self.gone: set[str] = set()
        self.paths: list[str] = []
        self.held = ""  # requests with this in their path are not answered
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.held = ""
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        return {**keys, "AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self.url}/imds/"}

    def count(self, what: str) -> int:
        return sum(1 for found, _ in self.callbacks if found == what)

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        if request.path.startswith("/imds/"):
            return 200, {}, (INSTANCE if request.path.endswith("instance-id") else "session").encode()
        self.paths.append(request.path)
        while self.held and self.held in request.path:
            time.sleep(0.05)
        found = SERVICE.search(request.headers["Authorization"])
        service = found[1] if found else ""
        self.calls.append(service)
        return self._callback(request, body) if service == "states" else self._moto(service, request, body)

    def _callback(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        said = json.loads(body)
        if said["taskToken"] in self.gone:
            return 400, {}, json.dumps({"__type": "TaskTimedOut", "message": "it timed out"}).encode()
        self.callbacks.append((CALLBACK[request.headers["X-Amz-Target"].split(".")[1]], said))
        return 200, {}, b"{}"

    def _moto(self, service: str, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in NOT_FORWARDED}
        url = f"https://{service}.{REGION}.amazonaws.com{request.path}"
        answer = requests.request(request.command, url, headers=headers, data=body, timeout=30, stream=True)
        return answer.status_code, answer.headers, b"" if request.command == "HEAD" else answer.content


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, headers, content = front.answer(self, body)
            self.send_response(status)
            head = self.command == "HEAD"
            for key, value in headers.items():
                if key.lower() not in NOT_FORWARDED:
                    self.send_header(key, value)
            self.send_header("Content-Length", headers.get("Content-Length", "0") if head else str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET: Callable[["Handler"], None] = serve
        do_PUT = do_POST = do_HEAD = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
