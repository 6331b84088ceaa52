"""The Kubernetes adapter against a small HTTP server."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.adapters.kube import Cluster
from tests.recovery.api import Api, kubeconfig


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> Cluster:
    return Cluster(kubeconfig(tmp_path, api.server_address[1]), timeout=10)
