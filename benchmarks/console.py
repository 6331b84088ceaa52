"""A page of the console's list of runs, at the handler, with a thousand runs in the table (moto's, in this process)."""

import json
import os
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import boto3
from moto import mock_aws

from benchmarks.table import Row, rated

RUNS, ROWS, ROUNDS = 1_000, 50, 9
CALLER = "arn:aws:iam::1:user/bench"
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
SETTINGS = {"RELIGHT_TABLE": "bench", "RELIGHT_NAME": "bench", "POWERTOOLS_LOG_LEVEL": "ERROR", "AWS_REGION": "eu-central-1"}


def rows() -> Iterator[Row]:
    os.environ.update(KEYS | SETTINGS)
    with mock_aws():
        fill()
        ours, theirs = timed(page()), timed(one_by_one)
    yield rated("console: CPU of a page of a list of 1,000 runs", "300 milliseconds", 1.0, ours, 0.3)
    yield rated("console: the same page", "boto3, a GetItem a row", 0.5, ours, theirs)


def fill() -> None:
    resource = boto3.resource("dynamodb")
    names = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    table = resource.create_table(
        TableName="bench", BillingMode="PAY_PER_REQUEST", KeySchema=keys, AttributeDefinitions=names
    )
    with table.batch_writer() as batch:
        for number in range(RUNS):
            at, run_id = f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00Z", f"run-{number:04d}"
            run = {"app": "bench", "mode": "drill", "run_id": run_id, "started_at": at, "execution_arn": "arn"}
            batch.put_item({"pk": "app#bench", "sk": f"run#{at}#{run_id}", "run_id": run_id})
            batch.put_item({"pk": f"run#{run_id}", "sk": "run", "run": json.dumps(run), "outcome": "Succeeded"})
    app = {"name": "bench", "namespace": "bench", "storage": "s3://bench", "signals": [], "validators": []}
    boto3.client("ssm").put_parameter(Name="/bench/apps/bench", Type="String", Value=json.dumps(app))


def page() -> Callable[[], None]:
    from lambdas.console.handler import handler
    from relight.adapters.sessions import Sessions, SignedIn
    from relight.roles import Role

    Sessions("bench").put_session("s", SignedIn(name=CALLER, role=Role.VIEWER, expires_at=int(time.time()) + 600))
    event: dict[str, Any] = {"routeKey": "GET /console/runs", "rawPath": "/console/runs", "cookies": ["relight-session=s"]}

    def ask() -> None:
        answer = handler(event, None)
        assert answer["body"].count('<th scope="row">') == ROWS, answer

    return ask


def one_by_one() -> None:
    """The same rows with the SDK's own table, a read each."""
    from boto3.dynamodb.conditions import Key

    table = boto3.resource("dynamodb").Table("bench")
    newest = {"ScanIndexForward": False, "Limit": ROWS}
    found = table.query(KeyConditionExpression=Key("pk").eq("app#bench") & Key("sk").begins_with("run#"), **newest)
    for item in found["Items"]:
        table.get_item(Key={"pk": f"run#{item['run_id']}", "sk": "run"}, ConsistentRead=True)


def timed(run: Callable[[], None]) -> float:
    """CPU seconds, moto's included: the median of rounds after the first, which pays for the imports."""
    run()
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return median(taken)


if __name__ == "__main__":
    for row in rows():
        print(row)
