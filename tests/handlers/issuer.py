"""An OpenID Connect issuer on loopback, that signs what a test wants and remembers what it was asked."""

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
CLIENT = "console-client"


@dataclass
class Issuer:
    """``claims``: of whoever signs in next, over the usual ones; None takes one away. ``key``: what signs them."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = KEY
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def agrees(self, asked: dict[str, str]) -> str:
        """The person signs in: where the browser is sent."""
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """A code is worth a token once, to whoever has the verifier that belongs to its challenge."""
        asked = self.codes.pop(form.get("code", ""), None)
        proof = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if asked is None or proof != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        usual = {"iss": self.url, "aud": CLIENT, "sub": "u-1", "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        usual |= {"email": "ann@example.com", "email_verified": True}
        said = {name: value for name, value in (usual | self.claims).items() if value is not None}
        signer = self.key if self.algorithm != "none" else None
        return 200, {"id_token": jwt.encode(said, signer, self.algorithm, headers={"kid": "k1"})}

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path == "/.well-known/openid-configuration":
            ends = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
            return 200, {"issuer": self.url, **{name: self.url + end for name, end in ends.items()}}
        if path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            return 200, {"keys": [{**public, "kid": "k1", "use": "sig", "alg": "RS256"}]}
        return self.token(form) if path == "/token" else (404, {})


@contextmanager
def serving() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/authorize"):
                self.send_response(303)
                self.send_header("Location", issuer.agrees(dict(parse_qsl(urlsplit(self.path).query))))
                self.end_headers()
                return
            self._send({})

        def do_POST(self) -> None:
            self._send(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))

        def _send(self, form: dict[str, str]) -> None:
            status, body = issuer.answer(self.path, form)
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
