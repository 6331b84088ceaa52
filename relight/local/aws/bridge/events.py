"""EventBridge and Scheduler: a target is reached as its role, and what cannot be reached goes to its dead letters."""

from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch, uses
from relight.local.aws.bridge.permissions import refusal

uses("services.stepfunctions", _resolve_state_machine_arn="arn")
uses("services.lambda_svc", _functions=None)

ACTIONS = {"states": "states:StartExecution", "lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage"}


@patch("services.eventbridge", "_invoke_target", "target event rule view")
def deliver(original: Callable[..., Any], target: dict[str, Any], event: Any, rule: Any, view: Any = None) -> Any:
    arn, queue = target.get("Arn", ""), (target.get("DeadLetterConfig") or {}).get("Arn")
    if not (_missing(arn) or _refused(target, arn)):
        return original(target, event, rule, view)
    if queue and not _refused(target, queue):
        return original({"Id": "dead-letter", "Arn": queue}, event, rule, view)
    return None


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
