"""Job: the app's own CronJob is the check; it runs once, in time, and leaves no secret and no Job behind."""

import pytest

from relight.errors import ClusterRefused, ServiceUnavailable
from relight.model import Verdict
from relight.recovery import validators
from relight.recovery.cluster import Object
from relight.recovery.validators import run
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import IMAGE, SECRET, SECRET_BASE64, cronjob, obj, secret
from tests.recovery.standing import NIGHTLY, context, healthy


def playing(condition: str | None, code: int = 0, log: str = "", reason: str = "") -> FakeCluster:
    """A cluster whose Jobs end as told."""

    def play(cluster: FakeCluster, written: Object) -> None:
        if written["kind"] != "Job" or condition is None:
            return
        name = written["metadata"]["name"]
        written["status"] = {"conditions": [{"type": condition, "status": "True", "reason": reason}]}
        ended = {"name": "main", "state": {"terminated": {"exitCode": code}}}
        pod = obj("v1", "Pod", f"{name}-x", metadata={"labels": {"job-name": name}}, status={"containerStatuses": [ended]})
        cluster.logs[f"{name}-x"] = log
        cluster.put(pod | {"spec": {"containers": [{"name": "main"}]}})

    cluster = healthy()
    cluster.put(secret())
    cluster.on_write = play
    return cluster


def jobs(cluster: FakeCluster) -> list[str]:
    return [name for kind, _, name in cluster.store if kind == "Job"]


def test_a_job_that_completes_passes_and_is_gone_afterwards() -> None:
    cluster = playing("Complete", log="42 rows published")
    check = run(NIGHTLY, context(cluster))
    assert check.verdict == Verdict.PASSED
    assert check.evidence["exit_code"] == 0 and check.evidence["log"] == "42 rows published"
    assert check.evidence["images"] == [IMAGE] and jobs(cluster) == []


def test_a_job_that_fails_fails_with_its_exit_status_and_last_words() -> None:
    cluster = playing("Failed", 3, "Traceback: no such table", "BackoffLimitExceeded")
    check = run(NIGHTLY, context(cluster))
    assert check.verdict == Verdict.FAILED and "exit status 3" in check.detail
    assert "no such table" in check.evidence["log"] and jobs(cluster) == []


def test_a_job_that_the_cluster_stops_at_its_deadline_timed_out() -> None:
    assert run(NIGHTLY, context(playing("Failed", 137, reason="DeadlineExceeded"))).verdict == Verdict.TIMED_OUT


@pytest.mark.slow
def test_a_job_that_never_ends_times_out_and_is_removed() -> None:
    cluster = playing(None)
    check = run(NIGHTLY, context(cluster))
    assert check.verdict == Verdict.TIMED_OUT and 1.9 < check.seconds < 4
    assert jobs(cluster) == []


def test_no_such_cronjob_could_not_be_verified_and_none_is_made() -> None:
    cluster = playing("Complete")
    cluster.delete("batch/v1", "CronJob", "shop", "nightly")
    check = run(NIGHTLY, context(cluster))
    assert check.verdict == Verdict.COULD_NOT_VERIFY and "no CronJob shop/nightly" in check.detail
    assert not cluster.has("CronJob", "nightly") and jobs(cluster) == []


def test_an_image_by_tag_is_not_run_unless_the_app_is_marked_development() -> None:
    cluster = playing("Complete")
    cluster.put(cronjob(image="shop:latest"))
    assert run(NIGHTLY, context(cluster)).verdict == Verdict.COULD_NOT_VERIFY
    assert run(NIGHTLY, context(cluster, development=True)).verdict == Verdict.PASSED


def test_secrets_never_reach_the_evidence() -> None:
    cluster = playing("Failed", 1, f"login with {SECRET} failed ({SECRET_BASE64})")
    check = run(NIGHTLY, context(cluster))
    assert SECRET not in str(check) and SECRET_BASE64 not in str(check) and "[redacted]" in check.evidence["log"]


def test_without_the_secrets_at_hand_no_log_is_kept() -> None:
    cluster = playing("Failed", 1, f"login with {SECRET} failed")
    cluster.failures["Secret"] = [ClusterRefused("403")]
    check = run(NIGHTLY, context(cluster))
    assert check.evidence["log"] == "[no log: ClusterRefused]" and check.verdict == Verdict.FAILED


def test_the_job_tries_once_by_its_deadline_with_its_resources_pinned() -> None:
    job = validators.job.job_from(cronjob(image=IMAGE), "relight-x", 90)
    spec = job["spec"]
    assert spec["backoffLimit"] == 0 and spec["activeDeadlineSeconds"] == 90 and spec["suspend"] is False
    container = spec["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"] == container["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_declared_resources_are_what_is_pinned() -> None:
    given = cronjob(image=IMAGE)
    main = given["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    main["resources"] = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
    job = validators.job.job_from(given, "x", 9)
    assert job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "100m", "memory": "256Mi"}
    assert main["resources"]["limits"] == {"memory": "256Mi"}


def test_a_second_delivery_of_the_same_task_takes_up_its_own_job() -> None:
    cluster = playing("Complete")
    name = validators.jobs.place(NIGHTLY, context(cluster)).job
    cluster.create(validators.job.job_from(cronjob(image=IMAGE), name, 9))
    assert run(NIGHTLY, context(cluster)).verdict == Verdict.PASSED
    assert validators.jobs.place(NIGHTLY, context(cluster, attempt=1)).job != name


@pytest.mark.slow
def test_a_cluster_that_dies_under_the_job_could_not_be_verified() -> None:
    cluster = playing(None)

    def die(dying: FakeCluster, written: Object) -> None:
        if written["kind"] == "Job":
            dying.down = ServiceUnavailable("connection reset")

    cluster.on_write = die
    assert run(NIGHTLY, context(cluster)).verdict == Verdict.COULD_NOT_VERIFY
