"""The emulation itself: it says what it is, lets nobody in without its token, and leaves nothing behind."""

import json
import os
import signal
import socket
import ssl
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from relight.errors import PortTaken
from relight.local.cluster import ClusterProcess, start
from relight.local.cluster.kubelet.sandbox import detect
from tests.cluster.kube import Kube, client_of, config_map, deployment, pod, running
from tests.support import eventually

Obj = dict[str, Any]
pytestmark = [pytest.mark.usefixtures("emulated"), pytest.mark.slow]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ClusterProcess]:
    """A cluster of the check's own, to be stopped and killed."""
    cluster = start(tmp_path / "data", "own")
    yield cluster
    cluster.stop()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def marked(mark: str) -> list[int]:
    """The processes whose command line holds ``mark``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes() and alive(int(entry.parent.name)):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


# ------------------------------------------------------------ what it says of itself
def test_it_calls_itself_emulated_wherever_one_looks(kube: Kube, kubeconfig: Path) -> None:
    assert kube.call("get", "/version")["gitVersion"] == "v1.31.0+emulated"
    (node,) = kube.kind("Node").get().to_dict()["items"]
    assert node["metadata"]["name"] == "emulated-node"
    assert node["status"]["nodeInfo"]["kubeletVersion"].endswith("+emulated")
    assert yaml.safe_load(kubeconfig.read_text())["current-context"] == "conformance-emulated"


# ------------------------------------------------------------ who gets in
@pytest.mark.parametrize("path", ["/version", "/readyz", "/api/v1/secrets"])
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer guessed"}])
def test_nobody_gets_in_without_the_token(kube: Kube, path: str, header: dict[str, str]) -> None:
    context = ssl.create_default_context(cafile=kube.configuration.ssl_ca_cert)
    request = urllib.request.Request(kube.configuration.host + path, headers=header)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, context=context, timeout=5)
    assert error.value.code == 401 and json.loads(error.value.read())["reason"] == "Unauthorized"


def test_the_token_is_for_its_owner_alone_and_in_no_log(kubeconfig: Path) -> None:
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    assert token not in (kubeconfig.parent / "cluster.log").read_text()


def test_it_listens_on_the_loopback_address_only(kube: Kube) -> None:
    port = int(kube.configuration.host.rpartition(":")[2])
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"]
    assert [at for at in listening if at.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_a_taken_port_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken) as error:
            start(tmp_path / "data", "late", port=port)
    assert f"port {port}: is in use" in str(error.value)
    assert not marked(str(tmp_path))


# ------------------------------------------------------------ its end
@pytest.fixture(
    params=[
        pytest.param(
            "isolated", marks=pytest.mark.skipif(not detect().mounts, reason="the kernel refuses what bubblewrap needs")
        ),
        "bare",
    ]
)
def either(request: pytest.FixtureRequest) -> Iterator[ClusterProcess]:
    """A cluster of the check's own, with bubblewrap and without."""
    if request.param == "bare":
        request.getfixturevalue("no_bubblewrap")
    yield request.getfixturevalue("own")


def leave_processes(kube: Kube, tmp_path: Path) -> None:
    """A pod whose processes are hard to find: one in the background, one that left its parent and its session."""
    mark = f"import time; time.sleep(300) # {tmp_path}"
    child = f"python3 -c '{mark}'"
    daemon = f"""python3 -c 'import os, time
if os.fork() == 0:
    os.setsid()
    os.fork() or time.sleep(300) # {tmp_path}
'"""
    running(kube, kube.create(pod("default", "one", f"{child} & {daemon}; {child}")))
    eventually(lambda: len(marked(f"(300) # {tmp_path}")) >= 4, "the shell and three others run")


def test_stopped_it_takes_every_process_along(either: ClusterProcess, tmp_path: Path) -> None:
    leave_processes(client_of(either, tmp_path), tmp_path)
    either.stop()
    eventually(lambda: not marked(str(tmp_path)), "no process of the cluster is left", 5)
    either.stop()


def test_killed_it_takes_every_process_along(either: ClusterProcess, tmp_path: Path) -> None:
    leave_processes(client_of(either, tmp_path), tmp_path)
    os.kill(either.pid, signal.SIGKILL)
    either.process.wait(5)
    eventually(lambda: not marked(str(tmp_path)), "no process of the cluster is left", 5)


def test_a_deleted_pod_takes_every_process_along(either: ClusterProcess, tmp_path: Path) -> None:
    kube = client_of(either, tmp_path)
    leave_processes(kube, tmp_path)
    kube.delete(pod("default", "one", "true"))
    eventually(lambda: kube.gone(pod("default", "one", "true")), "the pod is gone")
    assert not marked(f"(300) # {tmp_path}")


def test_killed_it_has_lost_nothing_that_it_answered(own: ClusterProcess, tmp_path: Path) -> None:
    kube = client_of(own, tmp_path)
    made = [kube.create(config_map("default", f"kept-{number}", a="1")) for number in range(20)]
    gone = kube.create(config_map("default", "gone"))
    kube.patch(made[0], {"data": {"a": "2"}}, "merge")
    kube.delete(gone)
    os.kill(own.pid, signal.SIGKILL)
    own.process.wait(5)
    again = start(tmp_path / "data", "own")
    try:
        kube = client_of(again, tmp_path)
        found = {one["metadata"]["name"]: one for one in kube.list("ConfigMap", "default")}
        assert {one["metadata"]["uid"] for one in made} <= {one["metadata"]["uid"] for one in found.values()}
        assert found["kept-0"]["data"] == {"a": "2"} and "gone" not in found
        later = kube.create(config_map("default", "next"))
        assert int(later["metadata"]["resourceVersion"]) > int(found["kept-0"]["metadata"]["resourceVersion"])
    finally:
        again.stop()


def test_started_again_on_its_data_it_goes_on(own: ClusterProcess, tmp_path: Path) -> None:
    kube = client_of(own, tmp_path)
    kept = kube.create(config_map("default", "kept", a="1"))
    made = kube.create(deployment("default", "web"))
    eventually(lambda: kube.get(made).get("status", {}).get("availableReplicas"), "the deployment is available")
    own.stop()
    again = start(tmp_path / "data", "own")
    try:
        kube = client_of(again, tmp_path)
        assert kube.get(kept)["metadata"]["uid"] == kept["metadata"]["uid"]
        eventually(lambda: kube.get(made)["status"].get("availableReplicas"), "the deployment is available again")
        later = kube.create(config_map("default", "next"))
        assert int(later["metadata"]["resourceVersion"]) > int(kept["metadata"]["resourceVersion"])
    finally:
        again.stop()


def test_a_pod_is_asked_before_it_is_killed(kube: Kube, namespace: str, kubeconfig: Path) -> None:
    shared = kubeconfig.parent / "shared"
    volumes = {"volumes": [{"name": "data", "hostPath": {"path": str(shared), "type": "DirectoryOrCreate"}}]}
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    made = kube.create(
        pod(
            namespace,
            "one",
            "trap 'echo bye > /data/$HOSTNAME; exit 0' TERM; while :; do sleep 0.05; done",
            **volumes,
            **mounts,
        )
    )
    running(kube, made)
    time.sleep(0.2)
    kube.delete(made)
    eventually(lambda: kube.gone(made), "the pod is gone")
    assert (shared / "one").read_text() == "bye\n"
