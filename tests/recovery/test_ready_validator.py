"""Ready: every object stands as it was told to, and nothing to look at is no success."""

import pytest

from relight.errors import ClusterNotReady, ClusterRefused, ServiceUnavailable
from relight.model import Verdict
from relight.recovery.cluster import Object
from relight.recovery.objects import Identity
from relight.recovery.validators import run
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import IMAGE, claim, config, deployment, obj
from tests.recovery.standing import READY, SHOP, context, healthy


def test_a_shop_that_stands_is_ready() -> None:
    check = run(READY, context(healthy()))
    assert check.verdict == Verdict.PASSED and "Deployment" in check.detail
    assert len(check.evidence["checked"]) == 4


def test_a_missing_namespace_fails_and_is_not_created() -> None:
    cluster = healthy()
    del cluster.store[("Namespace", "", "shop")]
    before = dict(cluster.store)
    check = run(READY, context(cluster))
    assert check.verdict == Verdict.FAILED and "Namespace shop" in check.detail
    assert cluster.store == before


@pytest.mark.parametrize("who", SHOP, ids=lambda item: str(item["kind"]))
def test_anything_missing_fails_at_once(who: Object) -> None:
    cluster = healthy()
    cluster.delete(who["apiVersion"], who["kind"], who["metadata"].get("namespace"), who["metadata"]["name"])
    check = run(READY, context(cluster))
    assert check.verdict == Verdict.FAILED and check.seconds < 0.9


def test_a_deployment_short_of_replicas_runs_out_of_time_and_says_why() -> None:
    cluster = healthy()
    cluster.put(deployment(image=IMAGE) | {"status": {"availableReplicas": 1, "updatedReplicas": 2}})
    waiting = {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    cluster.put(obj("v1", "Pod", "web-1", status={"containerStatuses": [waiting]}))
    check = run(READY, context(cluster))
    assert check.verdict == Verdict.TIMED_OUT and "1 of 2 available" in check.detail and 0.9 < check.seconds < 2
    assert check.evidence["pods"] == {"web-1": "ImagePullBackOff: not found"}


def test_an_unbound_claim_is_not_ready() -> None:
    cluster = healthy()
    cluster.put(claim() | {"status": {"phase": "Pending"}})
    assert "is Pending" in run(READY, context(cluster)).detail


def test_a_status_older_than_the_spec_says_nothing() -> None:
    cluster = healthy()
    stale = deployment(image=IMAGE) | {"status": {"availableReplicas": 2, "observedGeneration": 1}}
    stale["metadata"]["generation"] = 2
    cluster.put(stale)
    assert run(READY, context(cluster)).verdict == Verdict.TIMED_OUT


def test_the_old_pods_of_an_update_do_not_count() -> None:
    cluster = healthy()
    cluster.put(deployment(image=IMAGE) | {"status": {"availableReplicas": 2, "updatedReplicas": 0}})
    assert run(READY, context(cluster)).verdict == Verdict.TIMED_OUT


def test_a_workload_that_was_scaled_to_zero_is_ready_as_it_is() -> None:
    cluster = healthy()
    cluster.put(deployment(image=IMAGE, replicas=0) | {"status": {}})
    assert run(READY, context(cluster)).verdict == Verdict.PASSED


def test_readiness_that_comes_late_counts() -> None:
    cluster = healthy()
    cluster.failures["Deployment"] = [ServiceUnavailable("starting"), ServiceUnavailable("starting")]
    assert run(READY, context(cluster)).verdict == Verdict.PASSED


@pytest.mark.parametrize("error", [ClusterNotReady("nothing answers"), ClusterRefused("403 forbidden")])
def test_a_cluster_that_cannot_be_asked_could_not_be_verified(error: ClusterNotReady) -> None:
    check = run(READY, context(FakeCluster(down=error)))
    assert check.verdict == Verdict.COULD_NOT_VERIFY and type(error).__name__ in check.detail


@pytest.mark.parametrize("expected", [(), (Identity("", "Namespace", "", "shop"),), (Identity("", "Secret", "shop", "s"),)])
def test_nothing_to_be_ready_is_no_success(expected: tuple[Identity, ...]) -> None:
    assert run(READY, context(healthy(), expected=expected)).verdict == Verdict.COULD_NOT_VERIFY


def test_config_is_not_in_the_way() -> None:
    cluster = healthy()
    cluster.put(config())
    assert run(READY, context(cluster)).verdict == Verdict.PASSED
