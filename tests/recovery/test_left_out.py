"""What a restore leaves out, or refuses, and why."""

import pytest

from relight.recovery.cluster import Object
from relight.recovery.prepare import prepare
from relight.recovery.transforms import Action
from tests.recovery.forms import quarantined_form, released_form, restored
from tests.recovery.shop import (
    IMAGE,
    claim,
    config,
    cronjob,
    deployment,
    obj,
    pod,
    recipe,
    secret,
    shop,
)

ENDED = {"conditions": [{"type": "Complete", "status": "True"}]}
OWNED = {"ownerReferences": [{"kind": "CronJob", "name": "nightly", "uid": "1"}]}


@pytest.mark.parametrize(
    ("leftover", "reason"),
    [
        (obj("v1", "Event", "web.1"), "old cluster"),
        (obj("coordination.k8s.io/v1", "Lease", "leader"), "old cluster"),
        (obj("v1", "Endpoints", "web"), "Service"),
        (obj("v1", "PersistentVolume", "pvc-1", None), "runner's own"),
        (obj("v1", "ConfigMap", "kube-root-ca.crt"), "its own"),
        (obj("v1", "Secret", "token", type="kubernetes.io/service-account-token"), "token"),
        (obj("batch/v1", "Job", "once", spec={}, status=ENDED), "had ended (Complete)"),
        (obj("v1", "Pod", "done", status={"phase": "Succeeded"}), "had ended"),
        (obj("batch/v1", "Job", "nightly-1", metadata=OWNED), "CronJob nightly makes it again"),
        (obj("v1", "ConfigMap", "going", metadata={"deletionTimestamp": "2026-11-23T03:00:00Z"}), "being deleted"),
    ],
)
def test_what_the_cluster_makes_itself_is_skipped_with_a_reason(leftover: Object, reason: str) -> None:
    name = f"{leftover['kind']}/{leftover['metadata']['name']}"
    item = restored(cronjob(), leftover)[name]
    assert item.action == Action.SKIP and item.object is None and item.released is None
    assert reason in item.reason


def test_an_object_whose_owner_is_not_in_the_backup_is_restored_without_it() -> None:
    orphan = obj("v1", "ConfigMap", "orphan", metadata={"ownerReferences": [{"kind": "Widget", "name": "gone", "uid": "1"}]})
    assert "ownerReferences" not in released_form(restored(orphan)["ConfigMap/orphan"])["metadata"]


def test_a_claim_is_restored_even_when_its_owner_is() -> None:
    owned = claim(metadata={"ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "1"}]})
    assert restored(deployment(), owned)["PersistentVolumeClaim/ledger"].object is not None


def test_an_unfinished_job_comes_back_suspended_without_the_old_controllers_marks() -> None:
    labels = {"controller-uid": "1", "batch.kubernetes.io/controller-uid": "1", "app": "x"}
    template = {"metadata": {"labels": labels}, "spec": pod(IMAGE)}
    spec = {"selector": {"matchLabels": {"controller-uid": "1"}}, "template": template}
    item = restored(obj("batch/v1", "Job", "migrate", spec=spec))["Job/migrate"]
    assert quarantined_form(item)["spec"]["suspend"] is True
    assert released_form(item)["spec"]["template"]["metadata"]["labels"] == {"app": "x"}
    assert "selector" not in released_form(item)["spec"]


NONSENSE = [
    {},
    "text",
    None,
    {"kind": "ConfigMap", "metadata": {"name": "x"}},
    {"apiVersion": "v1", "kind": "Pod", "metadata": {}},
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_what_is_no_object_is_refused_by_its_place(nonsense: object) -> None:
    (item,) = [found for found in prepare(recipe([*shop(), nonsense])) if found.action == Action.REFUSE]  # type: ignore[list-item]
    assert item.identity.name == "document 8" and item.reason


def test_an_object_of_another_namespace_is_refused() -> None:
    stray = obj("v1", "ConfigMap", "coredns", "kube-system", data={})
    item = restored(stray)["ConfigMap/coredns"]
    assert item.action == Action.REFUSE and "kube-system" in item.reason and item.identity.namespace == "kube-system"


def test_one_object_twice_is_one_but_two_versions_of_it_are_refused() -> None:
    assert [item.action for item in prepare(recipe([config(), config(), cronjob(IMAGE)]))].count(Action.REFUSE) == 0
    twice = prepare(recipe([config(), config(BUCKET="s3://elsewhere")]))
    assert [item.reason for item in twice if item.action == Action.REFUSE] == ["the backup holds it twice, differently"]


def test_lists_are_taken_apart() -> None:
    wrapped = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [config(), secret()]}
    assert {"ConfigMap/settings", "Secret/credentials"} <= restored(wrapped).keys()
