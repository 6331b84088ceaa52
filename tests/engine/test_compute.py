"""Instances: launched once a token, from a launch template, living as long as their process, told to EventBridge."""

import base64
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from relight.local import processes
from relight.local.engine import Engine
from tests.engine.conftest import Account, allow, unique
from tests.support import eventually

pytestmark = pytest.mark.engine

BOOT = """#!/bin/bash
set -euo pipefail
IMDS=$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest
token=$(curl -sf -X PUT -H 'x-aws-ec2-metadata-token-ttl-seconds: 60' "$IMDS/api/token")
read_about() { curl -sf -H "x-aws-ec2-metadata-token: $token" "$IMDS/meta-data/$1"; echo; }
mkdir -p "$DESTDIR/etc/systemd/system"
cat > "$DESTDIR/etc/systemd/system/steady.service" <<'UNIT'
[Service]
Environment=WORD=alive
EnvironmentFile=-/no/such/file
ExecStart=/bin/bash -c 'echo $WORD; setsid sleep 600 & exec sleep 600'
Restart=always
RestartSec=100ms
UNIT
cat > "$DESTDIR/etc/systemd/system/flaky.service" <<'UNIT'
[Service]
ExecStart=/bin/bash -c 'echo tried; exit 1'
Restart=on-failure
RestartSec=0.1
UNIT
cat > "$DESTDIR/etc/systemd/system/broken.service" <<'UNIT'
[Service]
Type=exec
ExecStart=/no/such/program
UNIT
systemctl daemon-reload
systemctl enable --now steady.service
systemctl enable --now flaky
systemctl start broken || echo "broken: $?"
systemctl start missing || echo "missing: $?"
systemctl is-active steady
systemctl is-active missing || echo "not active: $?"
curl -s -o /dev/null -w 'without a token: %{http_code}\\n' "$IMDS/meta-data/instance-id"
read_about instance-id
read_about tags/instance/relight:run-id
read_about placement/availability-zone
python3 -c 'import boto3; print(boto3.client("sts", region_name="eu-central-1").get_caller_identity()["UserId"])'
env | grep -c AWS_ACCESS_KEY || true
echo booted
"""


@pytest.fixture(scope="module")
def template(aws: Account) -> str:
    """A launch template as Relight's: role, metadata version 2 with tags, image by SSM parameter, terminate on shutdown."""
    aws.ssm.put_parameter(Name="/images/ubuntu", Value="ami-12345678", Type="String")
    aws.role("runner", allow("s3:GetObject", "*"))
    aws.iam.create_instance_profile(InstanceProfileName="runner")
    aws.iam.add_role_to_instance_profile(InstanceProfileName="runner", RoleName="runner")
    data = {
        "ImageId": "resolve:ssm:/images/ubuntu",
        "InstanceType": "t4g.large",
        "IamInstanceProfile": {"Name": "runner"},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "relight:mode", "Value": "drill"}]}],
        "UserData": base64.b64encode(BOOT.encode()).decode(),
    }
    made = aws.ec2.create_launch_template(LaunchTemplateName="runner", LaunchTemplateData=data)
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def launch(aws: Account, template: str, token: str, **more: Any) -> dict[str, Any]:
    tags = [{"Key": "relight:run-id", "Value": token}]
    made = aws.ec2.run_instances(
        MinCount=1, MaxCount=1, ClientToken=token, LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}], **more,
    )  # fmt: skip
    return dict(made["Instances"][0])


def state(aws: Account, iid: str) -> str:
    found = aws.ec2.describe_instances(InstanceIds=[iid])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])


def log_of(engine: Engine, iid: str, name: str) -> str:
    path = engine.state / "instances" / iid / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def runner(aws: Account, engine: Engine, template: str) -> Iterator[str]:
    """A runner that has booted."""
    iid = launch(aws, template, unique("run"))["InstanceId"]
    eventually(lambda: "booted" in log_of(engine, iid, "user-data.log"), seconds=20)
    yield iid
    aws.ec2.terminate_instances(InstanceIds=[iid])
    eventually(lambda: state(aws, iid) == "terminated")


# ---------------------------------------------------------------- launching
def test_a_launch_is_the_template_and_the_request_together(aws: Account, template: str) -> None:
    made = launch(aws, template, unique("run"), InstanceType="m7g.large")
    try:
        assert made["InstanceType"] == "m7g.large"
        assert made["ImageId"] == "ami-12345678"
        assert made["State"]["Name"] == "pending"
        assert {tag["Key"] for tag in made["Tags"]} == {"relight:mode", "relight:run-id"}
        assert eventually(lambda: state(aws, made["InstanceId"]) == "running")
    finally:
        aws.ec2.terminate_instances(InstanceIds=[made["InstanceId"]])


def test_a_repeated_launch_is_the_same_instance(aws: Account, template: str) -> None:
    token = unique("run")
    made = launch(aws, template, token)
    try:
        assert launch(aws, template, token)["InstanceId"] == made["InstanceId"]
        with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
            launch(aws, template, token, InstanceType="c7g.large")
    finally:
        aws.ec2.terminate_instances(InstanceIds=[made["InstanceId"]])


def test_a_type_without_capacity_is_refused_by_name(aws: Account, engine: Engine, template: str) -> None:
    (engine.state / "no-capacity").write_text("m7g.large\n", encoding="utf-8")
    try:
        with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
            launch(aws, template, unique("run"), InstanceType="m7g.large")
    finally:
        (engine.state / "no-capacity").unlink()


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"LaunchTemplate": {"LaunchTemplateName": "nobody"}}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplate": {"LaunchTemplateName": "runner", "Version": "9"}}, "VersionNotFound"),
        ({"ImageId": "resolve:ssm:/images/none"}, "SSM parameter /images/none"),
    ],
)
def test_a_launch_that_names_nothing_real_is_refused(
    aws: Account, template: str, given: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(ClientError, match=refusal):
        aws.ec2.run_instances(MinCount=1, MaxCount=1, **given)


# ---------------------------------------------------------------- what runs on it
def test_the_user_data_finds_its_machine(aws: Account, engine: Engine, runner: str) -> None:
    role_id = aws.iam.get_role(RoleName="runner")["Role"]["RoleId"]
    said = log_of(engine, runner, "user-data.log").splitlines()
    found = aws.ec2.describe_instances(InstanceIds=[runner])["Reservations"][0]["Instances"][0]
    run = next(tag["Value"] for tag in found["Tags"] if tag["Key"] == "relight:run-id")
    assert "without a token: 401" in said
    assert {runner, run, found["Placement"]["AvailabilityZone"], f"{role_id}:{runner}"} <= set(said)
    assert said[-2] == "0", "no credentials in the machine's environment"
    assert "broken: 1" in said
    assert "missing: 5" in said
    assert "not active: 3" in said


def test_units_run_and_restart_as_their_files_say(engine: Engine, runner: str) -> None:
    assert log_of(engine, runner, "steady.log") == "alive\n"
    eventually(lambda: log_of(engine, runner, "flaky.log").count("tried") >= 3)
    home = str(engine.state / "instances" / runner)
    victim = next(
        pid for pid, command in processes.marked(home).items() if command == "sleep 600" and os.getpgid(pid) == pid
    )
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: log_of(engine, runner, "steady.log") == "alive\nalive\n")


def test_nothing_of_the_machines_credentials_is_on_its_disk_or_in_its_logs(engine: Engine, runner: str) -> None:
    home = engine.state / "instances" / runner
    texts = [path.read_text(errors="replace") for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert texts
    assert not any("ASIA" in text or "SecretAccessKey" in text for text in texts)


# ---------------------------------------------------------------- its end
def end_by_terminating(aws: Account, engine: Engine, iid: str) -> None:
    answer = aws.ec2.terminate_instances(InstanceIds=[iid])["TerminatingInstances"][0]
    assert answer["CurrentState"]["Name"] == "shutting-down"


def end_by_kill(aws: Account, engine: Engine, iid: str) -> None:
    home = str(engine.state / "instances" / iid)
    os.kill(
        next(pid for pid, command in processes.marked(home).items() if "relight.local.instances" in command), signal.SIGKILL
    )


def end_by_poweroff(aws: Account, engine: Engine, iid: str) -> None:
    home = engine.state / "instances" / iid
    os.spawnv(os.P_WAIT, str(home / "bin" / "systemctl"), ["systemctl", "poweroff"])


@pytest.mark.parametrize("end", [end_by_terminating, end_by_kill, end_by_poweroff])
def test_an_instance_ends_with_everything_on_it(aws: Account, engine: Engine, runner: str, end: Any) -> None:
    home = str(engine.state / "instances" / runner)
    assert any("sleep 600" in command for command in processes.marked(home).values())
    end(aws, engine, runner)
    eventually(lambda: state(aws, runner) == "terminated", seconds=6)
    assert processes.marked(home) == {}
    assert not Path(home, "disk").exists()
    assert Path(home, "user-data.log").exists(), "the logs stay"


def test_state_changes_are_events(aws: Account, template: str) -> None:
    queue = aws.sqs.create_queue(QueueName=unique("states"))["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]}
    aws.events.put_rule(Name="states", EventPattern=json.dumps(pattern))
    aws.events.put_targets(Rule="states", Targets=[{"Id": "queue", "Arn": arn}])
    iid = launch(aws, template, unique("run"))["InstanceId"]
    aws.ec2.terminate_instances(InstanceIds=[iid])
    seen: list[str] = []

    def told() -> bool:
        for message in aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            seen.extend([detail["state"]] if detail["instance-id"] == iid else [])
        return "terminated" in seen

    eventually(told)
    assert set(seen) >= {"pending", "shutting-down", "terminated"}
    aws.events.remove_targets(Rule="states", Ids=["queue"])
    aws.events.delete_rule(Name="states")


def test_a_region_offers_each_instance_type_that_is_asked_for(aws: Account) -> None:
    filters = [{"Name": "instance-type", "Values": ["m7g.large", "t4g.large"]}]
    found = aws.ec2.describe_instance_type_offerings(LocationType="region", Filters=filters)["InstanceTypeOfferings"]
    assert {one["InstanceType"] for one in found} == {"m7g.large", "t4g.large"}
