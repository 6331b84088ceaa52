"""What an app names by annotation comes along; what could not be had is told by the backup, the plan, and once only."""

import io
from typing import Any

import pytest
from rich.console import Console

from relight.backup.metadata import Metadata
from relight.cli.backups import page_of
from relight.recovery.cluster import Object
from relight.recovery.collect import collect
from relight.recovery.forecast import forecast
from relight.recovery.plan import PlanBundle
from relight.recovery.references import REFERRED
from relight.recovery.standing import Existing
from relight.recovery.target import inspect
from relight.recovery.unresolved import unresolved
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import backup, claim, namespace, obj, plan, recipe, shop

STORAGE, INGRESS, ISSUER = "storage.k8s.io/v1", "networking.k8s.io/v1", "cert-manager.io/v1"
CLASS = {"volume.beta.kubernetes.io/storage-class": "fast"}
NEEDS = "ClusterIssuer.cert-manager.io letsencrypt"


def marked(kind: str, version: str = INGRESS, **annotations: str) -> Object:
    return obj(version, kind, "web", metadata={"annotations": annotations}, spec={})


def primary(*more: Object) -> FakeCluster:
    cluster = FakeCluster()
    spec = {"group": "cert-manager.io", "scope": "Cluster", "names": {"kind": "ClusterIssuer"}}
    issuers = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "clusterissuers.cert-manager.io", None, spec=spec)
    own = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "ours.pca.example.com", None)
    own["spec"] = {"group": "pca.example.com", "scope": "Cluster", "names": {"kind": "Our"}}
    for item in (namespace(), issuers, own, *more):
        cluster.put(item)
    for version, kind in ((STORAGE, "StorageClass"), (INGRESS, "IngressClass"), (ISSUER, "ClusterIssuer")):
        for name in ("fast", "slow"):
            cluster.put(obj(version, kind, name, None))
    cluster.put(obj("pca.example.com/v1", "Our", "fast", None))
    return cluster


def beyond(cluster: FakeCluster) -> set[str]:
    found = collect(cluster, "shop").objects
    return {f"{one['kind']}/{one['metadata']['name']}" for one in found if one["kind"] not in ("Ingress", "Namespace")}


@pytest.mark.parametrize(
    ("named_by", "taken"),
    [
        (claim("data", metadata={"annotations": CLASS}, spec={"storageClassName": None}), "StorageClass/fast"),
        (
            obj("apps/v1", "StatefulSet", "db", spec={"volumeClaimTemplates": [{"metadata": {"annotations": CLASS}}]}),
            "StorageClass/fast",
        ),
        (marked("Ingress", **{"kubernetes.io/ingress.class": "fast"}), "IngressClass/fast"),
        (marked("Ingress", **{"cert-manager.io/cluster-issuer": "fast"}), "ClusterIssuer/fast"),
        (
            marked("Gateway", "gateway.networking.k8s.io/v1", **{"cert-manager.io/cluster-issuer": "fast"}),
            "ClusterIssuer/fast",
        ),
        (
            marked("Ingress", **{"cert-manager.io/issuer": "fast", "cert-manager.io/issuer-kind": "ClusterIssuer"}),
            "ClusterIssuer/fast",
        ),
        (
            marked(
                "Ingress",
                **{
                    "cert-manager.io/issuer": "fast",
                    "cert-manager.io/issuer-kind": "Our",
                    "cert-manager.io/issuer-group": "pca.example.com",
                },
            ),
            "Our/fast",
        ),
    ],
)
def test_what_an_annotation_names_comes_along_and_nothing_like_it(named_by: Object, taken: str) -> None:
    found = beyond(primary(named_by))
    assert taken in found and not [name for name in found if name.endswith("/slow")]


@pytest.mark.parametrize(
    "item",
    [
        marked("Service", "v1", **{"cert-manager.io/cluster-issuer": "fast"}),
        marked("Ingress", **{"cert-manager.io/issuer": "fast"}),
        marked("Ingress", **{"example.com/cluster-issuer": "fast"}),
    ],
)
def test_an_annotation_that_no_controller_reads_there_takes_nothing_along(item: Object) -> None:
    assert "ClusterIssuer/fast" not in beyond(primary(item))


def test_an_ingress_whose_class_is_a_word_alone_lacks_nothing() -> None:
    found = collect(primary(marked("Ingress", **{"kubernetes.io/ingress.class": "nginx"})), "shop")
    assert found.unresolved == ()


def test_an_issuer_that_is_not_there_is_listed() -> None:
    cluster = primary(marked("Ingress", **{"cert-manager.io/cluster-issuer": "letsencrypt"}))
    (one,) = collect(cluster, "shop").unresolved
    assert (one.object, one.needs, one.reason) == ("Ingress.networking.k8s.io shop/web", NEEDS, "is not in the cluster")


# ---------------------------------------------------------------- what a person hears of it
def lacking(reason: str = "cannot be read: clusterissuers is forbidden", needs: str = NEEDS) -> dict[str, Any]:
    row = {"object": "Ingress.networking.k8s.io shop/web", "needs": needs, "reason": reason}
    return {"extra": {"unresolved": [row]}}


def planned(**facts: Any) -> PlanBundle:
    ingress = marked("Ingress", **{"cert-manager.io/cluster-issuer": "letsencrypt"})
    return plan(recipe([*shop(), ingress], backup=backup(**facts)))


@pytest.mark.parametrize(
    ("reason", "means", "fix"),
    [
        ("cannot be read: clusterissuers is forbidden", "will lack it on the runner", "relight backup cronjob again"),
        ("is not in the cluster", "lacked it where it ran", "create it, or drop the reference, then back up again"),
        ("the cluster serves no such kind", "lacked it where it ran", "install its CRD"),
        ("another release's words", "will lack it on the runner", "see why it could not be had"),
    ],
)
def test_the_plan_says_what_the_backup_lacks_what_it_means_and_what_to_do(reason: str, means: str, fix: str) -> None:
    (said,) = map(str, planned(**lacking(reason)).forecast.findings)
    assert said.startswith(f"unresolved: Ingress.networking.k8s.io shop/web needs {NEEDS}, which is not in the backup")
    assert reason in said and means in said and fix in said


def test_what_the_backup_does_not_say_the_plan_finds_by_itself() -> None:
    (said,) = map(str, planned().forecast.findings)
    assert said == f"reference: Ingress.networking.k8s.io shop/web needs {NEEDS}, which is neither in the backup nor there"


def test_where_the_target_has_it_nothing_is_lacking() -> None:
    cluster, bundle = FakeCluster(), planned(**lacking())
    cluster.put(obj(ISSUER, "ClusterIssuer", "letsencrypt", None))
    target = inspect(cluster, "theirs", bundle.objects, REFERRED)
    assert forecast(bundle.objects, target, Existing.UPDATE, backup=bundle.backup).findings == ()


@pytest.mark.parametrize("rows", [None, 5, "text", [5], [{"object": "x"}], [{"object": 1, "needs": 2, "reason": 3}], {}])
def test_rows_of_another_shape_tell_nothing_and_break_nothing(rows: object) -> None:
    assert unresolved(rows) == () and backup(extra={"unresolved": rows}).unresolved == ()


def test_the_backup_itself_says_it_on_the_spot() -> None:
    text = io.StringIO()
    done = Metadata(backup_id="b1", app="shop", namespace="shop", created_at="2026-11-25T03:00:00Z", **lacking())
    page_of(Console(file=text, width=400), "s3://b/shop/backups/b1", done, 1.0)
    assert f"not in it: Ingress.networking.k8s.io shop/web needs {NEEDS}" in text.getvalue()
    assert "print relight backup cronjob again" in text.getvalue()
