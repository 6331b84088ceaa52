"""The metadata service of one instance, version 2 only: nothing is answered without a session token."""

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.local.instances.machine import Orders

LONGEST = 21_600  # seconds a token may live, as on EC2
CREDENTIALS_LAST = 21_600
TOKEN, TTL = "x-aws-ec2-metadata-token", "x-aws-ec2-metadata-token-ttl-seconds"


class MetadataService:
    """Serves an instance's facts on a loopback port of its own."""

    def __init__(self, orders: "Orders") -> None:
        self._orders = orders
        self._tokens: dict[str, float] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True, name="imds").start()

    def issue(self, seconds: str | None) -> str | None:
        """A session token, or None when the wanted life is not 1 to 21600 seconds."""
        if seconds is None or not seconds.isdigit() or not 1 <= int(seconds) <= LONGEST:
            return None
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(seconds)
        return token

    def admits(self, token: str | None) -> bool:
        return token is not None and self._tokens.get(token, 0.0) > time.monotonic()

    def answer(self, path: str) -> str | None:
        """The text at ``path`` (without /latest), a folder's entries, or None."""
        entries = self._entries()
        path = path.rstrip("/")
        if path in entries:
            return entries[path]
        inside = {entry[len(path) + 1 :] for entry in entries if entry.startswith(f"{path}/")}
        names = {name.split("/")[0] + ("/" if "/" in name else "") for name in inside}
        return "\n".join(sorted(names)) if names else None

    def _entries(self) -> dict[str, str]:
        orders = self._orders
        about = {
            "ami-id": orders.image_id,
            "instance-id": orders.instance_id,
            "instance-type": orders.instance_type,
            "instance-life-cycle": "on-demand",
            "local-ipv4": orders.private_ip,
            "placement/availability-zone": orders.zone,
            "placement/region": orders.region,
        }
        if orders.tags_in_metadata:
            about |= {f"tags/instance/{name}": value for name, value in orders.tags.items()}
        if orders.credentials:
            role = orders.credentials["RoleName"]
            about[f"iam/security-credentials/{role}"] = self._credentials()
            about["iam/info"] = json.dumps({"Code": "Success", "InstanceProfileArn": orders.profile_arn})
        entries = {f"meta-data/{name}": value for name, value in about.items()}
        entries["dynamic/instance-identity/document"] = self._identity()
        entries["user-data"] = orders.user_data
        return entries

    def _identity(self) -> str:
        orders = self._orders
        return json.dumps(
            {
                "accountId": orders.account,
                "architecture": "arm64",
                "availabilityZone": orders.zone,
                "imageId": orders.image_id,
                "instanceId": orders.instance_id,
                "instanceType": orders.instance_type,
                "region": orders.region,
            }
        )

    def _credentials(self) -> str:
        given = self._orders.credentials or {}
        return json.dumps(
            {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "LastUpdated": _stamp(0),
                "Expiration": _stamp(CREDENTIALS_LAST),
                **{name: given[name] for name in ("AccessKeyId", "SecretAccessKey", "Token")},
            }
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                if self.path != "/latest/api/token":
                    return self._send(404)
                token = service.issue(self.headers.get(TTL))
                return self._send(200, token, {TTL: self.headers[TTL]}) if token else self._send(400)

            def do_GET(self) -> None:
                if not service.admits(self.headers.get(TOKEN)):
                    return self._send(401)
                text = service.answer(self.path.removeprefix("/latest/"))
                return self._send(404) if text is None else self._send(200, text)

            def _send(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
                body = text.encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "text/plain",
                    "Content-Length": str(len(body)),
                    **(headers or {}),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Requests carry tokens; nothing of them is logged."""

        return Handler


def _stamp(ahead: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead))
