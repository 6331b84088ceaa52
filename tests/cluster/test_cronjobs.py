"""CronJobs: a missed time is made up for once, unless they are suspended or their last job still runs."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cluster.kube import Kube, job
from tests.support import eventually

Obj = dict[str, Any]


@pytest.fixture
def cron(kube: Kube, namespace: str) -> Obj:
    """A suspended CronJob of every minute that last ran some minutes ago."""
    made = kube.create(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "nightly", "namespace": namespace},
            "spec": {
                "schedule": "* * * * *",
                "suspend": True,
                "concurrencyPolicy": "Forbid",
                "jobTemplate": {"spec": job(namespace, "", "sleep 100")["spec"]},
            },
        }
    )
    last = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:00Z")
    path = f"/apis/batch/v1/namespaces/{namespace}/cronjobs/nightly/status"
    kube.call("patch", path, {"status": {"lastScheduleTime": last}}, content_type="application/merge-patch+json")
    return kube.get(made)


def jobs(kube: Kube, namespace: str) -> list[Obj]:
    return kube.list("Job", namespace, "batch/v1")


def test_a_suspended_cronjob_starts_nothing_and_a_resumed_one_makes_up_for_it(kube: Kube, namespace: str, cron: Obj) -> None:
    assert not jobs(kube, namespace)
    kube.patch(cron, {"spec": {"suspend": False}}, "merge")
    eventually(lambda: jobs(kube, namespace), "the missed time is made up for", 30)
    kube.patch(cron, {"spec": {"suspend": True}}, "merge")
    made = jobs(kube, namespace)
    assert re.fullmatch(r"nightly-\d+", made[0]["metadata"]["name"]) and len(made) == 1
    assert made[0]["metadata"]["ownerReferences"][0]["uid"] == cron["metadata"]["uid"]
    eventually(lambda: kube.get(cron)["status"].get("active"), "it says which job is active")
    kube.delete(cron, body={"propagationPolicy": "Background"})
    eventually(lambda: not jobs(kube, namespace), "its job goes with it")


def test_a_quarantined_cronjob_starts_nothing(kube: Kube, namespace: str, cron: Obj) -> None:
    """Quarantine by server-side apply: suspended, whatever the schedule says."""
    kube.patch(cron, {"metadata": {"labels": {"touched": "yes"}}}, "merge")
    with pytest.raises(pytest.fail.Exception):
        eventually(lambda: jobs(kube, namespace), "a job", 2)
