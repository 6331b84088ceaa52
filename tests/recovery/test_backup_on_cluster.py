"""A backup of an app that is running: its hook dumps, its writers stand still while files are read, and go on afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.backup.reader import open_backup
from relight.backup.upload import Sender
from relight.backups import write
from relight.config import App, Hook
from relight.errors import HookFailed
from relight.local.cluster import start
from relight.records import replace
from relight.recovery.cluster import Object
from relight.recovery.validators import jobs
from relight.recovery.validators.context import Place
from tests.recovery.shop import IMAGE, app, namespace, obj
from tests.support import eventually, memory_aws, own_clients

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
WRITER = "while :; do date +%N > /data/now; sleep 0.05; done"
DUMP = Hook(
    name="dump",
    when="before_backup",
    image=IMAGE,
    command=("sh", "-c", "echo dumped > /claims/ledger/dump"),
    claims=("ledger",),
)


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Cluster]:
    """A shop whose only pod writes to its claim all the time."""
    with own_clients(), memory_aws():
        boto3.client("s3").create_bucket(Bucket="backups")
        started = start(tmp_path / "data", "primary", host_paths=[tmp_path])
        try:
            cluster = Cluster(started.kubeconfig)
            for item in shop():
                cluster.apply(item)
            eventually(lambda: ready(cluster) == 1, "the writer runs")
            yield cluster
        finally:
            started.stop()


def shop() -> tuple[Object, ...]:
    labels = {"app": "writer"}
    mounts = [{"name": "data", "mountPath": "/data"}]
    main: dict[str, Any] = {"name": "main", "image": IMAGE, "command": ["sh", "-c", WRITER], "volumeMounts": mounts}
    pod = {"containers": [main], "terminationGracePeriodSeconds": 1}
    pod["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "ledger"}}]
    template = {"metadata": {"labels": labels}, "spec": pod}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    home = {key: value for key, value in namespace().items() if key not in ("spec", "status")}
    return (
        home,
        obj("v1", "PersistentVolumeClaim", "ledger", spec=claim),
        obj("apps/v1", "Deployment", "writer", spec={"selector": {"matchLabels": labels}, "template": template}),
    )


def ready(cluster: Cluster) -> int:
    found = cluster.get("apps/v1", "Deployment", "shop", "writer") or {}
    return int((found.get("status") or {}).get("readyReplicas") or 0)


def backed_up(cluster: Cluster, **fields: Any) -> tuple[App, str]:
    chosen = app(**fields)
    uri, _ = write(chosen, cluster, {}, "b1")
    return chosen, uri


def test_a_quiet_backup_holds_the_hooks_dump_and_the_app_as_it_ran(primary: Cluster, tmp_path: Path) -> None:
    _, uri = backed_up(primary, hooks=(DUMP,), quiesce=True)
    backup = open_backup(S3(), uri)
    (writer,) = [item for item in backup.manifests() if item["kind"] == "Deployment"]
    assert writer["spec"]["replicas"] == 1 and "relight.dev/before-backup" not in str(writer)
    backup.restore_volumes(tmp_path / "target")
    assert (tmp_path / "target/volumes/shop/ledger/dump").read_text() == "dumped\n"
    eventually(lambda: ready(primary) == 1, "the writer runs again")
    assert primary.list("batch/v1", "Job", "shop") == []


def test_a_hook_that_fails_makes_no_backup_and_disturbs_nobody(primary: Cluster) -> None:
    failing = Hook(name="dump", when="before_backup", image=IMAGE, command=("sh", "-c", "echo no space left; exit 3"))
    with pytest.raises(HookFailed, match="exit status 3; it last said: no space left"):
        backed_up(primary, hooks=(failing,), quiesce=True)
    assert list(S3().list("s3://backups/shop")) == []
    assert ready(primary) == 1


def test_a_resume_ends_the_dump_that_a_killed_attempt_left_and_makes_its_own(primary: Cluster, tmp_path: Path) -> None:
    name = jobs.named("dump", "b1", "before_backup", "dump")
    there = Place(cluster=primary, namespace="shop", job=name, seconds=300, read_only=False)
    primary.create(jobs.job_of(there, IMAGE, ("sh", "-c", "echo half > /claims/ledger/dump; sleep 300"), ("ledger",), None))
    eventually(lambda: primary.list("v1", "Pod", "shop", labels=f"job-name={name}"), "the killed attempt's dump runs")
    chosen = app(hooks=(replace(DUMP, deadline=20),), quiesce=True)
    uri, _ = write(chosen, primary, {}, "b1", Sender(S3(), resume=True))
    open_backup(S3(), uri).restore_volumes(tmp_path / "target")
    assert (tmp_path / "target/volumes/shop/ledger/dump").read_text() == "dumped\n"
    assert primary.list("batch/v1", "Job", "shop") == []
