"""Collecting an app for its backup: all of it, nothing else, and what a restore makes of it again."""

from pathlib import Path

import pytest

from relight.errors import RequestInvalid
from relight.model import RestoreOutcome
from relight.recovery.apply import Applier, apply_plan
from relight.recovery.collect import Collected, collect
from relight.recovery.plan import open_plan
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import DIGEST, IMAGE, TAG, backup, claim, config, deployment, obj, plan, pod, recipe, shop

RBAC = "rbac.authorization.k8s.io/v1"


def subject(namespace: str) -> list[dict[str, str]]:
    return [{"kind": "ServiceAccount", "name": "web", "namespace": namespace}]


@pytest.fixture
def primary(tmp_path: Path) -> FakeCluster:
    """The shop where it lives, beside a neighbour, with what a cluster adds by itself."""
    cluster = FakeCluster()
    for item in shop():
        cluster.put(item)
    cluster.put(claim(spec={"volumeName": "pvc-1"}, status={"phase": "Bound"}))
    cluster.put(obj("v1", "PersistentVolume", "pvc-1", None, spec={"hostPath": {"path": str(tmp_path)}}))
    cluster.put(config("kube-root-ca.crt", ca="x"))
    cluster.put(obj("v1", "Event", "web.1"))
    cluster.put(obj("v1", "Endpoints", "public"))
    cluster.put(config() | {"metadata": {"name": "other", "namespace": "neighbour"}})
    running = {"name": "main", "imageID": f"docker-pullable://registry.example/shop@{DIGEST}"}
    owner = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web-1"}]}
    cluster.put(obj("v1", "Pod", "web-1-x", metadata=owner, spec=pod(), status={"containerStatuses": [running]}))
    return cluster


def names(collected: Collected) -> set[str]:
    return {f"{item['kind']}/{item['metadata']['name']}" for item in collected.objects}


def test_the_whole_namespace_is_collected_and_nothing_of_a_neighbour(primary: FakeCluster) -> None:
    found = names(collect(primary, "shop"))
    assert {"Namespace/shop", "Secret/credentials", "CronJob/nightly", "PersistentVolumeClaim/ledger"} <= found
    assert not {"ConfigMap/other", "Event/web.1", "Endpoints/public", "Pod/web-1-x", "PersistentVolume/pvc-1"} & found


def test_a_bare_pod_belongs_to_the_app(primary: FakeCluster) -> None:
    primary.put(obj("v1", "Pod", "shell", spec=pod(IMAGE)))
    assert "Pod/shell" in names(collect(primary, "shop"))


def test_the_digest_that_a_pod_runs_is_recorded_for_every_workload_of_the_same_image(primary: FakeCluster) -> None:
    images = {(image.workload, image.container): image.ref for image in collect(primary, "shop").images}
    assert images == {("Deployment/web", "main"): IMAGE, ("CronJob/nightly", "main"): IMAGE}


def test_an_image_that_nobody_runs_is_recorded_as_it_is(primary: FakeCluster) -> None:
    primary.delete("v1", "Pod", "shop", "web-1-x")
    assert {image.ref for image in collect(primary, "shop").images} == {TAG}


def test_cluster_roles_definitions_and_priorities_come_with_the_app_that_uses_them(primary: FakeCluster) -> None:
    role = {"kind": "ClusterRole", "name": "reader"}
    primary.put(obj(RBAC, "ClusterRoleBinding", "shop-reads", None, subjects=subject("shop"), roleRef=role))
    primary.put(obj(RBAC, "ClusterRoleBinding", "other-reads", None, subjects=subject("neighbour"), roleRef=role))
    primary.put(obj(RBAC, "ClusterRole", "reader", None, rules=[]))
    primary.put(obj(RBAC, "RoleBinding", "views", roleRef={"kind": "ClusterRole", "name": "view"}))
    built_in = {"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}
    primary.put(obj(RBAC, "ClusterRole", "view", None, metadata=built_in, rules=[]))
    for kind in ("Widget", "Gadget"):
        spec = {"group": "gateway.example.k8s.io", "names": {"kind": kind}}
        primary.put(obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", kind.lower(), None, spec=spec))
    primary.put(obj("gateway.example.k8s.io/v1", "Widget", "one"))
    urgent = deployment("urgent", IMAGE)
    urgent["spec"]["template"]["spec"]["priorityClassName"] = "high"
    primary.put(urgent)
    primary.put(obj("scheduling.k8s.io/v1", "PriorityClass", "high", None, value=1000))
    found = names(collect(primary, "shop"))
    assert {"ClusterRoleBinding/shop-reads", "ClusterRole/reader", "Widget/one", "PriorityClass/high"} <= found
    assert "CustomResourceDefinition/widget" in found
    assert not {"ClusterRoleBinding/other-reads", "ClusterRole/view", "CustomResourceDefinition/gadget"} & found


def test_what_pods_claims_and_ingresses_name_comes_along_and_nothing_else_of_the_cluster(primary: FakeCluster) -> None:
    db = deployment("db", IMAGE) | {"kind": "StatefulSet"}
    db["spec"]["template"]["spec"]["runtimeClassName"] = "gvisor"
    db["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": {"storageClassName": "fast"}}]
    primary.put(db)
    primary.put(obj("networking.k8s.io/v1", "Ingress", "web", spec={"ingressClassName": "public"}))
    for version, kind in (
        ("storage.k8s.io", "StorageClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("networking.k8s.io", "IngressClass"),
    ):
        for name in ("fast", "gvisor", "public", "other"):
            primary.put(obj(f"{version}/v1", kind, name, None))
    found = {name for name in names(collect(primary, "shop")) if "Class/" in name}
    assert found == {"StorageClass/fast", "RuntimeClass/gvisor", "IngressClass/public"}


def test_webhooks_that_call_the_apps_services_come_along(primary: FakeCluster) -> None:
    for home in ("shop", "neighbour"):
        hooks = [{"name": "h", "clientConfig": {"service": {"name": "hook", "namespace": home}}}]
        primary.put(obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", home, None, webhooks=hooks))
    found = names(collect(primary, "shop"))
    assert "ValidatingWebhookConfiguration/shop" in found and "ValidatingWebhookConfiguration/neighbour" not in found


def test_a_binding_of_all_the_namespaces_accounts_is_the_apps_too(primary: FakeCluster) -> None:
    group = [{"kind": "Group", "name": "system:serviceaccounts:shop"}]
    role = {"kind": "ClusterRole", "name": "reader"}
    primary.put(obj(RBAC, "ClusterRoleBinding", "all", None, subjects=group, roleRef=role))
    assert "ClusterRoleBinding/all" in names(collect(primary, "shop"))


def test_each_bound_claim_has_the_directory_of_its_files(primary: FakeCluster, tmp_path: Path) -> None:
    (volume,) = collect(primary, "shop").volumes
    assert (volume.claim, volume.directory) == ("ledger", tmp_path)


def test_a_claim_whose_files_are_not_here_is_refused_with_what_to_do(primary: FakeCluster, tmp_path: Path) -> None:
    primary.put(obj("v1", "PersistentVolume", "pvc-1", None, spec={"csi": {"driver": "ebs"}}))
    with pytest.raises(RequestInvalid, match=r"claim shop/ledger.*say where they are mounted"):
        collect(primary, "shop")
    (volume,) = collect(primary, "shop", directories={"ledger": tmp_path}).volumes
    assert volume.directory == tmp_path


def test_a_claim_without_a_volume_has_no_files(primary: FakeCluster) -> None:
    primary.put(claim("uploads", status={"phase": "Pending"}))
    assert [volume.claim for volume in collect(primary, "shop").volumes] == ["ledger"]


def test_a_namespace_that_is_not_there_is_named() -> None:
    with pytest.raises(RequestInvalid, match="namespace 'shop'"):
        collect(FakeCluster(), "shop")


def test_what_is_collected_restores_completely_elsewhere(primary: FakeCluster, tmp_path: Path) -> None:
    collected = collect(primary, "shop")
    images = [{"workload": i.workload, "container": i.container, "ref": i.ref} for i in collected.images]
    bundle = plan(recipe(collected.objects, backup=backup(images=images)))
    standby = FakeCluster()
    ledger = apply_plan(Applier(cluster=standby, data_dir=tmp_path), open_plan(bundle.files, bundle.hash), bundle.objects)
    assert ledger.outcome == RestoreOutcome.COMPLETE
    assert standby.has("Deployment", "web") and not standby.has("ConfigMap", "kube-root-ca.crt")
