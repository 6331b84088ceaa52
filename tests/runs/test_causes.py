"""Each kind of signal on the embedded engine, from its cause to its run: probe, alarm, EventBridge, Arrive, Detect.

No app here has a backup, so that every run ends at Plan: what is shown is that it began, and for which reason.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from relight.adapters import aws
from relight.config import Alarm, App, Config, Schedule, Signal
from relight.configfile import load
from relight.health import READERS
from relight.local.engine import KEY
from relight.model import timestamp
from tests.runs.stage import SAMPLE, Stage
from tests.support import free_port

pytestmark = [pytest.mark.slow, pytest.mark.engine]

DAILY = Schedule(cron="0 3 * * *", grace=900)
RESOURCE = "arn:aws:rds:eu-central-1:000000000000:db:shop"
SIGNALS: dict[str, dict[str, Any]] = {
    "pointer": {"key": "state/aws/default/last_success.json", "schedule": DAILY},
    "marker": {"key": "latest/aws/default/feed.json", "schedule": DAILY},
    "backup_age": {},
    "http": {"url": "http://127.0.0.1:9/healthz", "timeout": 1},
    "alarm": {"alarm": "queue-lag"},
    "metric": {"namespace": "Shop", "metric": "Errors", "threshold": 5, "statistic": "Maximum", "period": 60},
    "aws_health": {"services": ("EC2",)},
    "aws_backup": {"resource": RESOURCE, "vault": "nightly"},
}
WORDS = {
    "pointer": "overdue",
    "marker": "never published",
    "backup_age": "no committed backup",
    "http": "no answer",
    "alarm": "alarm queue-lag is ALARM",
    "metric": "Shop Errors is 9",
    "aws_health": "AWS_EC2_OPERATIONAL_ISSUE",
    "aws_backup": "is FAILED: User: ",
}


def app_of(kind: str, base: App) -> App:
    name = kind.replace("_", "-")
    once = Alarm(unhealthy=1, of=1, recovered=1, recovered_of=1)
    signal = Signal(name="it", kind=kind, **SIGNALS[kind])  # type: ignore[arg-type]
    return replace(base, name=name, storage=f"s3://causes/{name}", signals=(signal,), alarm=once)


class Watched(Stage):
    """Relight deployed with an app for each kind of signal; no cluster, no backup."""

    def up(self) -> None:
        sample = load(SAMPLE)
        config: Config = replace(sample, apps=tuple(app_of(kind, sample.apps[0]) for kind in SIGNALS))
        self.engine.start(config.region)
        with self.signed_in():
            region = self.engine.environment()["AWS_REGION"]
            aws.client("s3").create_bucket(Bucket="causes", CreateBucketConfiguration={"LocationConstraint": region})
        self._deploy(config)

    def as_aws(self, service: str) -> Any:
        """The account's root, who may tell what AWS itself would."""
        return boto3.client(
            service, "eu-central-1", endpoint_url=self.engine.endpoint, aws_access_key_id=KEY, aws_secret_access_key=KEY
        )  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    made = Watched(tmp_path_factory.mktemp("causes"), free_port())
    try:
        made.up()
        yield made
    finally:
        made.engine.down()


def cause(stage: Watched, kind: str) -> None:
    now = datetime.now(UTC)
    cloudwatch = stage.aws("cloudwatch")
    if kind == "pointer":
        body = json.dumps({"ended_at": timestamp(now - timedelta(days=2))}).encode()
        stage.aws("s3").put_object(Bucket="causes", Key=f"pointer/{SIGNALS[kind]['key']}", Body=body)
    elif kind == "alarm":
        usual = {"Namespace": "Shop", "MetricName": "Lag", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1}
        compared = {"Threshold": 5, "ComparisonOperator": "GreaterThanThreshold"}
        cloudwatch.put_metric_alarm(AlarmName="queue-lag", **usual, **compared)
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Lag", "Value": 9}])
    elif kind == "metric":
        at = now.replace(second=0, microsecond=0) - timedelta(seconds=30)
        row = {"MetricName": "Errors", "Value": 9, "Timestamp": at}
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=[row])
    elif kind == "aws_health":
        detail = {"eventArn": "arn:aws:health:e::event/EC2/1", "service": "EC2", "statusCode": "open"}
        detail |= {"eventTypeCode": "AWS_EC2_OPERATIONAL_ISSUE", "eventTypeCategory": "issue", "eventRegion": "eu-central-1"}
        told = {"Source": "aws.health", "DetailType": "AWS Health Event", "Detail": json.dumps(detail)}
        stage.as_aws("events").put_events(Entries=[told])
    elif kind == "aws_backup":
        backup = stage.aws("backup")
        backup.create_backup_vault(BackupVaultName="nightly")
        role = stage.aws("iam").create_role(RoleName="nightly", AssumeRolePolicyDocument="{}")["Role"]["Arn"]  # may nothing
        backup.start_backup_job(BackupVaultName="nightly", ResourceArn=RESOURCE, IamRoleArn=role)


@pytest.mark.parametrize("kind", SIGNALS)
def test_from_its_cause_to_its_run(watched: Watched, kind: str) -> None:
    name = kind.replace("_", "-")
    rule = f"relight-{name}-alarm"
    watched.aws("events").enable_rule(Name=rule)
    cause(watched, kind)

    def started() -> str | None:
        watched.call("probe", {"app": name})
        return next(iter(watched.named(f"{name}-incident-")), None)

    run_id = watched.until(started, f"{kind} starts a run", seconds=30)
    watched.until(lambda: (watched.see(run_id).get("facts") or {}).get("detection"), "Detect has looked", seconds=30)
    detection = watched.see(run_id)["facts"]["detection"]
    assert (detection["health"], WORDS[kind] in detection["reason"]) == ("unhealthy", True), detection["reason"]
    time.sleep(1)
    watched.call("probe", {"app": name})
    assert watched.named(f"{name}-") == [run_id]


def test_every_kind_of_signal_is_shown_here() -> None:
    assert set(SIGNALS) == set(READERS)


def test_no_call_of_probe_or_arrive_was_refused(watched: Watched) -> None:
    calls = [json.loads(line) for line in Path(watched.engine.calls).read_text(encoding="utf-8").splitlines()]
    ours = [call for call in calls if "/relight-probe" in call["principal"] or "/relight-arrive" in call["principal"]]
    refused = {
        (call["principal"].rpartition("/")[2], call["action"], call["resource"]) for call in ours if not call["allowed"]
    }
    assert ours
    assert refused == set()
