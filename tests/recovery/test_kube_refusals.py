"""The Kubernetes adapter and bad answers: each is a named error, and there is no endless wait."""

import socket
import time
from pathlib import Path

import pytest

from relight.adapters.kube import Cluster
from relight.errors import ClusterNotReady, ClusterRefused, Conflict, RelightError, ServiceUnavailable, Throttled
from tests.recovery.api import CONFIG_MAPS, OBJECT, Api, kubeconfig


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (409, Conflict),
        (429, Throttled),
        (500, ServiceUnavailable),
        (503, ServiceUnavailable),
        (504, ServiceUnavailable),
        (400, ClusterRefused),
        (401, ClusterRefused),
        (403, ClusterRefused),
        (404, ClusterNotReady),  # applying creates: what is missing is the kind or the namespace
        (422, ClusterRefused),
    ],
)
def test_each_refusal_is_a_named_error_with_the_apis_own_words(
    api: Api, cluster: Cluster, status: int, error: type[RelightError]
) -> None:
    api.answers[f"{CONFIG_MAPS}/a"] = (status, {"message": "because of this"})
    with pytest.raises(error, match="because of this") as caught:
        cluster.apply(OBJECT)
    assert type(caught.value) is error and "\n" not in str(caught.value) and "t0ken" not in str(caught.value)


def test_a_long_answer_is_cut_since_it_may_quote_an_object(api: Api, cluster: Cluster) -> None:
    api.answers[f"{CONFIG_MAPS}/a"] = (422, {"message": "x" * 5000})
    with pytest.raises(ClusterRefused) as caught:
        cluster.apply(OBJECT)
    assert len(str(caught.value)) < 600


def test_an_answer_that_is_not_json_is_a_service_that_is_unavailable(api: Api, cluster: Cluster) -> None:
    api.answers[f"{CONFIG_MAPS}/a"] = (200, "<html>proxy</html>")
    with pytest.raises(ServiceUnavailable):
        cluster.get("v1", "ConfigMap", "shop", "a")


def test_nothing_at_the_address_is_a_cluster_that_is_not_ready(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        absent = Cluster(kubeconfig(tmp_path, unused.getsockname()[1]), timeout=2)
        assert not absent.ready()
        with pytest.raises(ClusterNotReady):
            absent.version()


def test_a_kubeconfig_that_is_not_there_yet_is_a_cluster_that_is_not_ready(api: Api, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "kubeconfig")
    assert not cluster.ready()
    with pytest.raises(ClusterNotReady, match="kubeconfig"):
        cluster.version()
    kubeconfig(tmp_path, api.server_address[1])
    assert cluster.ready()


@pytest.mark.parametrize(
    "half", ["", "clusters: [", "text", "clusters: 7", "current-context: c\nclusters: []\ncontexts: []\n"]
)
def test_a_half_written_kubeconfig_is_waited_for(api: Api, tmp_path: Path, half: str) -> None:
    (tmp_path / "kubeconfig").write_text(half)
    cluster = Cluster(tmp_path / "kubeconfig")
    with pytest.raises(ClusterNotReady):
        cluster.version()
    kubeconfig(tmp_path, api.server_address[1])
    assert cluster.ready()


def test_a_silent_api_is_not_waited_for_longer_than_asked(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            Cluster(kubeconfig(tmp_path, silent.getsockname()[1]), timeout=0.5).version()
        assert time.monotonic() - began < 3
