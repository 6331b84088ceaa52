"""How pods of the emulated cluster are closed off: from the host, each other and the world; and where they are not."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from relight.local.cluster import start
from relight.local.cluster.kubelet.sandbox import Container, Mount, detect, substituted
from tests.cluster.kube import Kube, client_of, config_map, pod, running
from tests.support import eventually

Obj = dict[str, Any]
pytestmark = [pytest.mark.usefixtures("emulated"), pytest.mark.slow]
needs_networks = pytest.mark.skipif(not detect().networks, reason="the kernel refuses network namespaces")


# ------------------------------------------------------------ what pods may do
def test_a_host_path_outside_of_the_allowed_is_not_mounted(kube: Kube, namespace: str) -> None:
    options = {
        "volumes": [{"name": "etc", "hostPath": {"path": "/etc"}}],
        "volumeMounts": [{"name": "etc", "mountPath": "/host"}],
    }
    made = kube.create(pod(namespace, "one", "true", **options))

    def said() -> str:
        return next((one["message"] for one in kube.list("Event", namespace) if one["reason"] == "FailedMount"), "")

    assert "host path /etc is outside of what the emulated cluster may mount" in eventually(said, "the refusal is told")
    assert kube.get(made)["status"]["phase"] == "Pending"


def test_python_is_the_clusters_own(kube: Kube, namespace: str) -> None:
    made = kube.create(pod(namespace, "one", "python3 -c 'import boto3; print(boto3.__name__)'"))
    eventually(lambda: kube.get(made).get("status", {}).get("phase") == "Succeeded", "the pod can import boto3")
    assert kube.log(made) == "boto3\n"


def test_an_image_that_is_no_image_name_is_not_run(kube: Kube, namespace: str) -> None:
    made = kube.create(pod(namespace, "one", "true", image="Not An Image"))

    def waiting() -> str:
        statuses = kube.get(made).get("status", {}).get("containerStatuses") or [{}]
        return str(statuses[0].get("state", {}).get("waiting", {}).get("message", ""))

    assert "couldn't parse image name" in eventually(waiting, "the pod says why it waits")


def test_the_root_cannot_be_written(kube: Kube, namespace: str) -> None:
    if not detect().mounts:
        pytest.skip("needs bubblewrap")
    made = kube.create(pod(namespace, "one", "echo x > /etc/relight-was-here"))
    eventually(lambda: kube.get(made).get("status", {}).get("phase") == "Failed", "writing to the root fails")
    assert not Path("/etc/relight-was-here").exists()


class Outside(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"reached")

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A service outside of the cluster, as the local AWS is one."""
    server = HTTPServer(("127.0.0.1", 0), Outside)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


FETCH = """python3 -c '
import os, urllib.request
print(urllib.request.urlopen(os.environ["ENDPOINT"], timeout=3).read().decode())'"""


def deny_egress(namespace: str, *allowed: str) -> Obj:
    rules = [{"to": [{"ipBlock": {"cidr": cidr}} for cidr in allowed]}] if allowed else []
    meta = {"name": "quarantine", "namespace": namespace}
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": rules}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


@needs_networks
@pytest.mark.parametrize(
    ("policy", "ports", "phase"),
    [
        (None, False, "Succeeded"),
        (None, True, "Succeeded"),
        ((), False, "Failed"),
        ((), True, "Failed"),
        (("10.0.0.0/8",), False, "Failed"),
        (("127.0.0.0/8",), False, "Succeeded"),
    ],
    ids=["free", "free, own network", "denied", "denied, own network", "another range allowed", "its range allowed"],
)
def test_a_pod_reaches_out_only_as_its_policies_allow(
    kube: Kube, namespace: str, endpoint: str, policy: tuple[str, ...] | None, ports: bool, phase: str
) -> None:
    if policy is not None:
        kube.create(deny_egress(namespace, *policy))
    more = {"ports": [{"containerPort": 8080}]} if ports else {}
    made = kube.create(pod(namespace, "one", FETCH, env=[{"name": "ENDPOINT", "value": endpoint}], **more))
    eventually(lambda: kube.get(made).get("status", {}).get("phase") in ("Succeeded", "Failed"), "the pod ends")
    assert kube.get(made)["status"]["phase"] == phase, kube.log(made)
    assert (kube.log(made) == "reached\n") is (phase == "Succeeded")


@needs_networks
def test_a_quarantine_that_is_lifted_lets_a_running_pod_out(kube: Kube, namespace: str, endpoint: str) -> None:
    policy = kube.create(deny_egress(namespace))
    command = f"while ! {FETCH} 2>/dev/null; do sleep 0.1; done; echo out"
    made = kube.create(pod(namespace, "one", command, env=[{"name": "ENDPOINT", "value": endpoint}]))
    running(kube, made)
    time.sleep(0.5)
    assert kube.log(made) == ""
    kube.delete(policy)
    eventually(lambda: kube.get(made)["status"]["phase"] == "Succeeded", "the pod gets out")
    assert kube.log(made) == "reached\nout\n"


# ------------------------------------------------------------ where the kernel allows less


def test_without_bubblewrap_mount_paths_are_replaced(tmp_path: Path) -> None:
    container = Container(
        command=("sh", "-c", "cat /data/a /data-b/c /x/data/d && ls /data"),
        env={"STATE": "/data/state.db", "PATH": "/data:/bin", "URL": "http://host/data/x", "OUT": "file:///data/out"},
        mounts=(Mount(tmp_path, "/data", False), Mount(tmp_path / "deep", "/data/deep", True)),
    )
    argv, env = substituted(container)
    assert argv == ["sh", "-c", f"cat {tmp_path}/a /data-b/c /x/data/d && ls {tmp_path}"]
    assert env["STATE"] == f"{tmp_path}/state.db"
    assert env["OUT"] == f"file://{tmp_path}/out"
    assert (env["PATH"], env["URL"]) == ("/data:/bin", "http://host/data/x")


@pytest.fixture
def bare(tmp_path: Path, no_bubblewrap: None) -> Iterator[Kube]:
    """A cluster on such a machine."""
    cluster = start(tmp_path / "data", "bare")
    yield client_of(cluster, tmp_path)
    cluster.stop()


def test_without_bubblewrap_the_cluster_still_runs_and_says_so(bare: Kube) -> None:
    bare.create(config_map("default", "settings", a="mounted"))
    options = {
        "volumes": [{"name": "it", "configMap": {"name": "settings"}}],
        "volumeMounts": [{"name": "it", "mountPath": "/conf"}],
    }
    made = bare.create(pod("default", "one", "cat /conf/a", **options))
    eventually(lambda: bare.get(made).get("status", {}).get("phase") == "Succeeded", "the pod succeeds")
    assert bare.log(made) == "mounted"
    assert "emulated: bubblewrap is not installed" in bare.get(made)["status"]["message"]
    assert [one for one in bare.list("Event", "default") if one["reason"] == "Emulated"]


def test_without_bubblewrap_two_servers_share_a_port_each_at_its_own_address(bare: Kube) -> None:
    serve = "exec python3 -m http.server --bind $POD_IP 8099"
    options = {
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"containerPort": 8099}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8099}},
    }
    made = [bare.create(pod("default", name, serve, **options)) for name in ("one", "two")]
    for one in made:
        running(bare, one)
        eventually(lambda one=one: bare.get(one)["status"]["containerStatuses"][0]["ready"], "the server is ready")
    first, second = (bare.get(one)["status"]["podIP"] for one in made)
    assert first != second
    assert {first.split(".")[0], second.split(".")[0]} == {"127"}
