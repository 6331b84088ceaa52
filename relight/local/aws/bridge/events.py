"""EventBridge and Scheduler: a target is reached as its role, and what cannot be reached goes to its dead letters.

A function is called asynchronously, as on AWS: one that fails is called again, then its event goes to its own dead letters.
"""

import json
from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch, uses
from relight.local.aws.bridge.permissions import refusal
from relight.times import from_epoch

uses("services.stepfunctions", _resolve_state_machine_arn="arn")
uses("core.iam_evaluator", _request_caller_arn=None)
uses(
    "services.lambda_svc",
    _functions=None,
    _get_func_record_for_ref="function_ref",
    _execution_record_for_config="func config",
    invoke_async_with_retry="func event",
)

DUE = "<aws.scheduler.scheduled-time>"
ACTIONS = {"states": "states:StartExecution", "lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage"}


@patch("services.eventbridge", "_invoke_target", "target event rule view")
def deliver(original: Callable[..., Any], target: dict[str, Any], event: Any, rule: Any, view: Any = None) -> Any:
    arn, queue = target.get("Arn", ""), (target.get("DeadLetterConfig") or {}).get("Arn")
    target = _with_time(target, event)
    if not (_missing(arn) or _refused(target, arn)):
        return original(target, event, rule, view)
    if queue and not _refused(target, queue):
        return original({"Id": "dead-letter", "Arn": queue}, event, rule, view)
    return None


def _with_time(target: dict[str, Any], event: Any) -> dict[str, Any]:
    """Scheduler's own word for when a call was due."""
    due = target.get("Input") or ""
    return {**target, "Input": due.replace(DUE, from_epoch(int(event["Time"])))} if DUE in due else target


@patch("services.eventbridge", "_put_events", "data allow_aws_source")
def put(original: Callable[..., Any], data: dict[str, Any], allow_aws_source: bool = False) -> Any:
    """What AWS itself would tell (AWS Health, say) the account's root may put in its place, for rehearsals."""
    from ministack.core import iam_evaluator

    by_root = iam_evaluator._request_caller_arn.get("").endswith(":root")
    return original(data, allow_aws_source or by_root)


@patch("services.eventbridge", "_dispatch_to_lambda", "arn payload")
def call_function(_original: Callable[..., Any], arn: str, payload: str) -> None:
    from ministack.services import lambda_svc

    func, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if func and config:
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(func, config), json.loads(payload))


def _refused(target: dict[str, Any], arn: str) -> bool:
    role, action = target.get("RoleArn"), ACTIONS.get(arn.split(":")[2] if ":" in arn else "")
    return bool(role and action and refusal(role, "events", action, arn))


def _missing(arn: str) -> bool:
    from ministack.services import lambda_svc, stepfunctions

    if ":states:" in arn:
        return stepfunctions._resolve_state_machine_arn(arn) is None
    if ":lambda:" in arn:
        return arn.split(":function:")[-1].split(":")[0] not in lambda_svc._functions
    return False
