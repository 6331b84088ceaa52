"""The controllers without a node: pods that no node takes, whose status the checks write, as a kubelet would.

So a real API server with its controller manager, and nothing else, can be asked the same.
"""

from typing import Any

from tests.cluster.kube import Kube, condition, config_map, deployment, job
from tests.cluster.test_jobs import finished, reason
from tests.cluster.test_storage import claim, phase
from tests.support import eventually

Obj = dict[str, Any]
NOWHERE = {"nodeSelector": {"relight.test/node": "none"}}
SLOW = 40.0  # seconds: a real job controller waits 10 s before it tries again


def adrift(body: Obj) -> Obj:
    """A workload whose pods no node takes."""
    body["spec"]["template"]["spec"] |= NOWHERE
    return body


def tell(kube: Kube, pod: Obj, **status: Any) -> None:
    """What a kubelet would say of the pod."""
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
    kube.call("patch", path, {"status": status}, content_type="application/merge-patch+json")


READY: Obj = {
    "phase": "Running",
    "conditions": [
        {"type": kind, "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"}
        for kind in ("Ready", "ContainersReady")
    ],
}


def over(code: int) -> Obj:
    ended = {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": "2024-01-01T00:00:00Z"}
    container = {"name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container | {"state": {"terminated": ended}}]}


def pods(kube: Kube, namespace: str) -> list[Obj]:
    return [one for one in kube.list("Pod", namespace) if not one["metadata"].get("deletionTimestamp")]


def only(kube: Kube, namespace: str) -> Obj:
    return dict(eventually(lambda: (found := pods(kube, namespace)) and len(found) == 1 and found[0], "there is one pod"))


def waiting(kube: Kube, namespace: str) -> Obj:
    """The one pod that nobody has spoken for yet."""

    def found() -> list[Obj]:
        return [one for one in pods(kube, namespace) if one.get("status", {}).get("phase", "Pending") == "Pending"]

    return dict(eventually(lambda: len(found()) == 1 and found()[0], "a pod waits", SLOW))


# ------------------------------------------------------------ jobs
def test_a_job_is_complete_once_enough_pods_succeeded(kube: Kube, namespace: str) -> None:
    made = kube.create(adrift(job(namespace, "work", "true", completions=2)))
    for count in (1, 2):
        tell(kube, waiting(kube, namespace), **over(0))
        eventually(lambda count=count: kube.get(made)["status"].get("succeeded") == count, f"{count} succeeded", SLOW)
    done = finished(kube, made)
    assert condition(done, "Complete") == "True" and not done["status"].get("active")
    assert done["status"]["completionTime"] >= done["status"]["startTime"]


def test_a_job_is_given_up_after_its_limit(kube: Kube, namespace: str) -> None:
    made = kube.create(adrift(job(namespace, "work", "true", backoffLimit=1)))
    for _ in range(2):
        tell(kube, waiting(kube, namespace), **over(3))
    eventually(lambda: condition(kube.get(made), "Failed") == "True", "the job is given up", SLOW)
    assert reason(kube.get(made)) == "BackoffLimitExceeded"


def test_a_job_past_its_deadline_loses_its_pods(kube: Kube, namespace: str) -> None:
    made = kube.create(adrift(job(namespace, "work", "true", activeDeadlineSeconds=1)))
    assert reason(finished(kube, made)) == "DeadlineExceeded"
    eventually(lambda: not pods(kube, namespace), "its pods are gone")


def test_a_finished_job_goes_after_its_time_and_takes_its_pods(kube: Kube, namespace: str) -> None:
    made = kube.create(adrift(job(namespace, "work", "true", ttlSecondsAfterFinished=1)))
    tell(kube, waiting(kube, namespace), **over(0))
    eventually(lambda: kube.gone(made), "the job is gone", SLOW)
    eventually(lambda: not pods(kube, namespace), "and its pods with it")


def test_a_jobs_parallelism_is_how_many_pods_run_at_once(kube: Kube, namespace: str) -> None:
    made = kube.create(adrift(job(namespace, "work", "true", completions=5, parallelism=2)))
    eventually(lambda: kube.get(made).get("status", {}).get("active") == 2, "two are active")
    kube.patch(made, {"spec": {"parallelism": 0}}, "merge")
    eventually(lambda: not pods(kube, namespace), "paused, it has none")


# ------------------------------------------------------------ deployments
def test_a_deployment_is_available_when_its_pods_are_ready(kube: Kube, namespace: str) -> None:
    made = kube.create(adrift(deployment(namespace, "web")))
    pod = only(kube, namespace)
    eventually(lambda: condition(kube.get(made), "Available") == "False", "it says that it is not available")
    tell(kube, pod, **READY)
    eventually(lambda: condition(kube.get(made), "Available") == "True", "it is available")
    assert kube.get(made)["status"]["availableReplicas"] == 1


def test_a_rollout_keeps_the_old_pod_until_the_new_one_is_ready(kube: Kube, namespace: str) -> None:
    made = kube.create(adrift(deployment(namespace, "web")))
    old = only(kube, namespace)
    tell(kube, old, **READY)
    eventually(lambda: condition(kube.get(made), "Available") == "True", "it is available")
    kube.patch(made, {"spec": {"template": {"metadata": {"annotations": {"relight.test/round": "2"}}}}}, "merge")
    new = waiting(kube, namespace)
    assert not kube.gone(old) and len(kube.list("ReplicaSet", namespace, "apps/v1")) == 2
    tell(kube, new, **READY)
    eventually(
        lambda: [one["metadata"]["name"] for one in pods(kube, namespace)] == [new["metadata"]["name"]], "rolled over"
    )


def test_a_recreated_deployment_has_no_two_generations_at_once(kube: Kube, namespace: str) -> None:
    body = adrift(deployment(namespace, "web"))
    body["spec"]["strategy"] = {"type": "Recreate"}
    made = kube.create(body)
    old = only(kube, namespace)
    tell(kube, old, **READY)
    eventually(lambda: condition(kube.get(made), "Available") == "True", "it is available")
    kube.patch(made, {"spec": {"template": {"metadata": {"annotations": {"relight.test/round": "2"}}}}}, "merge")
    new = waiting(kube, namespace)
    assert kube.gone(old) and new["metadata"]["name"] != old["metadata"]["name"]


# ------------------------------------------------------------ stateful sets
def test_a_stateful_set_goes_on_when_the_pod_before_is_ready_and_keeps_its_claims(kube: Kube, namespace: str) -> None:
    body = adrift(deployment(namespace, "db", replicas=2)) | {"kind": "StatefulSet"}
    template = claim(namespace, "data")
    body["spec"] |= {"serviceName": "db", "volumeClaimTemplates": [template | {"metadata": {"name": "data"}}]}
    made = kube.create(body)
    first = only(kube, namespace)
    assert first["metadata"]["name"] == "db-0" and first["spec"]["hostname"] == "db-0"
    tell(kube, first, **READY)
    assert waiting(kube, namespace)["metadata"]["name"] == "db-1"
    kube.patch(made, {"spec": {"replicas": 0}}, "merge")
    eventually(lambda: not pods(kube, namespace), "scaled down, it has no pods")
    names = {one["metadata"]["name"] for one in kube.list("PersistentVolumeClaim", namespace)}
    assert names == {"data-db-0", "data-db-1"}


def test_a_claim_that_no_volume_fits_stays_pending(kube: Kube, namespace: str) -> None:
    made = kube.create(claim(namespace, storageClassName="relight-none"))
    kube.create(config_map(namespace, "later"))
    assert phase(kube, made) == "Pending"
