"""A whole recovery around the agent: a backup in S3, its plan, a runner's partition of the table, a cluster, a line."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, Literal

from relight.adapters.aws import client
from relight.adapters.s3 import S3
from relight.adapters.table import Table
from relight.agent.agent import Agent
from relight.agent.bench import Bench
from relight.agent.config import AgentConfig
from relight.agent.tasks import HANDLERS
from relight.agent.workbench import Workbench
from relight.backup.writer import BackupSource, write_backup
from relight.config import App
from relight.evidence.binding import digest
from relight.model import Mode, Order, PlanRef, Task, decode, encode
from relight.records import replace
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.plan import PlanInputs, make_plan
from tests.agent.fake_cluster import FakeCluster
from tests.agent.world import RecordingLine, an_order

REGION: Literal["eu-central-1"] = "eu-central-1"
BACKUPS, EVIDENCE, TABLE = "ledger-backups", "relight-evidence", "relight"
ROLE, INSTANCE = "AROAEXAMPLE", "i-0123456789abcdef0"
IMAGE = "registry.example/ledger@sha256:" + "a" * 64
COMMAND = ["python3", "-c", "print(open('/state/ledger.db', 'rb').read(15).decode('ascii'))"]
MOUNTS = [{"name": "data", "mountPath": "/state"}]
BACKUP_URI = f"s3://{BACKUPS}/ledger/backups/b1"
APP: dict[str, Any] = {
    "name": "ledger",
    "namespace": "ledger",
    "storage": f"s3://{BACKUPS}/ledger",
    "signals": [{"name": "age", "kind": "backup_age"}],
    "validators": [{"name": "bytes", "kind": "files", "deadline": 20}, {"name": "up", "kind": "ready", "deadline": 5}],
}


def manifests() -> list[dict[str, Any]]:
    def of(version: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
        where = {} if kind == "Namespace" else {"namespace": "ledger"}
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **where}, **more}

    pod = {
        "containers": [{"name": "main", "image": IMAGE, "command": COMMAND, "volumeMounts": MOUNTS}],
        "restartPolicy": "Never",
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "state"}}],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "pvc-1"}
    job = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    return [
        of("v1", "Namespace", "ledger"),
        of("v1", "ConfigMap", "settings", data={"mode": "production"}),
        of("v1", "PersistentVolumeClaim", "state", spec=claim),
        of("batch/v1", "CronJob", "publish", spec=job),
    ]


def make_world(tmp_path: Path) -> None:
    """Buckets, the table, and one committed backup. Needs a mocked or a local AWS."""
    s3, dynamodb = client("s3"), client("dynamodb")
    for bucket in (BACKUPS, EVIDENCE):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    keys: list[Any] = [{"AttributeName": name, "KeyType": kind} for name, kind in (("pk", "HASH"), ("sk", "RANGE"))]
    types: list[Any] = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    dynamodb.create_table(TableName=TABLE, KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    state = tmp_path / "primary"
    (state / "books").mkdir(parents=True)
    (state / "ledger.db").write_bytes(b"SQLite format 3\0" + b"balance" * 1000)
    for number in range(20):
        (state / "books" / f"{number}.json").write_text(json.dumps({"entry": number}))
    source = BackupSource(
        backup_id="b1",
        app="ledger",
        namespace="ledger",
        created_at="2026-11-23T02:00:00Z",
        manifests=manifests(),
        volumes={("ledger", "state"): state},
        source={"cluster": "primary", "kubernetes_version": "v1.32.0"},
    )
    write_backup(S3(), BACKUP_URI, source)


def make_order(run_id: str = "run-1", validators: tuple[Any, ...] = (), **changes: Any) -> Order:
    """The order of a run, its plan's bundle written to the evidence bucket. ``validators``: besides the app's."""
    store, app = S3(), decode(APP | {"validators": [*APP["validators"], *validators]}, App)
    run = replace(an_order().run, run_id=run_id, **changes)
    metadata = store.get(f"{BACKUP_URI}/metadata.json")
    facts = BackupFacts.of(BACKUP_URI, digest(metadata), json.loads(metadata))
    recipe = Recipe.of(app, run, facts, manifests())
    bundle = make_plan(PlanInputs(recipe=recipe, mode=Mode.DRILL, ladder=("m7g.large",)))
    prefix = f"s3://{EVIDENCE}/ledger/{run_id}"
    for name, data in bundle.files.items():
        store.put(f"{prefix}/plan/{name}", data)
    plan = PlanRef(
        uri=f"{prefix}/plan",
        hash=bundle.hash,
        backup_uri=BACKUP_URI,
        backup_id="b1",
        metadata_sha256=facts.metadata_sha256,
        created_at="2026-11-23T02:00:00Z",
        rungs=1,
    )
    return Order(run=run, plan=plan, evidence_prefix=prefix, app=encode(app))


@dataclass
class Runner:
    """One instance: its disk, its cluster, and the agent, which can be stopped and started again."""

    disk: Path
    cluster: FakeCluster = field(default_factory=FakeCluster)
    line: RecordingLine = field(default_factory=RecordingLine)
    table: Table = field(default_factory=lambda: Table(TABLE))
    kubeconfig: Path | None = None
    started: list["Started"] = field(default_factory=list)

    @property
    def config(self) -> AgentConfig:
        return AgentConfig(
            region=REGION,
            table=TABLE,
            role_id=ROLE,
            evidence_bucket=EVIDENCE,
            kubeconfig=str(self.kubeconfig or self.disk / "kubeconfig"),
            data_dir=str(self.disk / "relight"),
            expiry_file=str(self.disk / "relight" / "expiry"),
        )

    @property
    def principal(self) -> str:
        return f"{ROLE}:{INSTANCE}"

    @property
    def data(self) -> Path:
        return Path(self.config.data_dir)

    def start(self) -> "Started":
        self.started.append(Started(self))
        return self.started[-1]

    def order(self, order: Order) -> None:
        self.table.put_order(self.principal, order)

    def give(self, task: Task) -> None:
        self.table.put_task(self.principal, task)

    def evidence(self) -> dict[str, bytes]:
        """All that is in the evidence bucket, by key."""
        store = S3()
        return {info.uri.split("/", 3)[3]: store.get(info.uri) for info in store.list(f"s3://{EVIDENCE}/")}

    def receipts(self, phase: str) -> list[dict[str, Any]]:
        return [json.loads(data) for key, data in sorted(self.evidence().items()) if key.endswith(f"-{phase}.json")]


class Started:
    """The agent at work, in a thread."""

    def __init__(self, runner: Runner) -> None:
        agent = Agent(runner.config, INSTANCE, runner.table, runner.line)
        agent._workbench = Workbench(Bench(runner.config, S3(), runner.cluster), HANDLERS)  # type: ignore[arg-type]
        self._stop = Event()
        self._thread = Thread(target=agent.run, args=(self._stop,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """As SIGTERM does."""
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
