"""A namespace that holds something of everything, collected from one Kubernetes API and restored onto another."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.adapters.kube import Cluster
from relight.config import Quarantine
from relight.errors import RelightError
from relight.model import RestoreOutcome
from relight.records import replace
from relight.recovery.apply import Applier, apply_plan
from relight.recovery.cluster import Object
from relight.recovery.collect import collect
from relight.recovery.dryrun import dry_run
from relight.recovery.forecast import forecast
from relight.recovery.ledger import Fate, Ledger
from relight.recovery.plan import PlanBundle, bind, open_plan
from relight.recovery.references import REFERRED
from relight.recovery.release import lift
from relight.recovery.standing import Existing
from relight.recovery.target import EMPTY, inspect
from tests.recovery.shop import IMAGE, app, backup, config, namespace, obj, plan, recipe, secret
from tests.recovery.test_on_cluster import cluster

RBAC = "rbac.authorization.k8s.io/v1"
LABELS = {"app": "web"}
SELECTOR = {"matchLabels": LABELS}
POD = {
    "containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "600"]}],
    "serviceAccountName": "web",
    "priorityClassName": "high",
}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
SCHEMA = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD_SPEC = {
    "group": "example.com",
    "scope": "Namespaced",
    "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
}
HOOK = {
    "name": "hook.example.com",
    "clientConfig": {"service": {"name": "web", "namespace": "shop"}},
    "rules": [{"apiGroups": ["nowhere.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["x"]}],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
FINALIZED = {"finalizers": ["example.com/drain"], "annotations": {"example.com/note": "kept"}}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def everything() -> Iterator[Object]:
    """In an order in which a cluster takes it."""
    yield {key: value for key, value in namespace().items() if key not in ("spec", "status")}
    yield obj("scheduling.k8s.io/v1", "PriorityClass", "high", None, value=1000)
    yield obj("networking.k8s.io/v1", "IngressClass", "public", None, spec={"controller": "example.com/ingress"})
    yield obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com", None, spec=CRD_SPEC)
    yield obj("v1", "ServiceAccount", "web")
    yield obj("v1", "ResourceQuota", "quota", spec={"hard": {"pods": "50"}})
    yield obj("v1", "LimitRange", "limits", spec={"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]})
    yield obj(
        RBAC, "ClusterRole", "shop-reader", None, rules=[{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}]
    )
    yield obj(RBAC, "Role", "reader", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])
    who = [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]
    reference = {"apiGroup": "rbac.authorization.k8s.io"}
    yield obj(RBAC, "RoleBinding", "reads", subjects=who, roleRef=reference | {"kind": "Role", "name": "reader"})
    cluster_wide = reference | {"kind": "ClusterRole", "name": "shop-reader"}
    yield obj(RBAC, "ClusterRoleBinding", "shop-reads", None, subjects=who, roleRef=cluster_wide)
    yield secret()
    yield config()
    yield obj("v1", "ConfigMap", "large", data={"blob": random.Random(7).randbytes(500_000).hex()})
    yield obj("v1", "ConfigMap", "frozen", immutable=True, data={"k": "v"})
    yield obj("v1", "Service", "web", spec={"selector": LABELS, "ports": [{"port": 80}]})
    yield obj("networking.k8s.io/v1", "NetworkPolicy", "web", spec={"podSelector": SELECTOR})
    yield obj("apps/v1", "StatefulSet", "db", spec=stateful())
    yield obj("apps/v1", "Deployment", "web", spec={"replicas": 1, "selector": SELECTOR, "template": TEMPLATE})
    yield obj("policy/v1", "PodDisruptionBudget", "web", spec={"minAvailable": 1, "selector": SELECTOR})
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    yield obj("autoscaling/v2", "HorizontalPodAutoscaler", "web", spec={"maxReplicas": 3, "scaleTargetRef": target})
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    yield obj("networking.k8s.io/v1", "Ingress", "web", spec={"ingressClassName": "public", "defaultBackend": backend})
    job = {"spec": {"template": {"spec": POD | {"restartPolicy": "Never"}}}}
    yield obj("batch/v1", "CronJob", "nightly", spec={"schedule": "0 3 * * *", "jobTemplate": job})
    yield obj("batch/v1", "Job", "import", **job)
    yield obj("v1", "ConfigMap", "order-x7k2p", metadata={"generateName": "order-"}, data={"k": "v"})
    yield obj("example.com/v1", "Widget", "one", metadata=FINALIZED, spec={"size": 3})
    yield obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "shop", None, webhooks=[HOOK])


def stateful() -> Object:
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
        "storageClassName": "local-path",
    }
    labels = {"app": "db"}
    return {
        "serviceName": "web",
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": POD},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }


def restore(runner: Cluster, bundle: PlanBundle, data: Path) -> Ledger:
    return apply_plan(Applier(cluster=runner, data_dir=data), open_plan(bundle.files, bundle.hash), bundle.objects)


def live(cluster: Cluster, item: Object) -> Object:
    found = cluster.get(item["apiVersion"], item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
    assert found is not None, f"{item['kind']} {item['metadata']['name']} did not come back"
    return found


def test_everything_comes_back_or_is_listed_and_a_second_restore_changes_nothing(tmp_path: Path) -> None:
    for name in ("primary", "runner", "disk"):
        (tmp_path / name).mkdir()
    volumes = tmp_path / "disk" / "volumes/shop/data-db-0"
    volumes.mkdir(parents=True)
    with cluster(tmp_path / "primary", tmp_path) as primary:
        for item in everything():
            primary.apply(item)
        collected = collect(primary, "shop", directories={"data-db-0": volumes})
    held = {(item["kind"], item["metadata"]["name"]) for item in collected.objects}
    assert {(item["kind"], item["metadata"]["name"]) for item in everything()} <= held
    facts = backup(images=[], schema_version=0)
    shop = recipe(collected.objects, app=app(quarantine=Quarantine()), backup=replace(facts, volumes=None))
    bundle = plan(shop)
    assert bind(open_plan(bundle.files, bundle.hash), shop) == bundle.objects
    assert not bundle.refused, bundle.refused
    rows = {(item.identity.kind, item.identity.name): item for item in bundle.objects}
    assert all(rows[who].object is not None or rows[who].reason for who in held)

    with cluster(tmp_path / "runner", tmp_path) as runner:
        ledger = restore(runner, bundle, tmp_path / "disk")
        assert ledger.outcome == RestoreOutcome.COMPLETE, [str(row) for row in ledger.faults]
        assert ledger.surprises == (), [str(row) for row in ledger.surprises]
        for item in everything():
            if rows[item["kind"], item["metadata"]["name"]].object is not None:
                live(runner, item)
        widget = live(runner, obj("example.com/v1", "Widget", "one"))
        assert widget["spec"] == {"size": 3} and "finalizers" not in widget["metadata"]
        assert runner.get("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", None, "shop") is None

        again = restore(runner, bundle, tmp_path / "disk")
        assert {row.fate for row in again.rows if row.fate not in (Fate.SKIPPED, Fate.UNCHANGED)} == set(), [
            str(row) for row in again.rows if row.fate not in (Fate.SKIPPED, Fate.UNCHANGED)
        ]
        target = inspect(runner, "runner", bundle.objects, set(REFERRED))
        foreseen = dry_run(runner, bundle.objects, target, forecast(bundle.objects, target, Existing.UPDATE))
        unlike = [
            (str(item.identity), one)
            for item, one in zip(bundle.objects, foreseen.told, strict=True)
            if one.fate not in (Fate.UNCHANGED, Fate.SKIPPED) and item.identity.kind != "PersistentVolume"
        ]
        assert not unlike, unlike

        opened = open_plan(bundle.files, bundle.hash)
        assert all(action.done for action in lift(runner, opened, bundle.objects, tmp_path / "disk"))
        live(runner, obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "shop", None))


OLD_BUDGET = obj("policy/v1beta1", "PodDisruptionBudget", "old", spec={"minAvailable": 1, "selector": SELECTOR})
# What a backup of years ago holds: (object, fate, words of the reason).
HISTORY: tuple[tuple[Object, Fate, str], ...] = (
    (OLD_BUDGET, Fate.TRANSFORMED, ""),
    (obj("extensions/v1beta1", "Ingress", "ancient", spec={}), Fate.REFUSED, "no longer served"),
    (obj("policy/v1", "PodSecurityPolicy", "strict", spec={}), Fate.FAILED, "does not serve policy/v1 PodSecurityPolicy"),
    (obj("nowhere.example.com/v1", "Thing", "unknown", spec={}), Fate.FAILED, "does not serve nowhere.example.com/v1 Thing"),
    (obj("v1", "Event", "started"), Fate.SKIPPED, "events describe the old cluster"),
)


def test_what_no_cluster_takes_any_more_is_listed_as_foretold_and_the_rest_comes_back(tmp_path: Path) -> None:
    made_of = recipe([namespace(), config(), *(item for item, _, _ in HISTORY)], app=app(quarantine=Quarantine()))
    bundle = plan(made_of)
    with cluster(tmp_path, tmp_path) as runner:
        ledger = restore(runner, bundle, tmp_path / "disk")
        live(runner, OLD_BUDGET | {"apiVersion": "policy/v1"})
        live(runner, config())
    rows = {row.name: row for row in ledger.rows}
    for item, fate, reason in HISTORY:
        row = rows[item["metadata"]["name"]]
        assert row.predicted == row.fate == fate and reason in row.reason, str(row)
    assert ledger.outcome == RestoreOutcome.PARTIAL and {row.name for row in ledger.faults} == {
        "ancient",
        "strict",
        "unknown",
    }


def test_an_empty_cluster_is_what_the_plan_takes_it_for(tmp_path: Path) -> None:
    """What the table of an empty runner lists is served, as far as the tests' cluster serves it at all."""
    with cluster(tmp_path, tmp_path) as runner:
        served = {(one.api_version, one.kind) for one in runner.resources()}
        assert served <= EMPTY.served, served - EMPTY.served
        with pytest.raises(RelightError):
            runner.get("batch/v1beta1", "CronJob", "default", "x")
