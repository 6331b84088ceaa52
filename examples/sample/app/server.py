"""Serves the ledger in /data: ``/healthz`` says whether its state is there, ``/`` shows balances by account."""

import json
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = Path(os.environ.get("DATA_DIR", "/data"))


def read(query: str) -> list[tuple]:
    with sqlite3.connect(f"file:{DATA / 'ledger.db'}?mode=ro", uri=True) as ledger:
        return ledger.execute(query).fetchall()


def healthz() -> dict:
    return {"ok": True, "entries": read("SELECT COUNT(*) FROM entries")[0][0]}


def balances() -> dict:
    return dict(read("SELECT account, SUM(cents) FROM entries GROUP BY account ORDER BY account"))


ROUTES = {"/healthz": healthz, "/": balances}


class Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        route = ROUTES.get(self.path)
        try:
            status, answer = (200, route()) if route else (404, {"error": "not found"})
        except sqlite3.Error as error:
            status, answer = 503, {"ok": False, "error": str(error)}
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        if self.path != "/healthz":
            super().log_message(format, *args)


if __name__ == "__main__":
    address = (os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8080")))  # noqa: S104 - a pod's own address
    print(f"ledger: serving {DATA} on {address[0]}:{address[1]}", flush=True)
    ThreadingHTTPServer(address, Handler).serve_forever()
