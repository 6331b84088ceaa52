"""The primary's front door: what a load balancer is on AWS. It outlives the cluster behind it, and then answers 503."""

import ssl
import threading
import urllib.error
import urllib.request
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

SECONDS = 3


class FrontDoor:
    """Serves one service of a cluster on a loopback port of its own, through the cluster's API server."""

    def __init__(self, kubeconfig: Path, namespace: str, service: str) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        behind = config["clusters"][0]["cluster"]
        self._url = f"{behind['server']}/api/v1/namespaces/{namespace}/services/{service}/proxy"
        self._headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
        self._trust = ssl.create_default_context(cadata=b64decode(behind["certificate-authority-data"]).decode())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True, name="front-door").start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _fetch(self, path: str) -> tuple[int, bytes]:
        request = urllib.request.Request(self._url + path, headers=self._headers)  # noqa: S310 - the cluster's own address
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=self._trust) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 503, b"the cluster behind this front door does not answer\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fetch = self._fetch

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = fetch(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
