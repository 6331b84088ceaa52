"""Owners, finalizers, classes: what the old cluster hung on objects, and what of it comes back."""

from relight.recovery.cluster import Object
from relight.recovery.transforms import Action
from tests.recovery.forms import released_form, restored
from tests.recovery.shop import config, cronjob, deployment, obj, secret

WIDGET = obj("example.com/v1", "Widget", "one", spec={})


def owned_by(api_version: str, kind: str, name: str) -> Object:
    return {"ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": name, "uid": "1"}]}


def test_a_secret_that_an_operator_made_is_restored_since_nobody_could_make_its_content_again() -> None:
    password = secret() | {
        "metadata": {"name": "generated", "namespace": "shop"} | owned_by("example.com/v1", "Widget", "one")
    }
    item = restored(WIDGET, password)["Secret/generated"]
    assert released_form(item)["data"] == password["data"]
    assert "ownerReferences" not in released_form(item)["metadata"]
    assert item.transforms == ("restored without its owner Widget one",)


def test_what_else_an_operator_made_it_makes_again() -> None:
    made = obj("apps/v1", "StatefulSet", "db", metadata=owned_by("example.com/v1", "Widget", "one"), spec={})
    item = restored(WIDGET, made)["StatefulSet/db"]
    assert (item.action, item.reason) == (Action.SKIP, "Widget one makes it again")


def test_a_built_in_owner_that_makes_no_such_thing_does_not_take_it_along() -> None:
    """A Service that names a Deployment as its owner is not the work of the Deployment's controller."""
    service = obj("v1", "Service", "web", metadata=owned_by("apps/v1", "Deployment", "web"), spec={"ports": [{"port": 80}]})
    replicas = obj("apps/v1", "ReplicaSet", "web-1", metadata=owned_by("apps/v1", "Deployment", "web"), spec={})
    found = restored(deployment(image="shop@sha256:" + "a" * 64), service, replicas)
    assert found["Service/web"].object is not None
    assert found["ReplicaSet/web-1"].action == Action.SKIP


def test_finalizers_are_left_to_their_controllers_and_the_clusters_own_are_no_news() -> None:
    foreign = WIDGET | {"metadata": {"name": "one", "namespace": "shop", "finalizers": ["example.com/drain"]}}
    ours = config() | {"metadata": {"name": "settings", "namespace": "shop", "finalizers": ["foregroundDeletion"]}}
    found = restored(foreign, ours)
    assert "finalizers" not in released_form(found["Widget/one"])["metadata"]
    assert found["Widget/one"].transforms == ("finalizers example.com/drain left to their controllers",)
    assert (
        "finalizers" not in released_form(found["ConfigMap/settings"])["metadata"]
        and not found["ConfigMap/settings"].transforms
    )


def test_the_runners_own_storage_class_stays_the_default() -> None:
    marked = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true", "team": "shop"}}
    fast = obj("storage.k8s.io/v1", "StorageClass", "fast", None, metadata=marked, provisioner="ebs")
    item = restored(fast)["StorageClass/fast"]
    assert released_form(item)["metadata"]["annotations"] == {"team": "shop"} and "default class" in item.transforms[0]


def test_a_role_keeps_the_rules_it_had_gathered() -> None:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = obj("rbac.authorization.k8s.io/v1", "ClusterRole", "all", None, rules=rules, aggregationRule={"x": []})
    made = released_form(restored(role)["ClusterRole/all"])
    assert made["rules"] == rules and "aggregationRule" not in made


def test_what_every_cluster_keeps_up_by_itself_is_not_overwritten() -> None:
    built_in = {"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}
    role = obj("rbac.authorization.k8s.io/v1", "ClusterRole", "admin", None, metadata=built_in, rules=[])
    priority = obj("scheduling.k8s.io/v1", "PriorityClass", "system-node-critical", None, value=1)
    found = restored(cronjob(), role, priority)
    assert {found[name].reason for name in ("ClusterRole/admin", "PriorityClass/system-node-critical")} == {
        "every cluster has its own"
    }
