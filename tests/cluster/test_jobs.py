"""Jobs and CronJobs: run to their end, tried again, given up, timed out, forgotten."""

from typing import Any

import pytest

from tests.cluster.kube import Kube, condition, config_map, job, pod, secret
from tests.support import eventually

Obj = dict[str, Any]
pytestmark = pytest.mark.usefixtures("needs_nodes")


def finished(kube: Kube, made: Obj) -> Obj:
    return dict(
        eventually(
            lambda: (
                (now := kube.get(made)) and any(condition(now, kind) == "True" for kind in ("Complete", "Failed")) and now
            ),
            f"job {made['metadata']['name']} ends",
        )
    )


def reason(obj: Obj) -> str:
    return str(next(one.get("reason") for one in obj["status"]["conditions"] if one["type"] == "Failed"))


def test_a_job_runs_to_its_end_and_its_log_can_be_read(kube: Kube, namespace: str) -> None:
    made = kube.create(job(namespace, "work", "echo one; echo two; echo three >&2"))
    done = finished(kube, made)
    assert condition(done, "Complete") == "True" and done["status"]["succeeded"] == 1
    assert done["status"]["completionTime"] >= done["status"]["startTime"]
    pods = kube.list("Pod", namespace, label_selector="job-name=work")
    assert len(pods) == 1 and pods[0]["status"]["phase"] == "Succeeded"
    over = pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (over["exitCode"], over["reason"]) == (0, "Completed")
    assert kube.log(pods[0]) == "one\ntwo\nthree\n"
    assert kube.log(pods[0], "?tailLines=1") == "three\n"
    assert kube.log(pods[0], "?container=main&tailLines=2") == "two\nthree\n"


def test_a_job_that_fails_is_given_up_after_its_limit_and_keeps_its_exit_code(kube: Kube, namespace: str) -> None:
    done = finished(kube, kube.create(job(namespace, "work", "echo bad; exit 3")))
    assert reason(done) == "BackoffLimitExceeded" and done["status"]["failed"] == 1
    (failed,) = kube.list("Pod", namespace)
    assert failed["status"]["phase"] == "Failed"
    assert failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert kube.log(failed) == "bad\n"


def test_a_failed_pod_is_tried_again(kube: Kube, namespace: str) -> None:
    done = finished(kube, kube.create(job(namespace, "work", "exit 1", backoffLimit=1)))
    assert done["status"]["failed"] == 2 and len(kube.list("Pod", namespace)) == 2


def test_a_job_that_takes_too_long_is_ended(kube: Kube, namespace: str) -> None:
    done = finished(kube, kube.create(job(namespace, "work", "sleep 100", activeDeadlineSeconds=1)))
    assert reason(done) == "DeadlineExceeded"
    eventually(lambda: not kube.list("Pod", namespace, field_selector="status.phase=Running"), "its pod is ended")


def test_a_job_runs_as_many_pods_as_it_is_asked_to(kube: Kube, namespace: str) -> None:
    done = finished(kube, kube.create(job(namespace, "work", "true", completions=3, parallelism=2)))
    assert done["status"]["succeeded"] == 3 and len(kube.list("Pod", namespace)) == 3


def test_an_indexed_job_tells_each_pod_its_number(kube: Kube, namespace: str) -> None:
    body = job(namespace, "work", "echo $JOB_COMPLETION_INDEX", completions=2, parallelism=2, completionMode="Indexed")
    finished(kube, kube.create(body))
    assert sorted(kube.log(one) for one in kube.list("Pod", namespace)) == ["0\n", "1\n"]


def test_a_suspended_job_waits(kube: Kube, namespace: str) -> None:
    made = kube.create(job(namespace, "work", "true", suspend=True))
    eventually(lambda: condition(kube.get(made), "Suspended") == "True", "the job says that it is suspended")
    assert not kube.list("Pod", namespace)
    kube.patch(made, {"spec": {"suspend": False}}, "merge")
    assert condition(finished(kube, made), "Complete") == "True"


def test_a_finished_job_is_forgotten_after_its_time(kube: Kube, namespace: str) -> None:
    made = kube.create(job(namespace, "work", "true", ttlSecondsAfterFinished=1))
    eventually(lambda: kube.gone(made), "the finished job is gone")
    eventually(lambda: not kube.list("Pod", namespace), "and its pods with it")


def test_a_job_made_from_a_cronjob_belongs_to_it(kube: Kube, namespace: str) -> None:
    template = job(namespace, "work", "echo from cron")["spec"]
    body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": namespace},
        "spec": {"schedule": "0 3 * * *", "suspend": True, "jobTemplate": {"spec": template}},
    }
    cron = kube.create(body)
    made = job(namespace, "manual", "")
    made["spec"] = cron["spec"]["jobTemplate"]["spec"]
    reference = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": "nightly",
        "uid": cron["metadata"]["uid"],
        "controller": True,
    }
    made["metadata"] |= {"annotations": {"cronjob.kubernetes.io/instantiate": "manual"}, "ownerReferences": [reference]}
    assert condition(finished(kube, kube.create(made)), "Complete") == "True"
    kube.delete(cron, body={"propagationPolicy": "Background"})
    eventually(lambda: kube.gone(made), "the job goes with its CronJob")


def test_a_pod_gets_its_environment(kube: Kube, namespace: str) -> None:
    kube.create(config_map(namespace, "settings", GREETING="hello", OTHER="x"))
    kube.create(secret(namespace, "key", token="s3"))
    env = [
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "SPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "key", "key": "token"}}},
        {"name": "ABSENT", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "x", "optional": True}}},
        {"name": "SENTENCE", "value": "$(GREETING) $(TOKEN) $$(TOKEN) $(UNKNOWN)"},
    ]
    command = 'echo "$NAME $SPACE $TOKEN ${ABSENT-unset} $SENTENCE $PRE_OTHER"'
    sources = [{"configMapRef": {"name": "settings"}}, {"prefix": "PRE_", "configMapRef": {"name": "settings"}}]
    made = kube.create(pod(namespace, "one", command, env=env, envFrom=sources))
    eventually(lambda: kube.get(made).get("status", {}).get("phase") == "Succeeded", "the pod succeeds")
    assert kube.log(made) == f"one {namespace} s3 unset hello s3 $(TOKEN) $(UNKNOWN) x\n"


def test_a_pod_waits_for_the_secret_it_needs(kube: Kube, namespace: str) -> None:
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "late", "key": "token"}}}]
    made = kube.create(pod(namespace, "one", "echo $TOKEN", env=env))

    def waiting() -> str:
        statuses = kube.get(made).get("status", {}).get("containerStatuses") or [{}]
        return str(statuses[0].get("state", {}).get("waiting", {}).get("reason"))

    eventually(lambda: waiting() == "CreateContainerConfigError", "the pod says what it waits for")
    kube.create(secret(namespace, "late", token="now"))
    eventually(lambda: kube.get(made)["status"]["phase"] == "Succeeded", "the pod goes on")
    assert kube.log(made) == "now\n"


def test_a_container_is_restarted_until_it_succeeds(kube: Kube, namespace: str) -> None:
    volumes = [{"name": "scratch", "emptyDir": {}}]
    options = {
        "volumes": volumes,
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        "restartPolicy": "OnFailure",
    }
    command = "test -e /scratch/been && exit 0; touch /scratch/been; exit 1"
    made = kube.create(pod(namespace, "one", command, **options))
    eventually(lambda: kube.get(made).get("status", {}).get("phase") == "Succeeded", "the second try succeeds", 40)
    assert kube.get(made)["status"]["containerStatuses"][0]["restartCount"] == 1


def test_init_containers_come_first(kube: Kube, namespace: str) -> None:
    mounts = [{"name": "scratch", "mountPath": "/scratch"}]
    first = {
        "name": "first",
        "image": "busybox:1.36",
        "command": ["sh", "-c", "echo ready > /scratch/a"],
        "volumeMounts": mounts,
    }
    options = {"volumes": [{"name": "scratch", "emptyDir": {}}], "volumeMounts": mounts, "initContainers": [first]}
    made = kube.create(pod(namespace, "one", "cat /scratch/a", **options))
    eventually(lambda: kube.get(made).get("status", {}).get("phase") == "Succeeded", "the pod succeeds")
    assert kube.log(made) == "ready\n"
