"""The way to a cluster on this very machine, from its kubeconfig as k3s writes it: with a certificate or a token.

Every other kubeconfig is the official client's to read. Importing that takes a fresh runner, which has no byte code of it,
2.5 seconds of CPU while volumes are unpacked, and makes the agent's bundle twice as large.
"""

import ssl
from base64 import b64decode
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

from relight.adapters.kube_kept import Connections

CLUSTERS = {"https": {"server", "certificate-authority-data"}, "http": {"server"}}
USERS = ({"client-certificate-data", "client-key-data"}, {"token"})


@dataclass(frozen=True, slots=True)
class Near:
    """``authority``: the certificate to trust, empty where nothing is encrypted; ``certificate``: ours with its key, or
    empty where a token is. PEM."""

    host: str
    port: int
    authority: str
    certificate: bytes
    token: str

    def connections(self, most: int) -> Connections:
        """Raises ssl.SSLError where a certificate is none."""
        if not self.authority:
            return Connections(lambda: HTTPConnection(self.host, self.port), most)
        trust = ssl.create_default_context(cadata=self.authority)
        if self.certificate:
            with NamedTemporaryFile() as file:  # the library takes it from a file alone
                file.write(self.certificate)
                file.flush()
                trust.load_cert_chain(file.name)
        return Connections(lambda: HTTPSConnection(self.host, self.port, context=trust), most)


def near(kubeconfig: Path) -> Near | None:
    """None where it is of another form. Raises OSError, ValueError, yaml.YAMLError where it cannot be read."""
    import yaml

    read = yaml.safe_load(kubeconfig.read_bytes())
    try:
        context = _named(read, "context", read["current-context"])
        cluster, user = _named(read, "cluster", context["cluster"]), _named(read, "user", context["user"])
        address = urlsplit(cluster["server"])
        known = (
            set(cluster) == CLUSTERS[address.scheme]
            and set(user) in USERS
            and ip_address(address.hostname or "").is_loopback
        )
    except (KeyError, TypeError, ValueError, StopIteration):
        return None
    if not known or address.path.strip("/"):
        return None
    pem = [b64decode(user.get(key, "")) for key in ("client-certificate-data", "client-key-data")]
    return Near(
        host=str(address.hostname),
        port=address.port or {"https": 443, "http": 80}[address.scheme],
        authority=b64decode(cluster.get("certificate-authority-data", "")).decode(),
        certificate=b"\n".join(filter(None, pem)),
        token=user.get("token", ""),
    )


def _named(read: Any, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in read[f"{kind}s"] if row["name"] == name)[kind]
    return found
