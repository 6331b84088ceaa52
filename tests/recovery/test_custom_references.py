"""Cluster-scoped custom resources come along where the app names them, and only there; what is lacking is listed."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.errors import ClusterRefused
from relight.recovery.cluster import Object
from relight.recovery.collect import collect
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import namespace, obj

GROUP = "issue.example.com"


def crd(kind: str, scope: str = "Cluster", group: str = GROUP) -> Object:
    spec = {"group": group, "scope": scope, "names": {"kind": kind}}
    return obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{kind.lower()}s.{group}", None, spec=spec)


def wish(**spec: Any) -> Object:
    return obj(f"{GROUP}/v1", "Wish", "one", spec=spec)


def primary(*wishes: Object) -> FakeCluster:
    cluster = FakeCluster()
    for item in (namespace(), crd("Wish", "Namespaced"), crd("ClusterIssuer"), crd("ForgeClass"), *wishes):
        cluster.put(item)
    for kind in ("ClusterIssuer", "ForgeClass"):
        for name in ("mine", "other"):
            cluster.put(obj(f"{GROUP}/v1", kind, name, None, spec={}))
    return cluster


def found(cluster: FakeCluster) -> set[str]:
    return {f"{item['kind']}/{item['metadata']['name']}" for item in collect(cluster, "shop").objects}


@pytest.mark.parametrize(
    ("spec", "taken"),
    [
        ({"issuerRef": {"kind": "ClusterIssuer", "name": "mine"}}, "ClusterIssuer/mine"),
        ({"a": [{"issuerRef": {"apiGroup": GROUP, "kind": "ClusterIssuer", "name": "mine"}}]}, "ClusterIssuer/mine"),
        ({"issuerRef": {"apiVersion": f"{GROUP}/v1", "kind": "ClusterIssuer", "name": "mine"}}, "ClusterIssuer/mine"),
        ({"forgeClassName": "mine"}, "ForgeClass/mine"),
    ],
)
def test_what_a_custom_resource_names_exactly_comes_along_with_its_definition(spec: Object, taken: str) -> None:
    names = found(primary(wish(**spec)))
    assert taken in names and f"CustomResourceDefinition/{taken.split('/')[0].lower()}s.{GROUP}" in names
    assert not {"ClusterIssuer/other", "ForgeClass/other"} & names


@pytest.mark.parametrize(
    "spec",
    [
        {"issuerRef": {"kind": "Issuer", "name": "mine"}},
        {"issuerRef": {"kind": "ClusterIssuer"}},
        {"issuerRef": {"group": "another.example.com", "kind": "ClusterIssuer", "name": "mine"}},
        {"issuer": "mine"},
    ],
)
def test_what_only_looks_like_a_reference_takes_nothing_along(spec: Object) -> None:
    assert not {"ClusterIssuer/mine", "ForgeClass/mine"} & found(primary(wish(**spec)))


@pytest.mark.parametrize("told", [{"group": "absent.example.com"}, {"apiVersion": "absent.example.com/v1"}])
def test_a_reference_to_a_group_that_the_cluster_does_not_serve_is_listed(told: Object) -> None:
    lacking = collect(primary(wish(issuerRef={"kind": "Oracle", "name": "mine", **told})), "shop").unresolved
    (one,) = lacking
    assert one["needs"] == "Oracle.absent.example.com mine" and one["reason"]


def test_a_kind_that_its_served_group_no_longer_has_is_listed() -> None:
    (one,) = collect(primary(wish(issuerRef={"kind": "OldIssuer", "group": GROUP, "name": "mine"})), "shop").unresolved
    assert (one["needs"], one["reason"]) == (f"OldIssuer.{GROUP} mine", "the cluster serves no such kind")


@pytest.mark.parametrize(
    ("annotation", "version", "kind"),
    [
        ("cert-manager.io/cluster-issuer", "cert-manager.io/v1", "ClusterIssuer"),
        ("volume.beta.kubernetes.io/storage-class", "storage.k8s.io/v1", "StorageClass"),
    ],
)
def test_what_an_annotation_names_exactly_comes_along_or_is_listed(annotation: str, version: str, kind: str) -> None:
    cluster = primary(obj("v1", "ConfigMap", "web") | {"metadata": shop("web", annotation, "mine")})
    (one,) = collect(cluster, "shop").unresolved
    assert one["needs"] == f"{kind}.{version.split('/')[0]} mine"
    if version.startswith("cert-manager"):
        cluster.put(crd(kind, group="cert-manager.io"))
    for name in ("mine", "other"):
        cluster.put(obj(version, kind, name, None, **({"provisioner": "x"} if kind == "StorageClass" else {"spec": {}})))
    collected = collect(cluster, "shop")
    assert collected.unresolved == ()
    assert [one["metadata"]["name"] for one in collected.objects if one["kind"] == kind and "names" not in one] == ["mine"]


def shop(name: str, annotation: str, value: str) -> Object:
    return {"name": name, "namespace": "shop", "annotations": {annotation: value}}


def test_a_subject_of_a_served_group_that_is_no_object_is_not_listed() -> None:
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "ann"}
    binding = obj("rbac.authorization.k8s.io/v1", "RoleBinding", "ann", subjects=[subject])
    assert collect(primary(binding), "shop").unresolved == ()


def test_the_text_of_a_config_map_is_no_reference() -> None:
    data = {"kind": "ClusterIssuer", "name": "mine"}
    assert "ClusterIssuer/mine" not in found(primary(obj("v1", "ConfigMap", "text", data=data)))


def test_a_kind_that_two_groups_have_is_taken_from_the_group_of_the_object_that_names_it() -> None:
    cluster = primary(wish(issuerRef={"kind": "ClusterIssuer", "name": "mine"}))
    cluster.put(crd("ClusterIssuer", group="another.example.com"))
    assert "ClusterIssuer/mine" in found(cluster)


def test_what_is_named_and_is_not_there_or_cannot_be_read_is_listed_with_the_reason() -> None:
    cluster = primary(wish(a={"kind": "ClusterIssuer", "name": "gone"}, b={"kind": "ClusterIssuer", "name": "mine"}))
    cluster.failures["mine"].append(ClusterRefused("clusterissuers is forbidden"))
    said = {row["needs"]: (row["object"], row["reason"]) for row in collect(cluster, "shop").unresolved}
    who = f"Wish.{GROUP} shop/one"
    assert said[f"ClusterIssuer.{GROUP} gone"] == (who, "is not in the cluster")
    assert said[f"ClusterIssuer.{GROUP} mine"][0] == who and "is forbidden" in said[f"ClusterIssuer.{GROUP} mine"][1]


NAMES = st.sampled_from(["a", "b", "c", "d"])
EDGES = st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=4)


@settings(max_examples=60, deadline=None)
@given(EDGES, st.lists(NAMES, max_size=2))
def test_what_is_reached_from_the_app_is_collected_or_listed_and_nothing_else(
    graph: dict[str, list[str]], first: Sequence[str]
) -> None:
    cluster = FakeCluster()
    refs = {name: [{"kind": "Link", "name": to} for to in tos] for name, tos in graph.items()}
    start = wish(refs=[{"kind": "Link", "name": name} for name in first])
    for item in (namespace(), crd("Wish", "Namespaced"), crd("Link"), start):
        cluster.put(item)
    for name, to in refs.items():
        cluster.put(obj(f"{GROUP}/v1", "Link", name, None, spec={"deep": [{"refs": to}]}))
    reached: set[str] = set()
    waiting = set(first)
    while waiting:
        reached |= waiting
        waiting = {to for name in waiting for to in graph.get(name, [])} - reached
    collected = collect(cluster, "shop")
    taken = [item["metadata"]["name"] for item in collected.objects if item["kind"] == "Link"]
    assert sorted(taken) == sorted(reached & graph.keys())
    assert {row["needs"].split()[-1] for row in collected.unresolved} == reached - graph.keys()
