"""A cluster that is not empty: after an interrupted restore, and with objects of somebody else in the way."""

from typing import Literal

import pytest

from relight.errors import ClusterRefused
from relight.model import RestoreOutcome, RunRequest
from relight.recovery.cluster import Object
from relight.recovery.context import Recipe
from relight.recovery.ledger import LedgerRow
from tests.recovery.fake import FakeCluster
from tests.recovery.restoring import restore, row
from tests.recovery.shop import app, obj, plan, recipe, shop


def test_an_interrupted_restore_is_gone_on_with_and_ends_in_the_same_cluster() -> None:
    seen: list[str] = []

    def killed(done: LedgerRow) -> None:
        seen.append(done.name)
        if len(seen) == 5:
            raise KeyboardInterrupt

    cluster, whole = FakeCluster(), FakeCluster()
    with pytest.raises(KeyboardInterrupt):
        restore(cluster, progress=killed)
    ledger = restore(cluster)
    restore(whole)
    assert ledger.outcome == RestoreOutcome.COMPLETE and 0 < ledger.counts["unchanged"] < len(ledger.rows)
    assert {key: _plain(item) for key, item in cluster.store.items()} == {k: _plain(i) for k, i in whole.store.items()}


def _plain(item: Object) -> Object:
    return item | {"metadata": {key: value for key, value in item["metadata"].items() if key != "resourceVersion"}}


# ---------------------------------------------------------------- what was there already
THEIRS = obj("v1", "ConfigMap", "settings", data={"BUCKET": "s3://theirs"})


def test_existing_update_brings_it_to_the_plans_form() -> None:
    cluster = FakeCluster()
    cluster.put(THEIRS)
    ledger = restore(cluster, plan(recipe(app=app(existing="update"))))
    assert cluster.one("ConfigMap", "settings")["data"]["BUCKET"] == "s3://rehearsal"
    assert ledger.outcome == RestoreOutcome.COMPLETE


def test_existing_keep_leaves_it_and_says_so() -> None:
    cluster = FakeCluster()
    cluster.put(THEIRS)
    ledger = restore(cluster, plan(recipe(app=app(existing="keep"))))
    assert cluster.one("ConfigMap", "settings")["data"] == {"BUCKET": "s3://theirs"}
    assert row(ledger, "settings").fate == "kept" and "kept as it was" in row(ledger, "settings").reason
    assert ledger.outcome == RestoreOutcome.COMPLETE and cluster.has("Deployment", "web")


def test_existing_fail_applies_nothing_and_names_what_was_there() -> None:
    cluster = FakeCluster()
    cluster.put(THEIRS)
    ledger = restore(cluster, plan(recipe(app=app(existing="fail"))))
    assert cluster.applied == [] and ledger.outcome == RestoreOutcome.PARTIAL
    assert 'existing = "fail"' in row(ledger, "settings").reason
    assert row(ledger, "web").reason == "nothing was applied: ConfigMap shop/settings was there already"


@pytest.mark.parametrize(("asked", "chosen"), [("keep", "keep"), (None, "fail")])
def test_a_runs_own_choice_stands_over_the_apps(asked: Literal["keep"] | None, chosen: str) -> None:
    made = recipe(app=app(existing="fail"))
    run = RunRequest(app="shop", existing=asked)
    bundle = plan(Recipe.of(made.app, run, made.backup, made.manifests))
    assert bundle.document["existing"] == chosen


@pytest.mark.parametrize("existing", ["fail", "keep"])
def test_what_an_interrupted_restore_made_is_its_own_and_not_in_the_way(existing: str) -> None:
    cluster, bundle = FakeCluster(), plan(recipe(app=app(existing=existing)))
    cluster.put(obj("v1", "Namespace", "shop", None))
    cluster.put(obj("v1", "ServiceAccount", "default"))
    restore(cluster, bundle)
    again = restore(cluster, bundle)
    assert again.counts["failed"] == again.counts["kept"] == 0 and again.outcome == RestoreOutcome.COMPLETE


@pytest.mark.parametrize("existing", ["fail", "keep"])
def test_when_nobody_can_tell_what_is_there_nothing_is_overwritten(existing: str) -> None:
    cluster = FakeCluster()
    cluster.put(THEIRS)
    cluster.failures["ConfigMap"] = [ClusterRefused("forbidden: cannot list configmaps")]
    ledger = restore(cluster, plan(recipe(app=app(existing=existing))))
    assert cluster.applied == [] and ledger.outcome == RestoreOutcome.PARTIAL
    assert "cannot be told: forbidden" in row(ledger, "web").reason


def test_what_every_runner_has_of_its_own_is_in_nobodys_way() -> None:
    storage = obj("storage.k8s.io/v1", "StorageClass", "local-path", None, provisioner="rancher.io/local-path")
    cluster = FakeCluster()
    cluster.put(storage)
    ledger = restore(cluster, plan(recipe([*shop(), storage], app=app(existing="fail"))))
    assert ledger.outcome == RestoreOutcome.COMPLETE and cluster.has("Deployment", "web")


@pytest.mark.parametrize("existing", ["update", "keep", "fail"])
def test_what_an_empty_runner_has_of_its_own_is_foretold_as_the_restore_will_treat_it(existing: str) -> None:
    cluster, own = FakeCluster(), obj("storage.k8s.io/v1", "StorageClass", "local-path", None, provisioner="theirs")
    cluster.put(own | {"provisioner": "rancher.io/local-path"})
    bundle = plan(recipe([*shop(), own], app=app(existing=existing)))
    ledger = restore(cluster, bundle)
    assert not ledger.surprises and "(100 %)" in ledger.score
