"""What starts runs, as AWS does it: dead letters, schedules by their zone's clock, AWS's own events, failed backup jobs."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from relight.local.aws.bridge.schedules import last
from tests.engine.conftest import Account, allow, unique
from tests.support import eventually

HEALTH = {"Source": "aws.health", "DetailType": "AWS Health Event", "Detail": "{}"}


def stack(aws: Account, queue: str, role: str) -> str:
    """A function that always fails, as a template makes it; its name."""
    name, source = unique("failing"), "def handler(event, context):\n    raise ValueError('no')\n"
    about = {"FunctionName": name, "Role": role, "Runtime": "python3.13", "Handler": "index.handler"}
    about |= {"Code": {"ZipFile": source}, "DeadLetterConfig": {"TargetArn": queue}}
    template = {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": about}}}
    aws.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    eventually(lambda: status(aws, name) == "CREATE_COMPLETE", seconds=10)
    return name


def status(aws: Account, name: str) -> str:
    return str(aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


@pytest.mark.engine
def test_what_a_function_gave_up_on_is_a_dead_letter_with_an_alarm_if_its_role_may_send(aws: Account) -> None:
    name = unique("letters")
    url = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    alarm: dict[str, Any] = {"AlarmName": name, "MetricName": "ApproximateNumberOfMessagesVisible", "Namespace": "AWS/SQS"}
    alarm |= {"Dimensions": [{"Name": "QueueName", "Value": name}], "Statistic": "Maximum", "Period": 300}
    alarm |= {"EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}
    aws.cloudwatch.put_metric_alarm(**alarm)
    mute = stack(aws, queue, aws.role(unique("mute")))
    telling = stack(aws, queue, aws.role(unique("telling"), allow("sqs:SendMessage", queue)))
    for one in (mute, telling):
        getattr(aws, "lambda").invoke(FunctionName=one, InvocationType="Event", Payload=json.dumps({"to": one}))

    def state() -> str:
        return str(aws.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])

    eventually(lambda: state() == "ALARM", seconds=20)  # after two more tries, a second and two later
    found = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(one["Body"])["requestPayload"] for one in found] == [{"to": telling}]
    assert json.loads(found[0]["Body"])["responsePayload"]["errorType"] == "ValueError"


@pytest.mark.engine
def test_a_backup_job_ends_as_its_role_allows(aws: Account) -> None:
    resource = "arn:aws:rds:eu-central-1:000000000000:db:shop"
    vault = unique("vault")
    aws.backup.create_backup_vault(BackupVaultName=vault)
    for role in (aws.role(unique("may"), allow("rds:CreateDBSnapshot", "*")), aws.role(unique("may-not"))):
        aws.backup.start_backup_job(BackupVaultName=vault, ResourceArn=resource, IamRoleArn=role)
    jobs = aws.backup.list_backup_jobs(ByBackupVaultName=vault)["BackupJobs"]
    assert sorted(one["State"] for one in jobs) == ["COMPLETED", "FAILED"]
    (failed,) = [one for one in jobs if one["State"] == "FAILED"]
    assert "not authorized to perform: rds:CreateDBSnapshot" in failed["StatusMessage"]


@pytest.mark.engine
def test_events_of_aws_itself_are_told_by_the_accounts_root_alone(aws: Account, root: Account) -> None:
    assert root.events.put_events(Entries=[HEALTH])["FailedEntryCount"] == 0
    answer = aws.events.put_events(Entries=[HEALTH])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


@pytest.mark.engine
@pytest.mark.slow
def test_a_schedule_tells_its_target_the_time_that_was_due(aws: Account) -> None:
    name = unique("due")
    url = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    role = aws.role(name, allow("sqs:SendMessage", queue))
    at = datetime.fromtimestamp(datetime.now(UTC).timestamp() + 2, UTC)
    target = {"Arn": queue, "RoleArn": role, "Input": '{"at": "<aws.scheduler.scheduled-time>"}'}
    window: dict[str, Any] = {"FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    aws.scheduler.create_schedule(Name=name, ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})", **window)
    seen: list[str] = []

    def look() -> bool:
        seen.extend(one["Body"] for one in aws.sqs.receive_message(QueueUrl=url).get("Messages", []))
        return bool(seen)

    eventually(look, seconds=15)
    assert [json.loads(one) for one in seen] == [{"at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}]


MONDAY = "cron(0 4 ? * MON *)"


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("said", "zone", "now", "due"),
    [
        (MONDAY, "UTC", "2026-11-02T04:00:05+00:00", "2026-11-02T04:00:00+00:00"),
        (MONDAY, "Europe/Berlin", "2026-11-02T04:00:05+00:00", "2026-11-02T03:00:00+00:00"),
        (MONDAY, "America/New_York", "2026-11-02T04:00:05+00:00", "2026-10-26T08:00:00+00:00"),
        ("rate(5 minutes)", "UTC", "2026-11-02T04:00:05+00:00", "2026-11-02T03:57:00+00:00"),
        ("at(2026-11-02T04:00:00)", "UTC", "2026-11-02T04:00:05+00:00", "2026-11-02T04:00:00+00:00"),
    ],
)
def test_when_a_schedule_was_last_due(said: str, zone: str, now: str, due: str) -> None:
    begun = moment("2026-11-02T03:52:00+00:00")
    assert last({"ScheduleExpression": said, "ScheduleExpressionTimezone": zone}, begun, moment(now)) == moment(due)
