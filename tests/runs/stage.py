"""A whole Relight on the embedded engine, with the sample app backed up: where workflow tests run their recoveries.

A test talks to it as a person would: it starts runs and decides through the console API, and breaks things from outside.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from relight.adapters import aws
from relight.adapters.console import Console, Deployment, find_deployment
from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3, join
from relight.backups import write
from relight.cli.demo import primary
from relight.cli.engine import make_bucket
from relight.config import Alarm, App, Config, Validator
from relight.configfile import load
from relight.evidence.verify import verify_copy
from relight.local.cluster import start
from relight.local.engine import Engine
from relight.view import read
from tests.runs.faults import Faults
from tests.runs.told import Told

SAMPLE = Path(__file__).parents[2] / "examples/sample/relight.toml"
RUN_SECONDS = 120.0
ONCE = Alarm(unhealthy=1, of=1, recovered=1, recovered_of=1)
QUICK = {"silence": 15, "rto": 120, "approval_window": 30, "alarm": ONCE}  # a lost runner shows soon
LIVE = ("pending", "running")


def quick(app: App) -> tuple[Validator, ...]:
    return tuple(replace(validator, deadline=30) for validator in app.validators)


class Stage(Faults, Told):
    def __init__(self, state: Path, port: int) -> None:
        self.engine = Engine(state / "engine", port=port, wait_scale=0.05)
        self._state = state
        self.app: App
        self.ladder: tuple[str, ...] = ()
        self.backup_uri = ""
        self.deployment: Deployment

    # ------------------------------------------------------------ setting up
    def up(self) -> None:
        config = load(SAMPLE)
        apps = tuple(replace(app, **QUICK, signals=app.signals[:1], validators=quick(app)) for app in config.apps)
        config = replace(config, apps=apps)
        self.engine.start(config.region)
        config = replace(config, apps=tuple(map(self._described, config.apps)))
        self.config, self.app, self.ladder = config, config.apps[0], config.runner.instance_types
        self.pointer = join(self.app.storage, next(one.key for one in self.app.promote if one.kind == "pointer"))
        cluster = start(self._state / "primary", "primary")
        try:
            self._install(Cluster(cluster.kubeconfig))
        finally:
            cluster.stop()
        self._deploy(config)

    def _described(self, app: App) -> App:
        """The app as this stage protects it, once the engine is there."""
        return app

    def _install(self, cluster: Cluster) -> None:
        with self.signed_in():
            make_bucket(self.app, self.engine.environment()["AWS_REGION"])
            S3().put(self.pointer, b'{"site": "primary"}')
            keys = self.engine.environment("sample")
            secret = {name: keys[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
            primary.install(cluster, {"AWS_ENDPOINT_URL": keys["AWS_ENDPOINT_URL"]}, secret)
            self.backup_uri, _ = write(self.app, cluster, {})

    def _deploy(self, config: Config) -> None:
        self.engine.deploy(self.engine.synthesize(config), config.name)
        with self.signed_in():
            self.deployment = find_deployment(config.name)

    @contextmanager
    def signed_in(self, user: str | None = None) -> Iterator[Console]:
        """Within it, AWS is this engine and the caller is ``user``. Nothing of it reaches another test."""
        before = dict(os.environ)
        os.environ.update(self.engine.environment(user))
        self._forget_clients()
        try:
            yield Console(os.environ.get("RELIGHT_API", ""), os.environ["AWS_REGION"])
        finally:
            os.environ.clear()
            os.environ.update(before)
            self._forget_clients()

    @staticmethod
    def _forget_clients() -> None:
        aws.forget()

    @cache  # noqa: B019 - one stage lives as long as its tests
    def aws(self, service: str) -> Any:
        keys = self.engine.environment()
        session = boto3.Session(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name=keys["AWS_REGION"])
        return session.client(service, endpoint_url=keys["AWS_ENDPOINT_URL"])  # type: ignore[call-overload]

    # ------------------------------------------------------------ what a person does
    def start(self, user: str = "starter", **request: Any) -> str:
        with self.signed_in(user) as console:
            return console.start({"app": self.app.name, **request})

    def start_around_the_console(self, **request: Any) -> str:
        """As from the AWS console: the name is AWS's, the input pasted."""
        given = json.dumps({"app": self.app.name, **request})
        machine = self.deployment.state_machine
        started = self.aws("stepfunctions").start_execution(stateMachineArn=machine, input=given)
        return str(started["executionArn"].rsplit(":", 1)[-1])

    def see(self, run_id: str) -> dict[str, Any]:
        with self.signed_in() as console:
            return console.run(run_id)

    def decide(self, run_id: str, decision: str, user: str = "approver", **body: Any) -> dict[str, Any]:
        with self.signed_in(user) as console:
            return console.decide(run_id, decision, body)

    def approve(self, run_id: str, user: str = "approver") -> dict[str, Any]:
        return self.decide(run_id, "approve", user, evidence_hash=self.asked(run_id)["evidence_hash"])

    def asked(self, run_id: str) -> dict[str, Any]:
        """The approval the run waits for, once it does."""

        def look() -> Any:
            return self.see(run_id).get("approval")

        return dict(self.until(look, f"{run_id} asks for an approval"))

    def serving(self, run_id: str) -> None:
        """Returns once the promoted runner serves and may be failed back."""
        self.until(lambda: read(self.see(run_id)).serving and self._pending(run_id, "serve"), f"{run_id} serves")

    def _pending(self, run_id: str, phase: str) -> bool:
        key = {"pk": {"S": f"run#{run_id}"}, "sk": {"S": f"token#{phase}"}}
        found = self.aws("dynamodb").get_item(TableName=self.deployment.table, Key=key, ConsistentRead=True)
        return "Item" in found

    def in_phase(self, run_id: str, phase: str) -> None:
        self.until(lambda: phase in self.entered(run_id), f"{run_id} enters {phase}")

    # ------------------------------------------------------------ what a person sees
    def ended(self, run_id: str) -> dict[str, Any]:
        """The execution once it has ended: ``end``, the name of its last state, beside what AWS says."""
        self.until(lambda: self.execution(run_id)["status"] != "RUNNING", f"{run_id} ends")
        return {**self.execution(run_id), "end": self.entered(run_id)[-1]}

    def execution(self, run_id: str) -> dict[str, Any]:
        return dict(self.aws("stepfunctions").describe_execution(executionArn=self.arn(run_id)))

    def entered(self, run_id: str) -> list[str]:
        pages = self.aws("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=self.arn(run_id))
        events = [event for page in pages for event in page["events"]]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]

    def runners(self, run_id: str) -> list[str]:
        """Instances of the run that still live."""
        filters = [{"Name": "tag:relight:run-id", "Values": [run_id]}, {"Name": "instance-state-name", "Values": [*LIVE]}]
        found = self.aws("ec2").describe_instances(Filters=filters)["Reservations"]
        return [instance["InstanceId"] for group in found for instance in group["Instances"]]

    def lease(self) -> dict[str, Any] | None:
        key = {"pk": {"S": f"app#{self.app.name}"}, "sk": {"S": "lease"}}
        found = self.aws("dynamodb").get_item(TableName=self.deployment.table, Key=key, ConsistentRead=True)
        return found.get("Item")

    def receipts(self, run_id: str) -> list[dict[str, Any]]:
        with self.signed_in():
            names = sorted(
                one.uri for one in S3().list(f"{self.evidence(run_id)}/") if "/" not in self._below(run_id, one.uri)
            )
            return [json.loads(S3().get(uri)) for uri in names if uri.rsplit("/", 1)[-1][:2].isdigit()]

    def evidence(self, run_id: str) -> str:
        return f"s3://{self.deployment.evidence_bucket}/{self.app.name}/{run_id}"

    def faults_in_evidence(self, run_id: str) -> list[str]:
        with self.signed_in():
            return [f"{found.object}: {found.problem}" for found in verify_copy(self.evidence(run_id))]

    def site(self) -> str:
        """Which site production's pointer names."""
        with self.signed_in():
            return str(json.loads(S3().get(self.pointer))["site"])

    # ------------------------------------------------------------ breaking things
    def processes(self, instance_id: str, word: str) -> list[int]:
        """Processes of an instance whose command line has ``word``."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if instance_id in line and word in line:
                found.append(int(path.parent.name))
        return found

    def kill(self, instance_id: str, word: str, number: int = signal.SIGKILL) -> None:
        found = self.until(lambda: self.processes(instance_id, word), f"{word} runs on {instance_id}")
        for pid in found:
            os.kill(pid, number)

    # ------------------------------------------------------------ waiting
    def until(self, look: Callable[[], Any], what: str, seconds: float = RUN_SECONDS) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.1)
        pytest.fail(f"not within {seconds:.0f} s: {what}")

    def arn(self, run_id: str) -> str:
        return f"{self.deployment.state_machine.replace(':stateMachine:', ':execution:')}:{run_id}"

    def _below(self, run_id: str, uri: str) -> str:
        return uri.removeprefix(f"{self.evidence(run_id)}/")
