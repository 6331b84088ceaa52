"""Deletion: finalizers, owners, namespaces."""

import uuid
from typing import Any

import pytest
from kubernetes.dynamic.exceptions import ConflictError, ForbiddenError, NotFoundError

from tests.cluster.kube import Kube, config_map, deployment, job, pod, status_of
from tests.support import eventually


def owned_by(owner: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    body["metadata"]["ownerReferences"] = [reference | {"uid": owner["metadata"]["uid"], "blockOwnerDeletion": True}]
    return body


def test_deleting_says_success_and_twice_is_404(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace))
    assert kube.delete(made)["status"] == "Success"
    with pytest.raises(NotFoundError):
        kube.delete(made)


def test_a_finalizer_holds_an_object_until_it_is_let_go(kube: Kube, namespace: str) -> None:
    body = config_map(namespace)
    body["metadata"]["finalizers"] = ["relight.test/hold"]
    made = kube.create(body)
    kube.delete(made)
    assert kube.get(made)["metadata"]["deletionTimestamp"]
    kube.patch(made, {"metadata": {"finalizers": None}}, "merge")
    assert kube.gone(made)


def test_deleting_another_object_of_the_same_name_is_409(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace))
    with pytest.raises(ConflictError) as error:
        kube.delete(made, body={"preconditions": {"uid": str(uuid.uuid4())}})
    assert "does not match the UID in record" in status_of(error)["message"]
    assert not kube.gone(made)


def test_a_rehearsed_deletion_deletes_nothing(kube: Kube, namespace: str) -> None:
    made = kube.create(config_map(namespace))
    kube.delete(made, dry_run="All")
    assert not kube.gone(made)


def test_what_belongs_to_a_deleted_object_goes_with_it(kube: Kube, namespace: str) -> None:
    owner = kube.create(config_map(namespace, "owner"))
    child = kube.create(owned_by(owner, config_map(namespace, "child")))
    grandchild = kube.create(owned_by(child, config_map(namespace, "grandchild")))
    kube.delete(owner)
    eventually(lambda: kube.gone(child) and kube.gone(grandchild), "child and grandchild are collected")


def test_an_object_whose_owner_is_not_there_is_collected(kube: Kube, namespace: str) -> None:
    ghost = config_map(namespace, "ghost")
    ghost["metadata"]["uid"] = str(uuid.uuid4())
    orphan = kube.create(owned_by(ghost, config_map(namespace, "orphan")))
    eventually(lambda: kube.gone(orphan), "the object with a dead owner is collected")


def test_orphans_stay_without_their_owner(kube: Kube, namespace: str) -> None:
    owner = kube.create(config_map(namespace, "owner"))
    child = kube.create(owned_by(owner, config_map(namespace, "child")))
    kube.delete(owner, body={"propagationPolicy": "Orphan"})
    eventually(lambda: kube.gone(owner), "the owner is gone")
    assert not kube.get(child)["metadata"].get("ownerReferences")


def test_in_foreground_the_owner_goes_last(kube: Kube, namespace: str) -> None:
    owner = kube.create(config_map(namespace, "owner"))
    body = owned_by(owner, config_map(namespace, "child"))
    body["metadata"]["finalizers"] = ["relight.test/hold"]
    child = kube.create(body)
    kube.delete(owner, body={"propagationPolicy": "Foreground"})
    eventually(lambda: kube.get(child)["metadata"].get("deletionTimestamp"), "the child is being deleted")
    assert "foregroundDeletion" in kube.get(owner)["metadata"]["finalizers"]
    kube.patch(child, {"metadata": {"finalizers": None}}, "merge")
    eventually(lambda: kube.gone(owner), "the owner follows its child")


def test_in_foreground_the_owner_waits_only_for_those_who_ask_it_to(kube: Kube, namespace: str) -> None:
    owner = kube.create(config_map(namespace, "owner"))
    body = owned_by(owner, config_map(namespace, "child"))
    body["metadata"]["finalizers"] = ["relight.test/hold"]
    body["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = False
    child = kube.create(body)
    kube.delete(owner, body={"propagationPolicy": "Foreground"})
    eventually(lambda: kube.gone(owner), "the owner is gone before its child")
    kube.patch(child, {"metadata": {"finalizers": None}}, "merge")


def test_a_deployment_takes_its_pods_along(kube: Kube, namespace: str) -> None:
    made = kube.create(deployment(namespace, "web"))
    eventually(lambda: kube.list("Pod", namespace), "the deployment has a pod")
    kube.delete(made)
    eventually(lambda: not kube.list("Pod", namespace), "its pods are gone")
    assert not kube.list("ReplicaSet", namespace, "apps/v1")


def test_a_job_deleted_without_a_policy_leaves_its_pods(kube: Kube, namespace: str) -> None:
    """The API's oldest trap: kubectl asks for Background, other clients must."""
    made = kube.create(job(namespace, "work", "sleep 100"))
    eventually(lambda: kube.list("Pod", namespace), "the job has a pod")
    kube.delete(made)
    eventually(lambda: kube.gone(made), "the job is gone")
    left = kube.list("Pod", namespace)
    assert len(left) == 1 and not left[0]["metadata"].get("ownerReferences")


@pytest.mark.usefixtures("needs_nodes")
def test_a_pod_is_gone_at_once_without_grace(kube: Kube, namespace: str) -> None:
    made = kube.create(pod(namespace, "one", "sleep 100"))
    eventually(lambda: kube.get(made).get("status", {}).get("phase") == "Running", "the pod runs")
    kube.delete(made, grace_period_seconds=0)
    eventually(lambda: kube.gone(made), "the pod is gone", 5)


def test_a_deleted_namespace_empties_itself_and_takes_nothing_in(kube: Kube) -> None:
    name = f"check-{uuid.uuid4().hex[:8]}"
    home = kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    held = config_map(name, "held")
    held["metadata"]["finalizers"] = ["relight.test/hold"]
    kube.create(held)
    kube.create(deployment(name, "web"))
    assert kube.delete(home)["status"]["phase"] == "Terminating"
    with pytest.raises(ForbiddenError) as error:
        kube.create(config_map(name, "late"))
    assert "because it is being terminated" in status_of(error)["message"]
    eventually(lambda: not kube.list("Deployment", name, "apps/v1"), "the namespace is emptied")
    assert not kube.gone(home)
    kube.patch(held, {"metadata": {"finalizers": None}}, "merge")
    eventually(lambda: kube.gone(home), "the namespace is gone")


def test_many_objects_are_deleted_by_label(kube: Kube, namespace: str) -> None:
    for name, tier in (("one", "web"), ("two", "web"), ("three", "db")):
        body = config_map(namespace, name)
        body["metadata"]["labels"] = {"tier": tier}
        kube.create(body)
    kube.kind("ConfigMap").delete(namespace=namespace, label_selector="tier=web")
    left = {one["metadata"]["name"] for one in kube.list("ConfigMap", namespace)} - {"kube-root-ca.crt"}
    assert left == {"three"}
