"""The generated manifest as it is, on the sample's cluster: its backups, and its rights held against what it asked for."""

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from relight import configfile
from relight.adapters.aws import client
from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.backup.catalog import list_backups
from relight.backup.reader import open_backup
from relight.backup.verify import verify
from relight.cli.demo import primary
from relight.cli.main import run
from relight.config import Hook
from relight.local.cluster import ClusterProcess, start
from relight.local.cluster.kubelet.sandbox import detect
from relight.local.engine import Engine
from relight.recovery.scheduled import NAME
from tests.support import eventually, free_port, own_clients

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not detect().mounts, reason="the kernel refuses what bubblewrap needs, so no container has mounts"),
]
SAMPLE = Path(__file__).parents[2] / "examples/sample"
IMAGE = f"registry.example/relight@sha256:{'a' * 64}"
DUMP = Hook(name="dump", when="before_backup", image=IMAGE, command=("sh", "-c", "echo dumped > /claims/ledger/dump"),
            claims=("ledger",))  # fmt: skip
USER = f"system:serviceaccount:sample:{NAME}"
NOT_REFERRED = "the sample refers to no object of this kind"
UNUSED = {
    **{("get", kind): NOT_REFERRED for kind in ("csidrivers", "ingressclasses", "priorityclasses")},
    ("get", "runtimeclasses"): NOT_REFERRED,
    ("patch", "statefulsets"): "the sample has none to stop",
}
Obj = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stage:
    cluster: Cluster
    process: ClusterProcess
    engine: Engine
    objects: list[Obj]
    policy: Obj

    def jobs(self) -> list[Obj]:
        found = self.cluster.list("batch/v1", "Job", "sample")
        return [job for job in found if job["metadata"]["name"].startswith(NAME)]

    def ended(self, name: str) -> str:
        """The log of the backup's pod, once its Job is complete."""

        def look() -> Any:
            status = (self.cluster.get("batch/v1", "Job", "sample", name) or {}).get("status") or {}
            assert not status.get("failed"), primary.job_log(self.cluster, name)
            return status.get("succeeded")

        eventually(look, f"{name} is complete", 120)
        return primary.job_log(self.cluster, name)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("stage")
    engine = Engine(home / "engine", port=free_port(), wait_scale=0.05)
    engine.start()
    process = start(home / "primary", "primary")
    with own_clients(), pytest.MonkeyPatch.context() as patched:
        for name, value in engine.environment().items():
            patched.setenv(name, value)
        try:
            yield prepared(home, engine, process)
        finally:
            process.stop()
            engine.down()


def prepared(home: Path, engine: Engine, process: ClusterProcess) -> Stage:
    cluster, keys = Cluster(process.kubeconfig), engine.environment()
    client("s3").create_bucket(Bucket="relight-sample", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    primary.install(cluster, {"AWS_ENDPOINT_URL": keys["AWS_ENDPOINT_URL"]}, {})
    config = configfile.load(SAMPLE / "relight.toml")
    app = replace(config.app("sample"), quiesce=True, hooks=(DUMP,))
    (home / "relight.toml").write_text(configfile.written(replace(config, apps=(app,))), encoding="utf-8")
    common = ["--config", str(home / "relight.toml")]
    policy = json.loads(said(["--policy", *common]))
    objects = list(
        yaml.safe_load_all(
            said(["--image", IMAGE, "--aws-secret", "writer", "--kubeconfig", str(process.kubeconfig), *common])
        )
    )
    cluster.apply(secret(writer(policy), keys["AWS_ENDPOINT_URL"]))
    for obj in objects:
        cluster.apply(obj)
    primary.await_server(cluster)
    return Stage(cluster=cluster, process=process, engine=engine, objects=objects, policy=policy)


def said(words: list[str]) -> str:
    with redirect_stdout(StringIO()) as out:
        assert run(["backup", "cronjob", *words]) == 0
    return out.getvalue()


def writer(policy: Obj) -> dict[str, str]:
    """A user who may do what the printed policy says, and nothing else; the keys."""
    iam = client("iam")
    iam.create_user(UserName="backup-writer")
    iam.put_user_policy(UserName="backup-writer", PolicyName="least", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="backup-writer")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def secret(keys: dict[str, str], endpoint: str) -> Obj:
    meta = {"name": "writer", "namespace": "sample"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": keys | {"AWS_ENDPOINT_URL": endpoint}}


@pytest.fixture(scope="module")
def log(stage: Stage) -> str:
    """What a backup said whose Job was made from the CronJob by hand, as ``kubectl create job --from`` does."""
    cron = stage.cluster.get("batch/v1", "CronJob", "sample", NAME) or {}
    meta = {"name": f"{NAME}-by-hand", "namespace": "sample"}
    stage.cluster.create(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": cron["spec"]["jobTemplate"]["spec"]}
    )
    return stage.ended(meta["name"])


def test_a_job_made_from_the_cronjob_commits_a_backup_that_verifies(stage: Stage, log: str) -> None:
    assert "done: backup" in log and "\x1b" not in log
    backup = list_backups(S3(), "s3://relight-sample/sample")[-1]
    uri = f"s3://relight-sample/sample/backups/{backup.backup_id}"
    assert not verify(S3(), uri, deep=True)
    kinds = {item["kind"] for item in open_backup(S3(), uri).manifests()}
    assert {"Secret", "Deployment", "CronJob", "PersistentVolumeClaim", "StorageClass"} <= kinds
    primary.await_server(stage.cluster)  # what quiesce stopped runs again


def test_its_schedule_starts_one_too(stage: Stage) -> None:
    before = len(list_backups(S3(), "s3://relight-sample/sample"))
    stage.cluster.patch("batch/v1", "CronJob", "sample", NAME, {"spec": {"schedule": "* * * * *"}})
    name = eventually(
        lambda: [job["metadata"]["name"] for job in stage.jobs() if job["metadata"].get("ownerReferences")], "it is due", 75
    )[0]
    stage.cluster.patch("batch/v1", "CronJob", "sample", NAME, {"spec": {"suspend": True}})
    assert "done: backup" in stage.ended(name)
    assert len(list_backups(S3(), "s3://relight-sample/sample")) == before + 1


def test_every_request_to_the_cluster_was_allowed_and_every_rule_was_used_or_says_why_not(stage: Stage, log: str) -> None:
    lines = (stage.process.kubeconfig.parent / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [row for row in map(json.loads, lines) if row["user"] == USER]
    assert [row for row in asked if not row["allowed"]] == []
    used = {(row["verb"], row["resource"]) for row in asked}
    assert granted(stage.objects) - used == UNUSED.keys()


def granted(objects: list[Obj]) -> set[tuple[str, str]]:
    rules = [rule for obj in objects for rule in obj.get("rules") or ()]
    assert not any("*" in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]] for rule in rules)
    return {(verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


def test_every_aws_call_was_allowed_and_every_action_was_used_or_says_why_not(stage: Stage, log: str) -> None:
    lines = stage.engine.calls.read_text(encoding="utf-8").splitlines()
    calls = [call for call in map(json.loads, lines) if call["principal"].endswith("/backup-writer")]
    assert calls and [call for call in calls if not call["allowed"]] == []
    actions = {action for statement in stage.policy["Statement"] for action in statement["Action"]}
    assert actions - {call["action"] for call in calls} == {"s3:ListBucket"}  # it makes HeadObject's answer 404, not 403
