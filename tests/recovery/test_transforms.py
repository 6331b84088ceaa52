"""What else a restore makes of each object of a backup, whatever its shape."""

import pytest

from relight.config import Quarantine
from relight.recovery.objects import clean
from relight.recovery.prepare import prepare
from tests.recovery.forms import quarantined_form, released_form, restored
from tests.recovery.shop import (
    IMAGE,
    app,
    claim,
    config,
    deployment,
    namespace,
    obj,
    pod,
    recipe,
)


def test_every_mention_of_the_namespace_follows_it() -> None:
    subjects = [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}, {"kind": "User", "name": "alice"}]
    binding = obj("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "shop-reads", None, subjects=subjects)
    found = restored(namespace(), config(), binding, claim(), namespace="rehearsal")
    assert released_form(found["ClusterRoleBinding/shop-reads"])["subjects"][0]["namespace"] == "rehearsal"
    assert released_form(found["ConfigMap/settings"])["metadata"]["namespace"] == "rehearsal"
    assert "Namespace/rehearsal" in found and "Namespace/shop" not in found
    volume = quarantined_form(found["PersistentVolume/relight-rehearsal-ledger"])
    assert volume["spec"]["hostPath"]["path"].endswith("/volumes/shop/ledger")
    assert volume["spec"]["claimRef"]["namespace"] == "rehearsal"


def test_a_variable_given_twice_is_what_the_pod_saw() -> None:
    web = deployment(image=IMAGE)
    web["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "MODE", "value": "old"},
        {"name": "HOME", "value": "/app"},
        {"name": "MODE", "value": "new"},
    ]
    found = restored(web)["Deployment/web"]
    (main,) = released_form(found)["spec"]["template"]["spec"]["containers"]
    assert {entry["name"]: entry["value"] for entry in main["env"]} == {"MODE": "new", "HOME": "/app"}
    assert len(main["env"]) == 2 and "variable MODE given twice: the last counts" in found.transforms


def test_a_backup_without_its_namespace_gets_one() -> None:
    assert restored(config())["Namespace/shop"].object is not None


def test_what_the_old_cluster_assigned_is_gone() -> None:
    assigned = {"uid": "1", "resourceVersion": "2", "managedFields": [], "creationTimestamp": "x", "generation": 3}
    old = obj("v1", "ConfigMap", "c", metadata=assigned, data={"a": "b"}, status={})
    assert clean(old) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "shop"},
        "data": {"a": "b"},
    }
    assert old["metadata"]["uid"] == "1"


def test_a_bare_pod_loses_its_node_and_its_injected_token() -> None:
    spec = pod(IMAGE, nodeName="node-1", volumes=[{"name": "kube-api-access-x"}, {"name": "data"}])
    spec["containers"][0]["volumeMounts"] = [{"name": "kube-api-access-x"}, {"name": "data"}]
    found = released_form(restored(obj("v1", "Pod", "shell", spec=spec))["Pod/shell"])["spec"]
    assert "nodeName" not in found and found["volumes"] == [{"name": "data"}]
    assert found["containers"][0]["volumeMounts"] == [{"name": "data"}]


@pytest.mark.parametrize("spec", ["text", 7, ["a"], {"template": "text"}, {"template": {"spec": {"containers": ["x"]}}}])
def test_a_field_of_another_shape_never_stops_the_plan(spec: object) -> None:
    odd = [obj("apps/v1", kind, "odd", spec=spec) for kind in ("Deployment", "Job", "Widget")]
    service = obj("v1", "Service", "odd", spec=spec)
    assert len(prepare(recipe([*odd, service], app=app(quarantine=Quarantine())))) == 6
