"""From a function's log line to the event that starts a recovery."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from relight.local.aws.bridge.alarms import judge
from relight.local.aws.bridge.functions import embedded_metrics
from tests.engine.conftest import Account, allow, unique
from tests.support import eventually

PROBE = """
    import json

    def handler(event, context):
        metric = {"Namespace": "Relight", "Dimensions": [["app"]], "Metrics": [{"Name": "Unhealthy", "Unit": "Count"}]}
        print("not a metric")
        about = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [metric]}}
        print(json.dumps({**about, "app": event["app"], "Unhealthy": [event["value"]]}))
"""


@pytest.fixture
def changes(aws: Account) -> Iterator[Any]:
    """The alarm state changes that EventBridge delivered: (alarm, from, to)."""
    rule, queue = unique("changes"), aws.sqs.create_queue(QueueName=unique("changes"))["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.events.put_rule(
        Name=rule, EventPattern=json.dumps({"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]})
    )
    aws.events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    seen: list[tuple[str, str, str]] = []

    def look() -> list[tuple[str, str, str]]:
        for message in aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            seen.append((detail["alarmName"], detail["previousState"]["value"], detail["state"]["value"]))
        return seen

    yield look
    aws.events.remove_targets(Rule=rule, Ids=["queue"])
    aws.events.delete_rule(Name=rule)


def alarm(aws: Account, app: str, **more: Any) -> str:
    name = unique("unhealthy")
    given = {
        "Namespace": "Relight",
        "MetricName": "Unhealthy",
        "Dimensions": [{"Name": "app", "Value": app}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    }
    aws.cloudwatch.put_metric_alarm(AlarmName=name, **{**given, **more})
    return name


def state(aws: Account, name: str) -> str:
    return str(aws.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


@pytest.mark.engine
def test_an_unhealthy_reading_in_a_log_becomes_an_alarm_and_an_event_of_that_app_alone(aws: Account, changes: Any) -> None:
    ours, other = alarm(aws, "ledger"), alarm(aws, "shop")
    function = aws.function(PROBE, grants=(allow(["logs:CreateLogStream", "logs:PutLogEvents"], "*"),))
    getattr(aws, "lambda").invoke(FunctionName=function, Payload=json.dumps({"app": "ledger", "value": 1}))
    eventually(lambda: (ours, "INSUFFICIENT_DATA", "ALARM") in changes(), seconds=5)
    assert state(aws, other) == "INSUFFICIENT_DATA"
    getattr(aws, "lambda").invoke(FunctionName=function, Payload=json.dumps({"app": "shop", "value": 0}))
    eventually(lambda: (other, "INSUFFICIENT_DATA", "OK") in changes(), seconds=5)


@pytest.mark.engine
def test_each_transition_is_told_once(aws: Account, changes: Any) -> None:
    name = alarm(aws, "told-once")
    for _ in range(3):
        aws.cloudwatch.put_metric_data(
            Namespace="Relight",
            MetricData=[{"MetricName": "Unhealthy", "Value": 1, "Dimensions": [{"Name": "app", "Value": "told-once"}]}],
        )
    eventually(lambda: (name, "INSUFFICIENT_DATA", "ALARM") in changes())
    time.sleep(1.5)
    assert [row for row in changes() if row[0] == name] == [(name, "INSUFFICIENT_DATA", "ALARM")]


@pytest.mark.engine
def test_silence_where_silence_is_bad_raises_the_alarm_without_any_call(aws: Account, changes: Any) -> None:
    """A drill's own liveness: no data for a whole period is the alarm."""
    name = alarm(aws, "silent", Period=1, TreatMissingData="breaching")
    eventually(lambda: (name, "INSUFFICIENT_DATA", "ALARM") in changes(), seconds=6)


YOUNG, OLD = 0.0, -10_000.0


@pytest.mark.parametrize(
    ("given", "periods", "age", "state"),
    [
        ({}, [True], OLD, "ALARM"),
        ({}, [False], OLD, "OK"),
        ({}, [None], OLD, "INSUFFICIENT_DATA"),
        ({}, [None], YOUNG, None),
        ({"TreatMissingData": "breaching"}, [None], OLD, "ALARM"),
        ({"TreatMissingData": "breaching"}, [None], YOUNG, None),
        ({"TreatMissingData": "notBreaching"}, [None], OLD, "OK"),
        ({"TreatMissingData": "ignore"}, [None], OLD, None),
        ({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}, [True, False, True], OLD, "ALARM"),
        ({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}, [True, False, False], OLD, "OK"),
        ({"EvaluationPeriods": 3}, [True, True, False], OLD, "OK"),
        ({"EvaluationPeriods": 2, "TreatMissingData": "breaching"}, [True, None], OLD, "ALARM"),
    ],
)
def test_n_of_m_and_missing_data(given: dict[str, Any], periods: list[bool | None], age: float, state: str | None) -> None:
    assert judge({"Period": 60, **given}, periods, time.time() + age)[0] == state


def test_only_embedded_metrics_are_metrics() -> None:
    record = {
        "_aws": {"CloudWatchMetrics": [{"Namespace": "N", "Dimensions": [["app"], []], "Metrics": [{"Name": "M"}]}]},
        "app": "a",
        "M": 2,
    }
    lines = ["plain", "{broken", '{"_aws": 1}', '["list"]', json.dumps(record)]
    assert list(embedded_metrics("\n".join(lines))) == [("N", "M", 2.0, "None", {"app": "a"}), ("N", "M", 2.0, "None", {})]
