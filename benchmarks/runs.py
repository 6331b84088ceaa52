"""Whole recoveries on the embedded engine, from StartExecution to validated: the clock of a run, and its history."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from benchmarks.peers import ROOT
from relight.adapters.s3 import S3
from relight.backup.writer import BackupSource, write_backup
from relight.config import App, Signal, Validator
from relight.configfile import load
from relight.local.engine import Engine
from relight.local.pace import Pace
from relight.records import replace

NAME = "bench"
STORAGE = f"s3://relight-{NAME}/{NAME}"
IMAGE = f"docker.io/library/python@sha256:{'0' * 64}"
SERVE = "import http.server as h; h.HTTPServer(('', 8080), h.SimpleHTTPRequestHandler).serve_forever()"
PATIENCE = 180.0  # seconds a run may take
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One of an execution's history: ``at`` in epoch seconds; ``state`` where it enters or leaves one."""

    kind: str
    at: float
    state: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that ended. ``logs``: where its instance's logs lie, a file a unit."""

    events: tuple[Event, ...]
    logs: Path
    end: str

    def entered(self, state: str) -> float:
        return next(event.at for event in self.events if event.kind.endswith("Entered") and event.state == state)

    def left(self, state: str) -> float:
        return next(event.at for event in self.events if event.kind.endswith("Exited") and event.state == state)

    @property
    def booted(self) -> float:
        """When its instance had booted: its script begins, in epoch seconds."""
        return (self.logs / "user-data").stat().st_mtime

    @property
    def transitions(self) -> int:
        return sum(event.kind.endswith("Entered") for event in self.events)


class Place:
    """An engine with Relight deployed for apps of ours, each a namespace with one server and its data."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        given = engine.environment()
        self._session = boto3.Session(
            given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], region_name=given["AWS_REGION"]
        )
        self.endpoint = engine.endpoint
        found = self.client("ssm").get_parameter(Name="/relight/deployment")["Parameter"]["Value"]
        self._machine, region = json.loads(found)["state_machine"], given["AWS_REGION"]
        self.client("s3").create_bucket(Bucket=f"relight-{NAME}", CreateBucketConfiguration={"LocationConstraint": region})

    def client(self, service: str, endpoint: str = "") -> Any:
        return self._session.client(service, endpoint_url=endpoint or self.endpoint)  # type: ignore[call-overload]

    def back_up(self, name: str, tree: Path, count: int) -> None:
        source = BackupSource(
            backup_id=name,
            app=NAME,
            namespace=NAME,
            created_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            manifests=objects(count),
            volumes={(NAME, "data"): tree},
        )
        write_backup(S3(self.client("s3")), f"{STORAGE}/backups/{name}", source)

    def drill(self, backup: str) -> Ran:
        machine = self.client("stepfunctions")
        given = json.dumps({"app": NAME, "mode": "drill", "backup": f"{STORAGE}/backups/{backup}"})
        arn = machine.start_execution(stateMachineArn=self._machine, input=given)["executionArn"]
        deadline = time.monotonic() + PATIENCE
        while machine.describe_execution(executionArn=arn)["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"{arn}: not done within {PATIENCE:.0f} s"
            time.sleep(0.25)
        pages = machine.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = tuple(_event(row) for page in pages for row in page["events"])
        states = [event.state for event in events if event.kind.endswith("Entered")]
        assert states[-1] == "Succeeded", f"{arn} ended as {states[-1]}"
        newest = max((self._engine.state / "instances").iterdir(), key=lambda path: path.stat().st_ctime)
        return Ran(events, newest, states[-1])


@contextmanager
def place(state: Path, pace: Pace, validators: tuple[Validator, ...]) -> Iterator[Place]:
    app = App(
        name=NAME, namespace=NAME, storage=STORAGE, validators=validators,
        signals=(Signal(name="age", kind="backup_age"),),
    )  # fmt: skip
    config = replace(load(ROOT / "examples/sample/relight.toml"), apps=(app,))
    engine = Engine(state, port=_free_port(), pace=pace)
    try:
        engine.up(config)
        yield Place(engine)
    finally:
        engine.down()


def objects(count: int) -> list[Object]:
    """A namespace, a claim, a server that mounts it, and so many settings beside them."""
    meta = {"namespace": NAME}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    server = {
        "name": "server",
        "image": IMAGE,
        "command": ["python3", "-c", SERVE],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pods = {"containers": [server], "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    labels = {"app": "server"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pods}}
    settings = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**meta, "name": f"c{number:05d}"}, "data": {"a": "b" * 100}}
        for number in range(count)
    ]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {**meta, "name": "data"}, "spec": claim},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**meta, "name": "server"}, "spec": spec},
        *settings,
    ]


def _event(row: dict[str, Any]) -> Event:
    details = row.get("stateEnteredEventDetails") or row.get("stateExitedEventDetails") or {}
    return Event(row["type"], row["timestamp"].timestamp(), details.get("name", ""))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
