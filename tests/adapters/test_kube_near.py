"""The cluster on the runner itself is reached as k3s says, without the official client; every other one with it."""

import ssl
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from relight.adapters.kube import Cluster
from relight.adapters.kube_near import near
from relight.errors import ClusterNotReady, ServiceUnavailable
from relight.local.cluster.access import certificate
from tests.recovery.api import Api


def data(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Api]:
    """An API that lets in whoever has its own certificate."""
    cert, key = certificate(tmp_path)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(cert, key)
    trust.load_verify_locations(cert)
    trust.verify_mode = ssl.CERT_REQUIRED
    server = Api()
    server.socket = trust.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def by_k3s(secured: Api, tmp_path: Path) -> dict[str, Any]:
    """A kubeconfig as k3s writes it."""
    cert, key = data(tmp_path / "server.crt"), data(tmp_path / "server.key")
    server = f"https://127.0.0.1:{secured.server_address[1]}"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "default", "cluster": {"server": server, "certificate-authority-data": cert}}],
        "users": [{"name": "default", "user": {"client-certificate-data": cert, "client-key-data": key}}],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
        "current-context": "default",
    }


def written(path: Path, config: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def test_the_runners_own_cluster_lets_us_in_by_certificate_and_the_official_client_is_not_loaded(
    by_k3s: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    assert Cluster(written(tmp_path / "kubeconfig", by_k3s)).version()["gitVersion"] == "v1.34.1+emulated"


def test_a_cluster_that_does_not_show_the_certificate_to_trust_is_not_spoken_to(
    by_k3s: dict[str, Any], secured: Api, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other, _ = certificate(tmp_path / "other")
    by_k3s["clusters"][0]["cluster"]["certificate-authority-data"] = data(other)
    with pytest.raises(ServiceUnavailable, match="SSLCertVerificationError"):
        Cluster(written(tmp_path / "kubeconfig", by_k3s)).version()
    assert not secured.asked


def test_a_token_says_who_asks(by_k3s: dict[str, Any], tmp_path: Path) -> None:
    by_k3s["users"][0]["user"] = {"token": "t0ken"}
    found = near(written(tmp_path / "kubeconfig", by_k3s))
    assert found and (found.token, found.certificate) == ("t0ken", b"")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("cluster", {"server": "https://10.0.0.7:6443"}),
        ("cluster", {"server": "https://cluster.example"}),
        ("cluster", {"server": "http://127.0.0.1:8080"}),
        ("cluster", {"server": "https://127.0.0.1:6443/k8s/clusters/c-1"}),
        ("cluster", {"insecure-skip-tls-verify": True}),
        ("cluster", {"proxy-url": "http://10.0.0.8:3128"}),
        ("user", {"exec": {"command": "aws"}}),
        ("user", {"as": "somebody-else"}),
    ],
)
def test_all_else_is_left_to_the_official_client(
    by_k3s: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, change: dict[str, Any]
) -> None:
    config = deepcopy(by_k3s)
    config[f"{kind}s"][0][kind] |= change
    path = written(tmp_path / "kubeconfig", config)
    assert near(path) is None
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(ClusterNotReady, match="the official client is not installed"):
        Cluster(path).version()
