"""A small AWS for the handlers: the table, the buckets, one app with one backup, a launch template, a key, a topic."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from moto import mock_aws

from relight import settings
from relight.adapters import aws, keys, parameters, workflow
from relight.adapters.s3 import S3
from relight.adapters.table import Table
from relight.consoleconfig import ConsoleConfig
from relight.errors import TaskGone
from relight.model import canonical, encode

REGION = "eu-central-1"
EVIDENCE, STORAGE, RUN_ID = "evidence", "storage", "run-1"
APP = {
    "name": "ledger",
    "namespace": "ledger",
    "storage": f"s3://{STORAGE}/app",
    "signals": [
        {
            "name": "fresh",
            "kind": "pointer",
            "key": "state/last_success.json",
            "schedule": {"cron": "0 3 * * *", "grace": 900},
        }
    ],
    "validators": [{"name": "ready", "kind": "ready"}],
    "promote": [{"name": "active-site", "kind": "pointer", "key": "site/active.json"}],
}

Configure = Callable[[ConsoleConfig], None]


@dataclass
class World:
    """What the handlers find, and what they left."""

    answered: list[tuple[str, str, Any]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    @property
    def table(self) -> Table:
        return Table("relight")

    @property
    def store(self) -> S3:
        return S3()

    def receipts(self, run_id: str = RUN_ID) -> list[dict[str, Any]]:
        uris = [info.uri for info in self.store.list(f"s3://{EVIDENCE}/ledger/{run_id}/")]
        named = sorted(uri for uri in uris if uri.rsplit("/", 1)[-1][:2].isdigit())
        return [json.loads(self.store.get(uri)) for uri in named]

    def everything(self) -> str:
        """All that lies in the evidence bucket, as text."""
        return "\n".join(self.store.get(info.uri).decode() for info in self.store.list(f"s3://{EVIDENCE}/"))

    def live(self) -> list[str]:
        found = aws.client("ec2").describe_instances()["Reservations"]
        return [i["InstanceId"] for r in found for i in r["Instances"] if i["State"]["Name"] in ("pending", "running")]

    def publish(self, ended_at: str) -> None:
        self.store.put(
            f"s3://{STORAGE}/app/state/last_success.json", json.dumps({"run_id": "x", "ended_at": ended_at}).encode()
        )


@pytest.fixture(scope="package")
def clients() -> Iterator[None]:
    """Clients are made once: reading EC2's description alone takes longer than a test."""
    aws.forget()
    yield
    aws.forget()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, clients: None) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # thousands of images that no test looks at
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
    with mock_aws():
        keys._public.cache_clear()
        here = World()
        for name, value in _make(here).items():
            monkeypatch.setenv(name, value)
        settings.function_settings.cache_clear()
        monkeypatch.setattr(workflow.Workflow, "_answer", _answers(here))
        yield here
    settings.function_settings.cache_clear()


@pytest.fixture
def configure(world: World) -> Iterator[Configure]:
    def put(console: ConsoleConfig) -> None:
        value = canonical(encode(console)).decode()
        aws.client("ssm").put_parameter(Name="/relight/console", Type="String", Value=value, Overwrite=True)
        parameters._console.cache_clear()

    yield put
    parameters._console.cache_clear()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, world: World) -> Any:
    """See ``tests.handlers.site``."""
    from tests.handlers.site import made

    return made(world, monkeypatch.setattr)


def _answers(here: World) -> Callable[..., None]:
    """Stands for the state machine's side of task tokens: moto has none."""

    def answer(self: object, operation: str, token: str, **arguments: Any) -> None:
        if token in here.gone:
            raise TaskGone("nobody waits for it")
        here.answered.append((operation.removeprefix("send_task_"), token, arguments))
        if operation != "send_task_heartbeat":
            here.gone.add(token)

    return answer


def _make(here: World) -> dict[str, str]:
    aws.client("dynamodb").create_table(
        TableName="relight",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    for bucket in (EVIDENCE, STORAGE):
        aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("ssm").put_parameter(Name="/relight/apps/ledger", Type="String", Value=canonical(APP).decode())
    here.publish(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    here.store.put(f"s3://{STORAGE}/app/site/active.json", b'{"site":"primary"}')
    ec2 = aws.client("ec2")
    template = ec2.create_launch_template(LaunchTemplateName="t", LaunchTemplateData={"ImageId": "ami-12345678"})[
        "LaunchTemplate"
    ]
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    key = aws.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    return {
        "RELIGHT_NAME": "relight",
        "RELIGHT_TABLE": "relight",
        "RELIGHT_EVIDENCE_BUCKET": EVIDENCE,
        "RELIGHT_SIGNING_KEY": key,
        "RELIGHT_TOPIC": aws.client("sns").create_topic(Name="notices")["TopicArn"],
        "RELIGHT_ESCALATION": aws.client("sns").create_topic(Name="escalation")["TopicArn"],
        "RELIGHT_LAUNCH_TEMPLATE": template["LaunchTemplateId"],
        "RELIGHT_SUBNETS": ",".join(subnets),
        "RELIGHT_INSTANCE_TYPES": "m7g.large,t4g.large",
        "RELIGHT_DISK_GIB": "40",
        "RELIGHT_RUNNER_ROLE_ID": "AROARUNNER",
        "RELIGHT_RUNNER_HOLD": "3600",
        "RELIGHT_KEEPER_ROLE": "arn:aws:iam::123456789012:role/relight-keeper",
        "RELIGHT_STATE_MACHINE": f"arn:aws:states:{REGION}:123456789012:stateMachine:relight-recovery",
    }


def run(**changes: Any) -> dict[str, Any]:
    """A run as the state machine hands it to every function."""
    base: dict[str, Any] = {
        "app": "ledger",
        "mode": "incident",
        "initiator": "arn:aws:iam::1:user/ann",
        "run_id": RUN_ID,
        "started_at": "2026-11-23T03:00:00.000Z",
        "execution_arn": "arn:aws:states:x:1:execution:relight-recovery:run-1",
    }
    return base | changes


PLAN: dict[str, Any] = {
    "uri": f"s3://{EVIDENCE}/ledger/{RUN_ID}/plan",
    "hash": "a" * 64,
    "backup_uri": f"s3://{STORAGE}/app/backups/b1",
    "backup_id": "b1",
    "metadata_sha256": "b" * 64,
    "created_at": "2026-11-23T02:00:00Z",
    "rungs": 4,
    "deadlines": {},
    "adopted": None,
}


def backup(world: World, backup_id: str = "b1", created: str | None = None, *objects: dict[str, Any]) -> str:
    """A small backup that keeps its contract as far as Plan looks. Returns its URI."""
    import io
    import tarfile

    import zstandard

    def archive(files: dict[str, bytes]) -> bytes:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return zstandard.ZstdCompressor().compress(raw.getvalue())

    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "ledger"}, "data": {"a": "b"}}
    files = {
        "manifests.tar.zst": archive(
            {f"manifests/{n}.json": json.dumps(o).encode() for n, o in enumerate((config, *objects))}
        ),
        "state.tar.zst": archive({"index.jsonl": b""}),
    }
    where = f"s3://{STORAGE}/app/backups/{backup_id}"
    for name, data in files.items():
        world.store.put(f"{where}/{name}", data)
    document = {
        "schema_version": 1,
        "backup_id": backup_id,
        "app": "ledger",
        "namespace": "ledger",
        "created_at": created or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": {"cluster": "primary", "kubernetes_version": "v1.30"},
        "artifacts": {name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in files.items()},
        "images": [],
        "volumes": [],
    }
    world.store.put(f"{where}/metadata.json", json.dumps(document).encode())
    return where


def as_json(value: Any) -> Any:
    """As it travels: through JSON."""
    return json.loads(json.dumps(encode(value)))
