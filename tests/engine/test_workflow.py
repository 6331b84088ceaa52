"""The state machine's promises to Relight: errors by name, heartbeats, timeouts, one answer a token, one start a name."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.engine.conftest import Account, allow
from tests.support import eventually

pytestmark = pytest.mark.engine

RAISES = """
class CapacityUnavailable(Exception):
    pass

def handler(event, context):
    raise CapacityUnavailable("no m7g.large in eu-central-1a")
"""
KEEPS_TOKEN = """
import boto3

def handler(event, context):
    boto3.client("ssm").put_parameter(Name=event["name"], Value=event["token"], Type="String", Overwrite=True)
"""
ANSWERS = "def handler(event, context):\n    return event"


def task(function: str, *, callback: bool = False, payload: Any = None, **more: Any) -> dict[str, Any]:
    resource = "arn:aws:states:::lambda:invoke" + (".waitForTaskToken" if callback else "")
    arguments = {"FunctionName": function, "Payload": payload if payload is not None else "{% $states.input %}"}
    return {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True, **more}


def waiting(aws: Account, name: str, **more: Any) -> str:
    """A machine that hands its token to a parameter called ``name`` and waits."""
    function = aws.function(KEEPS_TOKEN, grants=(allow("ssm:PutParameter", "*"),))
    payload = {"name": name, "token": "{% $states.context.Task.Token %}"}
    return aws.machine({"Wait": task(function, callback=True, payload=payload, **more)})


def token_of(aws: Account, name: str, other_than: str = "") -> str:
    def look() -> str | None:
        try:
            found = aws.ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except ClientError:
            return None
        return found if found != other_than else None

    return str(eventually(look))


# ---------------------------------------------------------------- errors by name
def test_an_exceptions_class_name_is_the_error_that_retry_and_catch_match(aws: Account) -> None:
    function = aws.function(RAISES)
    caught = {"ErrorEquals": ["CapacityUnavailable"], "Next": "Told", "Assign": {"why": "{% $states.errorOutput.Error %}"}}
    told = {"Type": "Pass", "Output": {"why": "{% $why %}"}, "End": True}
    retry = {"ErrorEquals": ["CapacityUnavailable"], "IntervalSeconds": 1, "MaxAttempts": 2}
    machine = aws.machine({"Launch": task(function, Catch=[caught], Retry=[retry]), "Told": told})
    ended = aws.ended(aws.start(machine))
    assert ended["result"] == {"why": "CapacityUnavailable"}
    history = aws.stepfunctions.get_execution_history(executionArn=ended["executionArn"])["events"]
    assert [event["type"] for event in history].count("TaskScheduled") == 3, "one attempt and two retries"


def test_invoke_reports_the_error_as_lambda_does(aws: Account) -> None:
    answer = getattr(aws, "lambda").invoke(FunctionName=aws.function(RAISES), Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    body = answer["Payload"].read()
    assert b'"errorType": "CapacityUnavailable"' in body
    assert b"no m7g.large" in body


def test_a_worker_survives_an_error_of_its_handler(aws: Account) -> None:
    counting = """
        calls = []
        def handler(event, context):
            calls.append(1)
            if len(calls) == 1:
                raise KeyError("first")
            return len(calls)
    """
    function = aws.function(counting)
    getattr(aws, "lambda").invoke(FunctionName=function)
    assert getattr(aws, "lambda").invoke(FunctionName=function)["Payload"].read() == b"2"


def test_the_retry_count_reaches_the_function(aws: Account) -> None:
    picky = """
        class Conflict(Exception):
            pass
        def handler(event, context):
            if event["attempt"] < 2:
                raise Conflict("again")
            return event
    """
    retry = {"ErrorEquals": ["Conflict"], "IntervalSeconds": 1, "MaxAttempts": 3}
    payload = {"attempt": "{% $states.context.State.RetryCount %}"}
    machine = aws.machine(
        {"Plan": task(aws.function(picky), payload=payload, Retry=[retry], Output="{% $states.result.Payload %}")}
    )
    assert aws.ended(aws.start(machine))["result"] == {"attempt": 2}


def test_a_function_that_fails_under_a_callback_fails_the_task_at_once(aws: Account) -> None:
    began = time.monotonic()
    machine = aws.machine({"Restore": task(aws.function(RAISES), callback=True, TimeoutSeconds=60)})
    ended = aws.ended(aws.start(machine))
    assert (ended["status"], ended["error"]) == ("FAILED", "CapacityUnavailable")
    assert time.monotonic() - began < 10


# ---------------------------------------------------------------- time
def test_silence_ends_a_callback_and_a_beat_keeps_it(aws: Account) -> None:
    machine = waiting(aws, "beaten", HeartbeatSeconds=3)
    execution = aws.start(machine)
    token = token_of(aws, "beaten")
    for _ in range(8):
        time.sleep(0.5)
        aws.stepfunctions.send_task_heartbeat(taskToken=token)
    assert aws.stepfunctions.describe_execution(executionArn=execution)["status"] == "RUNNING"
    assert aws.ended(execution)["error"] == "States.HeartbeatTimeout"


def test_heartbeat_and_timeout_may_be_jsonata(aws: Account) -> None:
    expression = "{% $states.input.seconds %}"
    beats, ends = (
        waiting(aws, "jsonata-beat", HeartbeatSeconds=expression),
        waiting(aws, "jsonata-end", TimeoutSeconds=expression),
    )
    silent, late = aws.start(beats, {"seconds": 1}), aws.start(ends, {"seconds": 1})
    assert aws.ended(silent)["error"] == "States.HeartbeatTimeout"
    assert aws.ended(late)["error"] == "States.Timeout"


def test_a_function_that_takes_too_long_times_out(aws: Account) -> None:
    slow = aws.function("import time\ndef handler(event, context):\n    time.sleep(5)")
    machine = aws.machine({"Detect": task(slow, TimeoutSeconds="{% 1 %}")})
    assert aws.ended(aws.start(machine), 4)["error"] == "States.Timeout"


def test_the_machines_own_timeout_ends_it_past_every_catch(aws: Account) -> None:
    function = aws.function(KEEPS_TOKEN, grants=(allow("ssm:PutParameter", "*"),))
    payload = {"name": "outlived", "token": "{% $states.context.Task.Token %}"}
    caught = {"ErrorEquals": ["States.ALL"], "Next": "After"}
    states = {"Serve": task(function, callback=True, payload=payload, Catch=[caught]), "After": {"Type": "Succeed"}}
    execution = aws.start(aws.machine(states, TimeoutSeconds=1))
    assert aws.ended(execution)["status"] == "TIMED_OUT"
    time.sleep(0.5)
    assert aws.stepfunctions.describe_execution(executionArn=execution)["status"] == "TIMED_OUT"


def test_catching_a_timeout_catches_a_missed_heartbeat(aws: Account) -> None:
    caught = {"ErrorEquals": ["States.Timeout"], "Next": "Told"}
    function = aws.function(ANSWERS)
    machine = aws.machine(
        {"Approve": task(function, callback=True, HeartbeatSeconds=1, Catch=[caught]), "Told": {"Type": "Succeed"}}
    )
    assert aws.ended(aws.start(machine))["status"] == "SUCCEEDED"


# ---------------------------------------------------------------- tokens
def test_a_token_is_answered_once(aws: Account) -> None:
    execution = aws.start(waiting(aws, "answered"))
    token = token_of(aws, "answered")
    aws.stepfunctions.send_task_success(taskToken=token, output='{"decided": "approved"}')
    assert aws.ended(execution)["result"] == {"decided": "approved"}
    for again in (aws.stepfunctions.send_task_heartbeat, aws.stepfunctions.send_task_success):
        more = {"output": "{}"} if again == aws.stepfunctions.send_task_success else {}
        with pytest.raises(ClientError, match="TaskTimedOut"):
            again(taskToken=token, **more)


def test_each_attempt_has_a_token_of_its_own(aws: Account) -> None:
    retry = {"ErrorEquals": ["Conflict"], "IntervalSeconds": 1, "MaxAttempts": 2}
    execution = aws.start(waiting(aws, "attempts", Retry=[retry]))
    first = token_of(aws, "attempts")
    aws.stepfunctions.send_task_failure(taskToken=first, error="Conflict", cause="lost")
    second = token_of(aws, "attempts", other_than=first)
    with pytest.raises(ClientError, match="TaskTimedOut"):
        aws.stepfunctions.send_task_success(taskToken=first, output="{}")
    aws.stepfunctions.send_task_success(taskToken=second, output='{"second": true}')
    assert aws.ended(execution)["result"] == {"second": True}


def test_a_stopped_execution_stays_stopped_and_closes_its_token(aws: Account) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3}
    execution = aws.start(waiting(aws, "stopped", Retry=[retry]))
    token = token_of(aws, "stopped")
    aws.stepfunctions.stop_execution(executionArn=execution, error="Operator", cause="enough")

    def closed() -> bool:
        try:
            aws.stepfunctions.send_task_heartbeat(taskToken=token)
        except ClientError as error:
            return error.response["Error"]["Code"] == "TaskTimedOut"
        return False

    eventually(closed)
    time.sleep(0.3)
    assert aws.stepfunctions.describe_execution(executionArn=execution)["status"] == "ABORTED"
    assert aws.ssm.get_parameter(Name="stopped")["Parameter"]["Value"] == token, "no further attempt"


# ---------------------------------------------------------------- starting, assigning
def test_starting_the_same_run_twice_is_one_run(aws: Account) -> None:
    machine = waiting(aws, "twice")
    first = aws.start(machine, {"app": "ledger"}, name="incident-1")
    assert aws.start(machine, {"app": "ledger"}, name="incident-1") == first
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        aws.start(machine, {"app": "other"}, name="incident-1")
    aws.stepfunctions.send_task_success(taskToken=token_of(aws, "twice"), output="{}")
    aws.ended(first)
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        aws.start(machine, {"app": "ledger"}, name="incident-1")


def test_one_assign_sees_the_variables_as_they_were(aws: Account) -> None:
    states = {
        "Start": {"Type": "Pass", "Assign": {"rung": 1}, "Next": "Climb"},
        "Climb": {"Type": "Pass", "Assign": {"rung": "{% $rung + 1 %}", "was": "{% $rung %}"}, "Next": "Told"},
        "Told": {"Type": "Pass", "Output": {"rung": "{% $rung %}", "was": "{% $was %}"}, "End": True},
    }
    assert aws.ended(aws.start(aws.machine(states)))["result"] == {"rung": 2, "was": 1}
