"""Step Functions: one start a name, timeouts (also as JSONata), an end that is final, errors and Assign as AWS has them."""

import contextvars
import json
import threading
from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch, uses
from relight.local.aws.bridge.permissions import refusal
from relight.local.aws.bridge.tokens import fail_pending, pending, release

TIMEOUTS = ("TimeoutSeconds", "HeartbeatSeconds")

uses(
    "services.stepfunctions",
    _executions=None,
    _state_machines=None,
    _ExecutionError="error cause",
    _apply_jsonata_template="value raw_input ctx result error_output",
    _state_query_language="state_def ctx",
    _add_event="execution event_type details",
    _emit_execution_status_event="execution",
    _resolve_state_machine_arn="arn",
)
uses("services.lambda_svc", _get_func_record_for_ref="function_ref")
uses("core.responses", json_response="data status content_type", now_iso="", new_uuid="")


class Ended(BaseException):
    """The execution was stopped or timed out: unwinds its thread past every Retry and Catch."""


_current: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("execution", default=None)


# ---------------------------------------------------------------- executions
@patch("services.stepfunctions", "_start_execution", "data")
def start_once(original: Callable[..., Any], data: dict[str, Any]) -> Any:
    """The same name and input as a running execution: the same answer, as AWS gives."""
    from ministack.core.responses import get_account_id, get_region, json_response
    from ministack.services import stepfunctions as sfn

    machine = sfn._resolve_state_machine_arn(data.get("stateMachineArn", ""))
    if machine and data.get("name"):
        name = sfn._state_machines[machine]["name"]
        arn = f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{name}:{data['name']}"
        running = sfn._executions.get(arn)
        if running and running["status"] == "RUNNING" and running["input"] == data.get("input", "{}"):
            return json_response({"executionArn": arn, "startDate": running["startDate"]})
    return original(data)


@patch("services.stepfunctions", "_run_execution", "exec_arn")
def run_bounded(original: Callable[..., Any], exec_arn: str) -> None:
    """Runs the machine under its own TimeoutSeconds."""
    from ministack.services import stepfunctions as sfn

    execution = sfn._executions.get(exec_arn)
    _current.set(execution)
    machine = sfn._state_machines.get(execution["stateMachineArn"]) or {"definition": "{}"}
    seconds = json.loads(machine["definition"]).get("TimeoutSeconds")
    timer = None
    if seconds:
        timer = threading.Timer(seconds, contextvars.copy_context().run, args=(_time_out, execution))
        timer.daemon = True
        timer.start()
    try:
        original(exec_arn)
    except Ended:
        pass
    finally:
        if timer:
            timer.cancel()


def _time_out(execution: dict[str, Any]) -> None:
    from ministack.core.responses import now_iso
    from ministack.services import stepfunctions as sfn

    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", stopDate=now_iso())
    sfn._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    sfn._emit_execution_status_event(execution)
    release(execution)


@patch("services.stepfunctions", "_stop_execution", "data")
def stop(original: Callable[..., Any], data: dict[str, Any]) -> Any:
    from ministack.services import stepfunctions as sfn

    answer = original(data)
    execution = sfn._executions.get(data.get("executionArn"))
    if execution and execution["status"] != "RUNNING":
        release(execution)
    return answer


@patch("services.stepfunctions", "_fail_execution", "execution error cause")
def fail_once(original: Callable[..., Any], execution: dict[str, Any], error: str, cause: str) -> None:
    """A stopped or timed-out execution keeps that status."""
    if execution["status"] == "RUNNING":
        original(execution, error, cause)


def _ended() -> bool:
    execution = _current.get()
    return execution is not None and execution["status"] != "RUNNING"


# ---------------------------------------------------------------- tasks
@patch("services.stepfunctions", "_execute_task", "state_def raw_input execution ctx")
def resolve_timeouts(
    original: Callable[..., Any], state_def: dict[str, Any], raw_input: Any, execution: Any, ctx: Any
) -> Any:
    """TimeoutSeconds and HeartbeatSeconds may be JSONata."""
    from ministack.services import stepfunctions as sfn

    if sfn._state_query_language(state_def, ctx) == "JSONata":
        given = {name: state_def[name] for name in TIMEOUTS if name in state_def}
        state_def = {**state_def, **sfn._apply_jsonata_template(given, raw_input, ctx)}
    return original(state_def, raw_input, execution, ctx)


@patch("services.stepfunctions", "_apply_jsonata_arguments", "state_def raw_input ctx")
def new_token_each_attempt(original: Callable[..., Any], state_def: Any, raw_input: Any, ctx: Any = None) -> Any:
    """Runs before each attempt: a retried callback gets a token of its own, and a stopped execution goes no further."""
    from ministack.core.responses import new_uuid

    if _ended():
        raise Ended
    if ctx and "Task" in ctx and ctx.get("State", {}).get("RetryCount"):
        ctx["Task"] = {"Token": new_uuid()}
    return original(state_def, raw_input, ctx)


@patch("services.stepfunctions", "_invoke_with_callback", "resource input_data token state_def")
def call_back(original: Callable[..., Any], resource: str, data: Any, token: str, state_def: dict[str, Any]) -> Any:
    with pending(token, state_def.get("HeartbeatSeconds"), _current.get()):
        try:
            return original(resource, data, token, state_def)
        finally:
            if _ended():
                raise Ended


@patch("services.stepfunctions", "_call_lambda", "func_ref event")
def fail_the_callback(original: Callable[..., Any], func_ref: str, event: Any) -> Any:
    from ministack.services import stepfunctions as sfn

    try:
        _check_role(func_ref)
        return original(func_ref, event)
    except sfn._ExecutionError as error:
        fail_pending(error.error, error.cause)
        raise


def _check_role(func_ref: str) -> None:
    """The state machine's role must be allowed to invoke the function, as on AWS."""
    from ministack.services import lambda_svc
    from ministack.services import stepfunctions as sfn

    execution = _current.get()
    machine = sfn._state_machines.get(execution["stateMachineArn"]) if execution else None
    _, config, _ = lambda_svc._get_func_record_for_ref(func_ref)
    if machine and config and execution:
        why = refusal(machine["roleArn"], execution["name"][:64], "lambda:InvokeFunction", config["FunctionArn"])
        if why:
            raise sfn._ExecutionError("Lambda.AWSLambdaException", why)


# ---------------------------------------------------------------- the language
@patch("services.stepfunctions", "_error_matches", "error_equals error")
def error_matches(original: Callable[..., Any], error_equals: list[str], error: str) -> bool:
    """States.Timeout covers a missed heartbeat; States.Runtime is beyond every Catch."""
    if error == "States.Runtime":
        return False
    if error == "States.HeartbeatTimeout" and "States.Timeout" in error_equals:
        return True
    return bool(original(error_equals, error))


@patch("services.stepfunctions", "_apply_state_assign", "state_def raw_input ctx result error_output")
def assign_at_once(
    _original: Callable[..., Any],
    state_def: dict[str, Any],
    raw_input: Any,
    ctx: Any,
    result: Any = None,
    error_output: Any = None,
) -> None:
    """Every expression of one Assign sees the variables as they were before it."""
    from ministack.services import stepfunctions as sfn

    wanted = state_def.get("Assign")
    if ctx is None or not isinstance(wanted, dict) or sfn._state_query_language(state_def, ctx) != "JSONata":
        return
    values = sfn._apply_jsonata_template(wanted, raw_input, ctx, result=result, error_output=error_output)
    ctx.setdefault("variables", {}).update(values)
