"""Claims and volumes: reserved, provisioned, mounted, released."""

import uuid
from typing import Any

import pytest
from kubernetes.dynamic.exceptions import UnprocessibleEntityError

from tests.cluster.kube import Kube, config_map, job, pod, secret, status_of
from tests.cluster.test_jobs import finished
from tests.support import eventually

Obj = dict[str, Any]


def claim(namespace: str, name: str = "state", **spec: Any) -> Obj:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}} | spec
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": wanted,
    }


def mounted(path: str, **source: Any) -> Obj:
    return {"volumes": [{"name": "it", **source}], "volumeMounts": [{"name": "it", "mountPath": path}]}


def phase(kube: Kube, obj: Obj) -> str:
    return str(kube.get(obj).get("status", {}).get("phase"))


def reserved(namespace: str, kubeconfig: Any) -> Obj:
    """A volume reserved for the namespace's claim ``state``, as a restore makes it."""
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": "state"}
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "restored",
        "claimRef": reference,
        "hostPath": {"path": f"{kubeconfig.resolve().parent}/restored-{uuid.uuid4().hex}", "type": "DirectoryOrCreate"},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"restored-{namespace}"}, "spec": spec}


@pytest.fixture
def volume(kube: Kube, namespace: str, kubeconfig: Any) -> Any:
    made = kube.create(reserved(namespace, kubeconfig))
    yield made
    kube.delete(made)


def test_a_claim_gets_the_volume_that_is_reserved_for_it(kube: Kube, namespace: str, volume: Obj) -> None:
    made = kube.create(claim(namespace, storageClassName="restored"))
    eventually(lambda: phase(kube, made) == "Bound", "the claim is bound, with no pod asking for it")
    assert kube.get(made)["spec"]["volumeName"] == volume["metadata"]["name"]
    assert kube.get(volume)["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]
    assert kube.get(volume)["status"]["phase"] == "Bound"


def test_a_volume_that_is_applied_again_keeps_its_claim(kube: Kube, namespace: str, kubeconfig: Any) -> None:
    body = reserved(namespace, kubeconfig)
    kube.apply(body)
    made = kube.create(claim(namespace, storageClassName="restored"))
    eventually(lambda: phase(kube, made) == "Bound" and phase(kube, body) == "Bound", "both are bound")
    before = kube.get(body)
    after = kube.apply(body, force=True)
    assert after["spec"]["claimRef"]["uid"] == made["metadata"]["uid"], "the uid is the cluster's: nobody applied it"
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"], "nothing changed"
    kube.delete(body)


def test_a_reserved_volume_goes_to_no_other_claim(kube: Kube, namespace: str, volume: Obj) -> None:
    other = kube.create(claim(namespace, "other", storageClassName="restored"))
    mine = kube.create(claim(namespace, storageClassName="restored"))
    eventually(lambda: phase(kube, mine) == "Bound", "the right claim is bound")
    assert phase(kube, other) == "Pending"


def test_a_reservation_of_another_storage_class_does_not_bind(kube: Kube, namespace: str, volume: Obj) -> None:
    made = kube.create(claim(namespace, storageClassName="another"))
    bound = kube.create(claim(namespace, "state-2", storageClassName="restored", volumeName=volume["metadata"]["name"]))
    assert phase(kube, made) == "Pending" and phase(kube, bound) == "Pending"


def test_a_volume_of_a_claim_of_another_time_is_not_bound(kube: Kube, namespace: str, kubeconfig: Any) -> None:
    """A claimRef with the uid of a claim that is gone: what a volume copied from another cluster brings along."""
    body = reserved(namespace, kubeconfig)
    body["spec"]["claimRef"]["uid"] = str(uuid.uuid4())
    kube.create(body)
    made = kube.create(claim(namespace, storageClassName="restored"))
    eventually(lambda: phase(kube, body) == "Released", "the volume is released")
    assert phase(kube, made) == "Pending"
    kube.delete(body)


def test_a_kept_volume_is_released_when_its_claim_goes(kube: Kube, namespace: str, volume: Obj) -> None:
    made = kube.create(claim(namespace, storageClassName="restored"))
    eventually(lambda: phase(kube, made) == "Bound" and phase(kube, volume) == "Bound", "both are bound")
    kube.delete(made)
    eventually(lambda: kube.gone(made), "the claim is gone")
    eventually(lambda: phase(kube, volume) == "Released", "the volume is released")
    again = kube.create(claim(namespace, storageClassName="restored"))
    kube.patch(volume, {"spec": {"claimRef": {"uid": None, "resourceVersion": None}}}, "merge")
    eventually(lambda: phase(kube, again) == "Bound", "freed of the old claim's uid, it is bound to the new one")


def test_a_volumes_source_cannot_be_changed(kube: Kube, volume: Obj) -> None:
    with pytest.raises(UnprocessibleEntityError) as error:
        kube.patch(volume, {"spec": {"hostPath": {"path": "/elsewhere"}}}, "merge")
    assert "is immutable after creation" in status_of(error)["message"]


@pytest.mark.usefixtures("needs_nodes")
def test_what_a_job_writes_is_there_for_the_next(kube: Kube, namespace: str) -> None:
    kube.create(claim(namespace))
    options = mounted("/data/inner", persistentVolumeClaim={"claimName": "state"})
    finished(kube, kube.create(job(namespace, "write", "echo kept > /data/inner/file", options)))
    finished(kube, kube.create(job(namespace, "read", "cat /data/inner/file", options)))
    (reader,) = kube.list("Pod", namespace, label_selector="job-name=read")
    assert kube.log(reader) == "kept\n"


@pytest.mark.usefixtures("needs_nodes")
def test_a_claim_in_use_is_not_deleted_under_its_pod(kube: Kube, namespace: str) -> None:
    made = kube.create(claim(namespace))
    user = kube.create(pod(namespace, "user", "sleep 100", **mounted("/data", persistentVolumeClaim={"claimName": "state"})))
    eventually(lambda: phase(kube, user) == "Running", "the pod runs")
    kube.delete(made)
    assert kube.get(made)["metadata"]["deletionTimestamp"]
    kube.delete(user)
    eventually(lambda: kube.gone(made), "the claim goes once its pod has gone")


@pytest.mark.usefixtures("needs_nodes")
def test_a_pod_waits_for_its_claim(kube: Kube, namespace: str) -> None:
    made = kube.create(pod(namespace, "one", "echo ran", **mounted("/data", persistentVolumeClaim={"claimName": "state"})))
    eventually(lambda: kube.get(made).get("status", {}).get("conditions"), "the pod says why it waits")
    assert phase(kube, made) == "Pending"
    kube.create(claim(namespace))
    eventually(lambda: phase(kube, made) == "Succeeded", "the pod runs once the claim is there")


@pytest.mark.usefixtures("isolated")
def test_config_and_secrets_are_mounted_as_files(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace, "settings", **{"app.toml": "a = 1", "other": "x"}))
    kube.create(secret(namespace, "key", token="s3"))
    volumes = [
        {"name": "conf", "configMap": {"name": "settings", "items": [{"key": "app.toml", "path": "deep/app.toml"}]}},
        {"name": "key", "secret": {"secretName": "key"}},
        {"name": "both", "projected": {"sources": [{"configMap": {"name": "settings"}}, {"secret": {"name": "key"}}]}},
    ]
    mounts = [
        {"name": "conf", "mountPath": "/etc/app"},
        {"name": "key", "mountPath": "/var/run/secrets/app", "readOnly": True},
        {"name": "both", "mountPath": "/both"},
        {"name": "both", "mountPath": "/single/other.txt", "subPath": "other"},
    ]
    command = "cat /etc/app/deep/app.toml /var/run/secrets/app/token; ls /both /etc/app; cat /single/other.txt"
    made = kube.create(pod(namespace, "one", command, volumes=volumes, volumeMounts=mounts))
    eventually(lambda: phase(kube, made) in ("Succeeded", "Failed"), "the pod ends")
    assert kube.log(made).split() == ["a", "=", "1s3/both:", "app.toml", "other", "token", "/etc/app:", "deep", "x"]


@pytest.mark.usefixtures("isolated")
def test_the_containers_root_is_not_the_volumes(kube: Kube, namespace: str) -> None:
    """What one pod writes to /tmp, another does not see."""
    first = kube.create(pod(namespace, "one", "echo x > /tmp/relight-mark"))
    eventually(lambda: phase(kube, first) == "Succeeded", "the first pod wrote")
    second = kube.create(pod(namespace, "two", "test ! -e /tmp/relight-mark"))
    eventually(lambda: phase(kube, second) == "Succeeded", "the second pod sees nothing of it")
