"""Quiesce: while a backup reads, nothing writes; afterwards, however it ended, everything is as it was."""

import pytest

from relight.errors import NotQuiet, ServiceUnavailable
from relight.recovery.cluster import Object
from relight.recovery.quiesce import WAS, quiet, wake
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import claim, cronjob, deployment, namespace, obj


def with_claim(workload: Object) -> Object:
    spec = workload["spec"].get("template") or workload["spec"]["jobTemplate"]["spec"]["template"]
    spec["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "ledger"}}]
    return workload


def standing() -> FakeCluster:
    cluster = FakeCluster()
    for item in (namespace(), claim(), with_claim(deployment("db")), deployment("web"), with_claim(cronjob())):
        cluster.put(item)
    return cluster


def asleep(cluster: FakeCluster) -> dict[str, object]:
    db, nightly = cluster.one("Deployment", "db")["spec"], cluster.one("CronJob", "nightly")["spec"]
    web = cluster.one("Deployment", "web")["spec"]
    return {"db": db["replicas"], "web": web["replicas"], "nightly": nightly.get("suspend", False)}


AWAKE = {"db": 2, "web": 2, "nightly": False}
STOPPED = {"db": 0, "web": 2, "nightly": True}


def test_what_mounts_a_claim_stands_still_while_it_is_read_and_nothing_else() -> None:
    cluster = standing()
    with quiet(cluster, "shop"):
        assert asleep(cluster) == STOPPED
    assert asleep(cluster) == AWAKE
    assert WAS not in (cluster.one("Deployment", "db")["metadata"].get("annotations") or {})


def test_a_backup_that_fails_leaves_everything_running() -> None:
    cluster = standing()
    with pytest.raises(OSError, match="disk full"), quiet(cluster, "shop"):
        raise OSError("disk full")
    assert asleep(cluster) == AWAKE


def test_what_a_killed_backup_left_asleep_is_woken_by_the_next_as_it_was() -> None:
    cluster = standing()
    killed = quiet(cluster, "shop")
    killed.__enter__()  # and nobody is left to leave it
    assert asleep(cluster) == STOPPED
    assert set(wake(cluster, "shop")) == {"Deployment.apps shop/db", "CronJob.batch shop/nightly"}
    assert asleep(cluster) == AWAKE and wake(cluster, "shop") == ()
    del killed


def test_what_was_stopped_already_stays_stopped() -> None:
    cluster = standing()
    cluster.put(with_claim(deployment("db", replicas=0)))
    with quiet(cluster, "shop"):
        pass
    assert asleep(cluster)["db"] == 0


def test_no_backup_is_made_while_a_pod_still_writes() -> None:
    cluster = standing()
    volumes = [{"persistentVolumeClaim": {"claimName": "ledger"}}]
    cluster.put(obj("v1", "Pod", "stuck", spec={"volumes": volumes, "containers": []}, status={"phase": "Running"}))
    said = "Pod shop/stuck still at work; everything was started again"
    with pytest.raises(NotQuiet, match=said), quiet(cluster, "shop", seconds=0.1):
        raise AssertionError("no backup may be made")
    assert asleep(cluster) == AWAKE


def test_that_something_could_not_be_started_again_is_said_with_what_to_do() -> None:
    cluster = standing()
    said = r"not everything could be started again .* relight.dev/before-backup"
    with pytest.raises(NotQuiet, match=said), quiet(cluster, "shop"):
        cluster.down = ServiceUnavailable("connection reset")


def test_what_takes_a_claim_read_only_goes_on_as_the_backups_own_pod_must() -> None:
    cluster, volumes = standing(), [{"persistentVolumeClaim": {"claimName": "ledger", "readOnly": True}}]
    own = cronjob("relight-backup")
    own["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"] = volumes
    cluster.put(own)
    cluster.put(obj("v1", "Pod", "itself", spec={"volumes": volumes, "containers": []}, status={"phase": "Running"}))
    with quiet(cluster, "shop", seconds=0.1):
        assert not cluster.one("CronJob", "relight-backup")["spec"].get("suspend")
