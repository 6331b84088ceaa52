"""Whatever graph of objects a namespace holds: nothing is lost without a word, references are there first, plans repeat."""

import random
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from relight.config import Quarantine
from relight.recovery.apply import Applier, apply_plan
from relight.recovery.cluster import Object, Objects
from relight.recovery.objects import CLUSTER_SCOPED
from relight.recovery.plan import PlanBundle, open_plan
from relight.recovery.versions import successor
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import IMAGE, app, backup, claim, config, obj, plan, recipe, secret

RBAC = "rbac.authorization.k8s.io/v1"
NAMES = st.sampled_from(["a", "b", "c"])


def workload(version: str, kind: str) -> Callable[[str, str], Object]:
    def make(name: str, to: str) -> Object:
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": to}}, {"name": "s", "secret": {"secretName": to}}]
        spec: Object = {"containers": [{"name": "main", "image": IMAGE, "envFrom": [{"configMapRef": {"name": to}}]}]}
        spec |= {"volumes": volumes, "serviceAccountName": to, "priorityClassName": to}
        template = {"metadata": {"labels": {"app": name}}, "spec": spec}
        job = {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}
        plain = {"selector": {"matchLabels": {"app": name}}, "template": template}
        return obj(version, kind, name, spec=job if kind == "CronJob" else plain)

    return make


def crd(name: str, _: str) -> Object:
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"kind": f"Widget{name}", "plural": f"widget{name}s"}}
    return obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"widget{name}s.example.com", None, spec=spec)


MAKERS: dict[str, Callable[[str, str], Object]] = {
    "ConfigMap": lambda name, _: config(name),
    "Secret": lambda name, _: secret(name),
    "PersistentVolumeClaim": lambda name, _: claim(name),
    "ServiceAccount": lambda name, _: obj("v1", "ServiceAccount", name),
    "PriorityClass": lambda name, _: obj("scheduling.k8s.io/v1", "PriorityClass", name, None, value=1),
    "Service": lambda name, _: obj("v1", "Service", name, spec={"ports": [{"port": 80}], "selector": {"app": name}}),
    "Role": lambda name, _: obj(RBAC, "Role", name, rules=[]),
    "RoleBinding": lambda name, to: obj(RBAC, "RoleBinding", name, roleRef={"kind": "Role", "name": to}),
    "Deployment": workload("apps/v1", "Deployment"),
    "StatefulSet": workload("apps/v1", "StatefulSet"),
    "CronJob": workload("batch/v1", "CronJob"),
    "OldCronJob": workload("batch/v1beta1", "CronJob"),
    "Job": workload("batch/v1", "Job"),
    "HorizontalPodAutoscaler": lambda name, to: obj(
        "autoscaling/v2", "HorizontalPodAutoscaler", name, spec={"scaleTargetRef": {"kind": "Deployment", "name": to}}
    ),
    "Ingress": lambda name, to: obj(
        "networking.k8s.io/v1", "Ingress", name, spec={"defaultBackend": {"service": {"name": to}}}
    ),
    "OldIngress": lambda name, _: obj("extensions/v1beta1", "Ingress", name, spec={"backend": {}}),
    "PodSecurityPolicy": lambda name, _: obj("policy/v1beta1", "PodSecurityPolicy", name, None, spec={}),
    "Webhook": lambda name, _: obj(
        "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", name, None, webhooks=[]
    ),
    "Event": lambda name, _: obj("v1", "Event", name),
    "Unknown": lambda name, to: obj("unheard.of/v7alpha3", "Thing", name, spec={"to": to}),
    "CustomResourceDefinition": crd,
    "Custom": lambda name, to: obj("example.com/v1", f"Widget{to}", name, spec={}),
}
PODS = ("Deployment", "StatefulSet", "CronJob", "Job")
# Who refers to what, by name.
EDGES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (PODS, ("ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount", "PriorityClass")),
    (("RoleBinding",), ("Role",)),
    (("HorizontalPodAutoscaler",), ("Deployment",)),
    (("Ingress",), ("Service",)),
    (("Custom",), ("CustomResourceDefinition",)),
)
NODES = st.tuples(st.sampled_from(sorted(MAKERS)), NAMES, NAMES, st.none() | NAMES)
GRAPHS = st.lists(NODES, max_size=25, unique_by=lambda node: (node[0].removeprefix("Old"), node[1]))
Node = tuple[str, str, str, str | None]


def objects(graph: list[Node]) -> Objects:
    made = []
    for kind, name, to, owner in graph:
        item = deepcopy(MAKERS[kind](name, to))
        if owner and kind != "Custom":
            reference = {"apiVersion": "example.com/v1", "kind": f"Widget{to}", "name": owner, "uid": "1"}
            item["metadata"] |= {"ownerReferences": [reference], "finalizers": ["example.com/x"], "generateName": "a-"}
        made.append(item)
    return made


def planned(manifests: Objects) -> PlanBundle:
    return plan(recipe(manifests, app=app(quarantine=Quarantine()), backup=backup(volumes=[], schema_version=0)))


def restored(bundle: PlanBundle) -> FakeCluster:
    def establish(_: FakeCluster, written: Object) -> None:
        if written["kind"] == "CustomResourceDefinition":
            written["status"] = {"conditions": [{"type": "Established", "status": "True"}]}

    cluster = FakeCluster(on_write=establish)
    apply_plan(Applier(cluster=cluster, data_dir=Path("/data")), open_plan(bundle.files, bundle.hash), bundle.objects)
    return cluster


@settings(max_examples=60, deadline=None)
@given(GRAPHS)
def test_every_object_comes_back_or_is_listed_with_the_reason(graph: list[Node]) -> None:
    manifests = objects(graph)
    bundle = planned(manifests)
    rows = Counter((item.identity.group, item.identity.kind, item.identity.name) for item in bundle.objects)
    cluster = restored(bundle)
    for item in manifests:
        group = (successor(item) or item["apiVersion"]).rpartition("/")[0]
        assert rows[group, item["kind"], item["metadata"]["name"]] == 1
    for row in bundle.objects:
        namespace = "" if row.identity.kind in CLUSTER_SCOPED else row.identity.namespace
        there = cluster.has(row.identity.kind, row.identity.name, namespace)
        assert there if row.object is not None else row.reason, row


@settings(max_examples=60, deadline=None)
@given(GRAPHS)
def test_what_an_object_refers_to_is_applied_before_it(graph: list[Node]) -> None:
    bundle = planned(objects(graph))
    waves = {(item.identity.kind, item.identity.name): item.wave for item in bundle.objects if item.object is not None}
    names = {(kind, name): MAKERS[kind](name, to)["metadata"]["name"] for kind, name, to, _ in graph}
    for kind, name, to, _ in graph:
        targets = [target for kinds, known in EDGES if kind in kinds for target in known]
        for target in targets:
            place = (target, names.get((target, to), to))
            real = MAKERS[kind](name, to)
            here = (real["kind"], real["metadata"]["name"])
            if place in waves and here in waves:
                assert waves[place] < waves[here], f"{here} needs {place}"


@settings(max_examples=30, deadline=None)
@given(GRAPHS, st.randoms(use_true_random=False))
def test_the_same_objects_in_any_order_give_the_same_bytes(graph: list[Node], chance: random.Random) -> None:
    manifests = objects(graph)
    shuffled = deepcopy(manifests)
    chance.shuffle(shuffled)
    shuffled = [dict(chance.sample(sorted(item.items()), len(item))) for item in shuffled]
    assert planned(shuffled).files == planned(manifests).files


@settings(max_examples=20, deadline=None)
@given(GRAPHS)
def test_a_second_restore_changes_nothing_and_says_so(graph: list[Node]) -> None:
    bundle = planned(objects(graph))
    cluster = restored(bundle)
    before = cluster.versions
    again = apply_plan(
        Applier(cluster=cluster, data_dir=Path("/data")), open_plan(bundle.files, bundle.hash), bundle.objects
    )
    assert cluster.versions == before
    assert {row.fate for row in again.rows} <= {"unchanged", "skipped", "refused"}
