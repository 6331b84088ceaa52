"""An API behind a Service may be dead (metrics-server is, often) while the app is well: the backup goes on and says so."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from relight.adapters.kube import Cluster
from relight.adapters.kube_address import API_SERVICES
from relight.backup.metadata import Metadata
from relight.cli.backups import incomplete, page_of
from relight.cli.failback import objects as differences_shown
from relight.cli.primary import differences
from relight.errors import ServiceUnavailable
from relight.local.cluster import start
from relight.model import encode
from relight.recovery.cluster import Object
from relight.recovery.collect import Collected, collect
from relight.recovery.comparison import compare
from relight.recovery.forecast import forecast
from relight.recovery.references import REFERRED
from relight.recovery.standing import Existing
from relight.recovery.target import inspect
from tests.recovery.api import Api, kubeconfig
from tests.recovery.fake import FakeCluster
from tests.recovery.restoring import restore, row
from tests.recovery.shop import app, backup, namespace, obj, plan, recipe, shop
from tests.support import eventually

GROUP = "orders.example.com"
SERVED = f"{GROUP}/v1"
DEAD = (503, "service unavailable\n")


def api_service(group: str = GROUP, version: str = "v1", service: bool = True) -> Object:
    spec: dict[str, Any] = {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100}
    spec |= {"service": {"namespace": "elsewhere", "name": "dead"}, "insecureSkipTLSVerify": True} if service else {}
    return obj("apiregistration.k8s.io/v1", "APIService", f"{version}.{group}", None, spec=spec)


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A shop in a cluster where metrics-server is dead, and another API is too."""
    place = tmp_path_factory.mktemp("primary")
    started = start(place / "data", "primary", host_paths=[place])
    try:
        cluster = Cluster(started.kubeconfig)
        cluster.apply(obj("v1", "Namespace", "shop", None))
        cluster.apply(obj("v1", "ConfigMap", "web", data={"on": "yes"}))
        cluster.apply(api_service("metrics.k8s.io", "v1beta1"))
        cluster.apply(api_service())
        eventually(lambda: cluster.get("v1", "ServiceAccount", "shop", "default"), "the namespace is whole")
        yield started.kubeconfig
    finally:
        started.stop()


def told(found: Collected) -> tuple[str, bool]:
    rows = [encode(row) for row in found.unresolved]
    done = Metadata(
        backup_id="b1", app="shop", namespace="shop", created_at="2026-11-25T03:00:00Z", extra={"unresolved": rows}
    )
    text = io.StringIO()
    page_of(Console(file=text, width=400), "s3://b/shop/backups/b1", done, 1.0)
    return text.getvalue(), incomplete(done)


# ---------------------------------------------------------------- a backup
def test_everything_else_is_backed_up_and_what_may_be_lacking_is_told_and_ends_badly(primary: Path) -> None:
    found = collect(Cluster(primary), "shop")
    assert "web" in {one["metadata"]["name"] for one in found.objects if one["kind"] == "ConfigMap"}
    (row,) = found.unresolved
    assert (row.object, row.needs) == ("Namespace shop", f"*.{GROUP} *") and "503" in row.reason
    said, ends_badly = told(found)
    assert said.startswith("PARTIAL: backup b1") and ends_badly
    assert f"not in it: Namespace shop may have objects of {GROUP}, which are not in the backup" in said
    assert "repair that API, or remove it: kubectl get apiservices, then back up again" in said


def test_an_api_that_keeps_nothing_is_not_even_asked(api: Api, cluster: Cluster) -> None:
    grouped(api, "metrics.k8s.io/v1beta1", DEAD)
    assert ("apps/v1", "Deployment") in {(one.api_version, one.kind) for one in cluster.resources()}
    assert not cluster.silent and "/apis/metrics.k8s.io/v1beta1" not in [asked[1] for asked in api.asked]


def test_an_api_that_hangs_is_waited_for_once(api: Api, tmp_path: Path) -> None:
    grouped(api, SERVED, (200, lambda _: time.sleep(2) or {}))
    cluster = Cluster(kubeconfig(tmp_path, api.server_address[1]), timeout=0.3)
    for _ in range(3):
        assert ("apps/v1", "Deployment") in {(one.api_version, one.kind) for one in cluster.resources()}
    assert "TimeoutError" in cluster.silent[SERVED]
    assert [asked[1] for asked in api.asked].count(f"/apis/{SERVED}") == 1


@pytest.mark.parametrize("known", [True, False])
def test_what_the_api_server_itself_serves_is_never_left_out(api: Api, cluster: Cluster, known: bool) -> None:
    grouped(api, SERVED, DEAD, service=False)
    if not known:  # nor where nobody may see who answers for it
        api.answers[API_SERVICES] = (403, {"message": "forbidden"})
    with pytest.raises(ServiceUnavailable, match=SERVED):
        cluster.resources()


def grouped(api: Api, version: str, answer: tuple[int, Any], service: bool = True) -> None:
    """The stub serves one more group, with its APIService."""
    group, _, name = version.partition("/")
    more = {"name": group, "preferredVersion": {"groupVersion": version}}
    api.answers["/apis"] = (200, {"groups": [*api.answers["/apis"][1]["groups"], more]})
    api.answers |= {f"/apis/{version}": answer, API_SERVICES: (200, {"items": [api_service(group, name, service)]})}


def running(**known: Any) -> FakeCluster:
    cluster = FakeCluster(**known)
    for item in (namespace(), obj("v1", "ConfigMap", "web"), obj(SERVED, "Order", "first")):
        cluster.put(item)
    cluster.failures["Order"] = [ServiceUnavailable("GET /orders: 503")]
    return cluster


def test_an_api_that_is_found_and_does_not_list_is_told_too() -> None:
    found = collect(running(services={SERVED}), "shop")
    (row,) = found.unresolved
    assert (row.needs, row.silent) == (f"*.{GROUP} *", True) and "503" in row.reason
    assert [one["kind"] for one in found.objects] == ["Namespace", "ConfigMap"]


def test_a_kind_of_the_app_that_the_api_server_cannot_list_ends_the_backup() -> None:
    """A CRD's, where its conversion webhook is dead: the newest backup is what a run takes, and this one would lack it."""
    with pytest.raises(ServiceUnavailable):
        collect(running(), "shop")


@pytest.mark.parametrize("failing", [True, False])
def test_what_the_app_names_and_a_dead_api_has_is_told_with_the_reason(failing: bool) -> None:
    cluster = FakeCluster(services={"cert-manager.io/v1"})
    spec = {"group": "cert-manager.io", "scope": "Cluster", "names": {"kind": "ClusterIssuer"}}
    named = {"metadata": {"annotations": {"cert-manager.io/cluster-issuer": "ours"}}}
    issuer = obj("cert-manager.io/v1", "ClusterIssuer", "ours", None)
    crd = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "clusterissuers.cert-manager.io", None, spec=spec)
    for item in (namespace(), crd, obj("networking.k8s.io/v1", "Ingress", "web", **named), *([issuer] if failing else [])):
        cluster.put(item)
    if failing:
        cluster.failures["ours"] = [ServiceUnavailable("GET /ours: 503")]
    else:
        cluster.silent["cert-manager.io/v1"] = "GET /apis/cert-manager.io/v1: 503"
    row = collect(cluster, "shop").unresolved[-1]
    assert row.needs == "ClusterIssuer.cert-manager.io ours" and row.silent and "503" in row.reason


# ---------------------------------------------------------------- a plan against such a cluster, and the way back to it
def test_a_plan_says_which_objects_the_dead_api_would_take(primary: Path) -> None:
    bundle = plan(recipe([*shop(), obj(SERVED, "Order", "first")], backup=backup()))
    target = inspect(Cluster(primary), "theirs", bundle.objects, REFERRED)
    found = forecast(bundle.objects, target, Existing.UPDATE)
    fates = {item.identity.kind: one for item, one in zip(bundle.objects, found.told, strict=True)}
    assert fates["Order"].fate == "failed" and f"the target's {SERVED} does not answer: " in fates["Order"].because
    assert not [kind for kind, one in fates.items() if one.fate == "failed" and kind != "Order"]


@pytest.mark.parametrize(("existing", "applied"), [("update", True), ("keep", True), ("fail", False)])
def test_a_restore_leaves_out_only_what_the_dead_api_would_take_as_foretold(existing: str, applied: bool) -> None:
    """With ``fail`` nothing may be applied before it is known that nothing is there."""
    cluster = FakeCluster(services={SERVED}, silent={SERVED: "GET /orders: 503"})
    bundle = plan(recipe([*shop(), obj(SERVED, "Order", "first")], app=app(existing=existing), backup=backup()))
    found = forecast(bundle.objects, inspect(cluster, "theirs", bundle.objects, REFERRED), Existing(existing))
    cluster.failures |= {name: [ServiceUnavailable("GET /orders: 503")] * 9 for name in ("Order", "first")}
    ledger = restore(cluster, bundle)
    assert row(ledger, "first").fate == "failed" and cluster.has("Deployment", "web") is applied
    assert [one.fate for one in found.told] == [one.fate for one in ledger.rows]
    assert not cluster.has("Order", "first")


def test_a_plan_from_a_backup_that_lacks_a_group_says_so_wherever_it_is_restored(primary: Path) -> None:
    rows = [encode(row) for row in collect(Cluster(primary), "shop").unresolved]
    bundle = plan(recipe(shop(), backup=backup(extra={"unresolved": rows})))
    target = inspect(FakeCluster(), "theirs", bundle.objects, REFERRED)
    for found in (bundle.forecast, forecast(bundle.objects, target, Existing.UPDATE, (), bundle.backup)):
        assert f"unresolved: Namespace shop may have objects of {GROUP}" in "".join(map(str, found.findings))


def test_production_goes_back_after_a_look_at_all_that_answers(primary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [obj("v1", "ConfigMap", "ours"), obj(SERVED, "Order", "first")]
    monkeypatch.setattr("relight.cli.primary.open_backup", lambda *_: type("Held", (), {"manifests": lambda _: held})())
    monkeypatch.setattr("relight.cli.primary.S3", lambda: None)
    lines = differences_shown(differences(primary, "s3://b/shop/backups/b1", "shop"))
    assert lines[0].startswith(f"not compared, the primary's {SERVED} does not answer: ")
    assert lines[1] == "only on the promoted site: ConfigMap shop/ours" and "Order" not in "".join(lines[1:])
    assert "only on the primary: ConfigMap shop/web" in lines


def test_a_primary_that_cannot_list_a_kind_of_its_own_is_not_compared_at_all() -> None:
    with pytest.raises(ServiceUnavailable):
        compare([], running(), "shop")


def test_where_the_api_server_itself_cannot_list_a_kind_keep_applies_nothing() -> None:
    cluster = FakeCluster(services={SERVED})
    cluster.failures["ConfigMap"] = [ServiceUnavailable("GET /configmaps: 500")] * 9
    ledger = restore(cluster, plan(recipe(app=app(existing="keep"))))
    assert cluster.applied == [] and "what is there already cannot be told" in row(ledger, "web").reason
