"""Applying a plan: everything in order, each object with a row, whatever the API does."""

import json
import threading
import time
from pathlib import Path

import pytest

from relight.errors import ClusterNotReady, ClusterRefused, Conflict, PlanDrifted, ServiceUnavailable, Throttled
from relight.model import RestoreOutcome
from relight.records import replace
from relight.recovery.apply import Applier, apply_plan
from relight.recovery.cluster import Object
from relight.recovery.ledger import LedgerRow
from relight.recovery.order import wave
from relight.recovery.patience import Deadline, Patience
from relight.recovery.plan import open_plan
from tests.recovery.fake import FakeCluster
from tests.recovery.restoring import DATA, restore, row
from tests.recovery.shop import cronjob, obj, plan, recipe, shop

CRD = obj(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "widgets.example.com",
    None,
    spec={"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"}},
)
WIDGET = obj("example.com/v1", "Widget", "one", spec={"size": 3})


def established(cluster: FakeCluster, written: Object) -> None:
    if written["kind"] == "CustomResourceDefinition":
        written["status"] = {"conditions": [{"type": "Established", "status": "True"}]}


# ---------------------------------------------------------------- the good day
def test_a_shop_comes_back_complete_and_every_object_has_a_row() -> None:
    cluster, bundle = FakeCluster(), plan()
    ledger = restore(cluster, bundle)
    assert ledger.outcome == RestoreOutcome.COMPLETE
    assert [(row.kind, row.name) for row in ledger.rows] == [(i.identity.kind, i.identity.name) for i in bundle.objects]
    assert row(ledger, "credentials").fate == "created" and row(ledger, "nightly").fate == "transformed"
    assert cluster.one("CronJob", "nightly")["spec"]["suspend"] is True


def test_each_wave_is_done_before_the_next_one_starts() -> None:
    cluster = FakeCluster()
    restore(cluster)
    waves = [wave({"kind": applied.split("/")[0]}) for applied in cluster.applied]
    assert waves == sorted(waves) and len(waves) >= 8


def test_the_volume_lies_in_the_runners_data_directory() -> None:
    cluster = FakeCluster()
    restore(cluster, data_dir=Path("/var/lib/somewhere"))
    path = cluster.one("PersistentVolume", "relight-shop-ledger")["spec"]["hostPath"]["path"]
    assert path == "/var/lib/somewhere/volumes/shop/ledger"


def test_restoring_twice_changes_nothing() -> None:
    cluster = FakeCluster()
    restore(cluster)
    before = cluster.versions
    again = restore(cluster)
    assert cluster.versions == before
    assert {row.fate for row in again.rows} == {"unchanged"}


def test_what_was_there_in_another_form_is_brought_to_the_plans() -> None:
    cluster = FakeCluster()
    cluster.put(obj("v1", "ConfigMap", "settings", data={"BUCKET": "s3://stale"}))
    found = row(restore(cluster), "settings")
    assert found.fate == "transformed" and "was there already" in found.reason
    assert cluster.one("ConfigMap", "settings")["data"]["BUCKET"] == "s3://rehearsal"


def test_a_wave_is_applied_concurrently() -> None:
    barrier = threading.Barrier(4, timeout=5)

    def meet(_: FakeCluster, written: Object) -> None:
        if written["kind"] == "ConfigMap" and written["metadata"]["name"].startswith("many"):
            cluster.lock.release()
            barrier.wait()
            cluster.lock.acquire()

    cluster = FakeCluster(on_write=meet)
    many = [obj("v1", "ConfigMap", f"many-{i}", data={"i": str(i)}) for i in range(4)]
    assert restore(cluster, plan(recipe([*shop(), *many])), concurrency=4).outcome == RestoreOutcome.COMPLETE


# ---------------------------------------------------------------- the bad day
@pytest.mark.parametrize("error", [Conflict, Throttled, ServiceUnavailable, ClusterNotReady])
def test_a_busy_api_is_asked_again(error: type[Exception]) -> None:
    cluster = FakeCluster()
    cluster.failures["settings"] = [error("busy"), error("busy")]  # type: ignore[list-item]
    assert restore(cluster).outcome == RestoreOutcome.COMPLETE
    assert cluster.asked["apply settings"] == 3


def test_an_api_that_stays_busy_is_given_up_on_and_named() -> None:
    cluster = FakeCluster()
    cluster.failures["settings"] = [Throttled("too many requests")] * 50
    ledger = restore(cluster)
    assert ledger.outcome == RestoreOutcome.PARTIAL
    assert row(ledger, "settings").fate == "failed" and "Throttled: too many requests" in row(ledger, "settings").reason
    assert cluster.asked["apply settings"] == 4


def test_a_refused_object_is_not_repeated_and_does_not_stop_the_others() -> None:
    cluster = FakeCluster()
    cluster.failures["web"] = [ClusterRefused("spec.selector: required")]
    ledger = restore(cluster)
    assert [(item.name, item.fate) for item in ledger.faults] == [("web", "failed")]
    assert cluster.asked["apply web"] == 1 and cluster.has("CronJob", "nightly")


def test_what_the_plan_refuses_makes_the_restore_partial_and_what_it_skips_does_not() -> None:
    skipping = plan(recipe([*shop(), obj("v1", "Event", "web.1")]))
    assert restore(FakeCluster(), skipping).outcome == RestoreOutcome.COMPLETE
    refusing = plan(recipe([*shop(), cronjob("stray", "unknown:latest")]))
    ledger = restore(FakeCluster(), refusing)
    assert ledger.outcome == RestoreOutcome.PARTIAL and ledger.counts["refused"] == 1


def test_a_cluster_that_is_gone_fails_every_object_in_bounded_time() -> None:
    began = time.monotonic()
    ledger = restore(FakeCluster(down=ClusterNotReady("nothing answers")), patience=Patience(), seconds=0.5)
    assert time.monotonic() - began < 3
    assert {row.fate for row in ledger.rows} == {"failed"}


def test_a_kind_that_is_never_served_is_waited_for_once_and_not_once_an_object() -> None:
    many = [obj("example.com/v1", "Widget", f"w-{i}") for i in range(40)]
    cluster = FakeCluster()
    for item in many:
        cluster.failures[item["metadata"]["name"]] = [ClusterNotReady("the cluster does not serve Widget")] * 9
    ledger = restore(cluster, plan(recipe([*shop(), *many])), concurrency=2)
    assert ledger.counts["failed"] == 40 and cluster.has("Deployment", "web")
    assert sum(cluster.asked[f"apply w-{i}"] for i in range(40)) < 40 + 2 * 3 + 1


def test_custom_resources_wait_for_their_definition() -> None:
    bundle = plan(recipe([*shop(), CRD, WIDGET]))
    cluster = FakeCluster(on_write=established)
    assert restore(cluster, bundle).outcome == RestoreOutcome.COMPLETE
    assert cluster.applied[0] == "CustomResourceDefinition/widgets.example.com"


def test_a_definition_that_is_never_established_is_a_failure() -> None:
    ledger = restore(FakeCluster(), plan(recipe([*shop(), CRD, WIDGET])))
    assert "not established" in row(ledger, "widgets.example.com").reason
    assert ledger.outcome == RestoreOutcome.PARTIAL


# ---------------------------------------------------------------- the plan is the only thing that is applied
def test_an_object_that_is_not_the_planned_one_stops_the_restore_before_anything_is_applied() -> None:
    cluster, bundle = FakeCluster(), plan()
    position = next(i for i, item in enumerate(bundle.objects) if item.identity.kind == "Deployment")
    bad = bundle.objects[position]
    assert bad.object is not None
    swapped = replace(bad, object=bad.object | {"metadata": {"name": "web", "namespace": "shop", "labels": {"evil": "1"}}})
    objects = [*bundle.objects[:position], swapped, *bundle.objects[position + 1 :]]
    with pytest.raises(PlanDrifted, match=r"Deployment\.apps shop/web"):
        apply_plan(Applier(cluster=cluster, data_dir=DATA), open_plan(bundle.files, bundle.hash), objects)
    assert not cluster.store


@pytest.mark.parametrize("cut", [slice(1, None), slice(None, -1)])
def test_leaving_an_object_out_is_drift_too(cut: slice) -> None:
    cluster, bundle = FakeCluster(), plan()
    with pytest.raises(PlanDrifted):
        apply_plan(Applier(cluster=cluster, data_dir=DATA), open_plan(bundle.files, bundle.hash), bundle.objects[cut])
    assert not cluster.store


# ---------------------------------------------------------------- the ledger and patience
def test_the_ledger_is_lines_of_json_without_the_objects() -> None:
    ledger = restore(FakeCluster())
    lines = [json.loads(line) for line in ledger.dump().splitlines()]
    assert len(lines) == len(ledger.rows)
    assert set(lines[0]) == {"group", "kind", "namespace", "name", "wave", "fate", "reason", "transforms", "predicted"}
    assert sum(ledger.counts.values()) == len(lines) and set(ledger.counts) >= {"created", "failed", "unchanged"}


def test_pauses_grow_are_jittered_and_never_outlast_the_deadline() -> None:
    pauses: list[float] = []
    patience = Patience(tries=6, first_pause=0.1, longest_pause=1.0, sleep=pauses.append)

    def busy() -> None:
        raise Throttled("busy")

    with pytest.raises(Throttled):
        patience.persist(busy, Deadline.after(60))
    assert len(pauses) == 5 and all(0.1 <= pause <= 1.0 for pause in pauses)
    pauses.clear()
    with pytest.raises(Throttled):
        patience.persist(busy, Deadline.after(0.01))
    assert pauses == []


def test_whoever_watches_can_stop_the_restore() -> None:
    def stop(_: LedgerRow) -> None:
        raise KeyboardInterrupt

    cluster = FakeCluster()
    with pytest.raises(KeyboardInterrupt):
        restore(cluster, progress=stop)
    assert not cluster.has("Deployment", "web")
