"""A small Kubernetes API over HTTP: it keeps what it was asked, and answers as a test tells it to."""

import json
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps"
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"k": "v"}}
CORE = [
    {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["get", "list"]},
    {"name": "namespaces", "kind": "Namespace", "namespaced": False, "verbs": ["get", "list"]},
    {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get", "list"]},
    {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
    {"name": "services", "kind": "Service", "namespaced": True, "verbs": ["get", "list"]},
    {"name": "bindings", "kind": "Binding", "namespaced": True, "verbs": ["create"]},
]
GROUPS = [{"name": "apps", "preferredVersion": {"groupVersion": "apps/v1"}}]
APPS = [{"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["list"]}]


class Api(ThreadingHTTPServer):
    """``answers``: path -> (status, body), asked for before the defaults; ``asked``: every request as it came."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.opened = 0
        self.asked: list[tuple[str, str, dict[str, list[str]], str, Any]] = []
        self.answers: dict[str, tuple[int, Any]] = {
            "/api/v1": (200, {"resources": CORE}),
            "/apis": (200, {"groups": GROUPS}),
            "/apis/apps/v1": (200, {"resources": APPS}),
            "/version": (200, {"gitVersion": "v1.34.1+emulated"}),
            "/readyz": (200, "ok"),
        }

    def process_request(self, request: Any, client_address: Any) -> None:
        self.opened += 1
        super().process_request(request, client_address)


class Answering(BaseHTTPRequestHandler):
    server: Api
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = json.loads(body) if body else None
        self.server.asked.append(
            (self.command, parts.path, parse_qs(parts.query), self.headers.get("Content-Type", ""), sent)
        )
        status, said = self.server.answers.get(parts.path, (404, {"message": "not found"}))
        said = said(parse_qs(parts.query)) if callable(said) else said
        data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        with suppress(ConnectionError):  # who asked may have given up
            self.send_response(status)
            if status == 302:
                self.send_header("Location", str(said))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        pass


def kubeconfig(directory: Path, port: int) -> Path:
    path = directory / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {"token": "t0ken-of-the-runner"}}]
    path.write_text(yaml.safe_dump({"clusters": [cluster], "contexts": [context], "users": users, "current-context": "c"}))
    return path
