"""Promotion lifts the quarantine, failback freezes: both in an order that never lets half an app act on the world."""

from pathlib import Path

import pytest

from relight.errors import ClusterRefused, PlanDrifted, ServiceUnavailable, Throttled
from relight.model import ActionResult, Verdict
from relight.records import replace
from relight.recovery.apply import Applier, apply_plan
from relight.recovery.cluster import Object
from relight.recovery.objects import identity
from relight.recovery.plan import PlanBundle, open_plan
from relight.recovery.release import BEFORE, freeze, lift, unfreeze
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import deployment, obj, plan, recipe, shop

DATA = Path("/data")
HOOK = obj("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "inject", None, webhooks=[])


def restored(*more: Object) -> tuple[FakeCluster, PlanBundle]:
    cluster, bundle = FakeCluster(), plan(recipe([*shop(), *more]))
    apply_plan(Applier(cluster=cluster, data_dir=DATA), open_plan(bundle.files, bundle.hash), bundle.objects)
    return cluster, bundle


def lifted(cluster: FakeCluster, bundle: PlanBundle) -> tuple[ActionResult, ...]:
    return lift(cluster, open_plan(bundle.files, bundle.hash), bundle.objects, DATA, seconds=5)


def test_promotion_gives_everything_its_own_form_back() -> None:
    cluster, bundle = restored(HOOK)
    assert cluster.has("NetworkPolicy", "relight-quarantine")
    assert not cluster.has("MutatingWebhookConfiguration", "inject")
    actions = lifted(cluster, bundle)
    assert all(action.done for action in actions)
    assert not cluster.has("NetworkPolicy", "relight-quarantine")
    assert cluster.one("ConfigMap", "settings")["data"]["BUCKET"] == "s3://production"
    assert "suspend" not in cluster.one("CronJob", "nightly")["spec"]
    assert cluster.one("Service", "public")["spec"]["type"] == "LoadBalancer"
    assert cluster.has("MutatingWebhookConfiguration", "inject")


def test_configuration_is_real_before_anything_runs_with_it_and_hooks_come_last() -> None:
    cluster, bundle = restored(HOOK)
    cluster.applied.clear()
    lifted(cluster, bundle)
    order = cluster.applied
    assert order.index("ConfigMap/settings") < order.index("Deployment/web")
    assert (
        order.index("ConfigMap/settings")
        < order.index("CronJob/nightly")
        < order.index("MutatingWebhookConfiguration/inject")
    )


def test_what_was_never_quarantined_is_not_touched() -> None:
    cluster, bundle = restored()
    cluster.applied.clear()
    lifted(cluster, bundle)
    assert not {"Secret/credentials", "PersistentVolumeClaim/ledger", "Namespace/shop"} & set(cluster.applied)


def test_a_failed_step_ends_the_promotion_before_jobs_act_with_a_rehearsals_configuration() -> None:
    cluster, bundle = restored()
    cluster.failures["settings"] = [ClusterRefused("immutable")]
    actions = lifted(cluster, bundle)
    assert [action.target for action in actions if not action.done] == ["ConfigMap shop/settings"]
    assert cluster.one("CronJob", "nightly")["spec"]["suspend"] is True


def test_what_was_lifted_before_a_failure_is_quarantined_again() -> None:
    cluster, bundle = restored(HOOK)
    cluster.failures["nightly"] = [ClusterRefused("no")]
    actions = lifted(cluster, bundle)
    assert not all(action.done for action in actions)
    assert [action.target for action in actions if action.action == "quarantine again"][-1].endswith("relight-quarantine")
    assert cluster.has("NetworkPolicy", "relight-quarantine")
    assert cluster.one("ConfigMap", "settings")["data"]["BUCKET"] != "s3://production"
    assert cluster.one("Service", "public")["spec"]["type"] == "ClusterIP"
    assert not cluster.has("MutatingWebhookConfiguration", "inject")


def test_what_is_lifted_is_looked_at_and_what_cannot_be_read_is_not_called_verified() -> None:
    cluster, bundle = restored()
    assert {action.verdict for action in lifted(cluster, bundle)} == {Verdict.PASSED}
    cluster.get = lambda *_: None  # type: ignore[method-assign]
    verdicts = {action.target.split()[0]: action.verdict for action in lifted(cluster, bundle)}
    assert verdicts["CronJob.batch"] == Verdict.FAILED

    def refuse(*_: object) -> None:
        raise ServiceUnavailable("gone")

    cluster.get = refuse  # type: ignore[method-assign]
    assert {action.verdict for action in lifted(cluster, bundle)} == {Verdict.COULD_NOT_VERIFY}


def test_lifting_twice_changes_nothing_and_a_second_try_finishes_the_first() -> None:
    cluster, bundle = restored()
    cluster.failures["settings"] = [ClusterRefused("once")]
    lifted(cluster, bundle)
    assert all(action.done for action in lifted(cluster, bundle))
    before = cluster.versions
    assert all(action.done for action in lifted(cluster, bundle))
    assert cluster.versions == before


def test_a_busy_api_is_asked_again() -> None:
    cluster, bundle = restored()
    cluster.failures["settings"] = [Throttled("busy")]
    assert all(action.done for action in lifted(cluster, bundle))


def test_only_what_the_plan_covers_is_promoted() -> None:
    cluster, bundle = restored()
    before = cluster.versions
    objects = [
        replace(item, released={**(item.released or {}), "data": {"BUCKET": "s3://evil"}})
        if item.identity.kind == "ConfigMap"
        else item
        for item in bundle.objects
    ]
    with pytest.raises(PlanDrifted, match="ConfigMap shop/settings"):
        lift(cluster, open_plan(bundle.files, bundle.hash), objects, DATA)
    assert cluster.versions == before


# ---------------------------------------------------------------- freeze
def test_a_frozen_app_starts_nothing_and_runs_nothing() -> None:
    cluster, bundle = restored()
    lifted(cluster, bundle)
    actions = freeze(cluster, "shop", drain_seconds=1)
    assert all(action.done for action in actions)
    assert cluster.one("CronJob", "nightly")["spec"]["suspend"] is True
    assert cluster.one("Deployment", "web")["spec"]["replicas"] == 0


def test_other_namespaces_are_left_alone() -> None:
    cluster, _ = restored()
    cluster.put(deployment() | {"metadata": {"name": "neighbour", "namespace": "other"}})
    freeze(cluster, "shop", drain_seconds=1)
    assert cluster.one("Deployment", "neighbour", "other")["spec"]["replicas"] == 2


RUNNING_POD = obj("v1", "Pod", "nightly-1-x", metadata={"ownerReferences": [{"kind": "Job"}]}, status={"phase": "Running"})
RUNNING_JOB = obj("batch/v1", "Job", "nightly-1", status={"active": 1})


@pytest.mark.parametrize("running", [RUNNING_JOB, RUNNING_POD])
def test_what_still_runs_is_not_frozen_and_is_named(running: Object) -> None:
    cluster, _ = restored()
    cluster.put(running)
    last = freeze(cluster, "shop", drain_seconds=0.3)[-1]
    assert not last.done and running["metadata"]["name"] in last.detail


def test_pods_that_ended_or_belong_to_nobody_do_not_hold_it_up() -> None:
    cluster, _ = restored()
    cluster.put(RUNNING_POD | {"status": {"phase": "Succeeded"}})
    cluster.put(obj("v1", "Pod", "shell", status={"phase": "Running"}))
    assert freeze(cluster, "shop", drain_seconds=0.3)[-1].done


def test_a_cluster_that_cannot_be_asked_is_not_frozen() -> None:
    cluster, _ = restored()
    cluster.down = ServiceUnavailable("gone")
    actions = freeze(cluster, "shop", drain_seconds=0.3)
    assert actions and not any(action.done for action in actions)


def test_a_job_of_ours_does_not_hold_the_freeze_up() -> None:
    cluster, _ = restored()
    cluster.put(RUNNING_JOB)
    cluster.put(
        RUNNING_POD | {"metadata": RUNNING_POD["metadata"] | {"ownerReferences": [{"kind": "Job", "name": "nightly-1"}]}}
    )
    assert freeze(cluster, "shop", drain_seconds=0.3, ours=["nightly-1"])[-1].done


# ---------------------------------------------------------------- unfreeze
def test_what_was_frozen_twice_goes_on_as_it_was_before_the_first_and_only_once() -> None:
    cluster, bundle = restored()
    lifted(cluster, bundle)
    freeze(cluster, "shop", drain_seconds=1)
    freeze(cluster, "shop", drain_seconds=1)
    actions = unfreeze(cluster, "shop")
    assert all(action.done for action in actions)
    assert [action.target.split()[0] for action in actions][-1] == "CronJob.batch", "workloads first: jobs need them"
    assert cluster.one("CronJob", "nightly")["spec"]["suspend"] is False
    assert cluster.one("Deployment", "web")["spec"]["replicas"] == 2
    assert BEFORE not in cluster.one("Deployment", "web")["metadata"].get("annotations", {})
    before = cluster.versions
    assert unfreeze(cluster, "shop") == () and cluster.versions == before


def test_what_was_told_since_how_it_is_to_be_stays_so() -> None:
    cluster, bundle = restored()
    lifted(cluster, bundle)
    freeze(cluster, "shop", drain_seconds=1)
    web = cluster.one("Deployment", "web")
    web["spec"]["replicas"] = 5
    unfreeze(cluster, "shop", settled=[identity(web)])
    assert cluster.one("Deployment", "web")["spec"]["replicas"] == 5
    assert BEFORE not in cluster.one("Deployment", "web")["metadata"].get("annotations", {})


def test_a_note_that_nobody_can_read_is_told_and_the_rest_goes_on() -> None:
    cluster, bundle = restored()
    lifted(cluster, bundle)
    freeze(cluster, "shop", drain_seconds=1)
    cluster.one("Deployment", "web")["metadata"]["annotations"][BEFORE] = "three"
    undone = [action for action in unfreeze(cluster, "shop") if not action.done]
    assert [action.target for action in undone] == ["Deployment.apps shop/web"] and "scale it by hand" in undone[0].detail
    assert cluster.one("CronJob", "nightly")["spec"]["suspend"] is False
