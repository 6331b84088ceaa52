"""Dead letters: what a function gave up on goes, as its own role, to the queue that its template names."""

from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch, uses
from relight.local.aws.bridge.permissions import refusal

uses("services.lambda_svc", _functions=None)
uses("services.sqs", _queue_by_arn="arn", _refresh_counts="q")


@patch("services.cloudformation.stacks", "_provision_resource", "resource_type logical_id props stack_name")
def keep_the_queue(original: Callable[..., Any], kind: str, logical_id: str, props: dict[str, Any], stack: str) -> Any:
    """MiniStack's own Lambda forgets a template's DeadLetterConfig, and honours one that it has."""
    from ministack.services import lambda_svc

    made = original(kind, logical_id, props, stack)
    if kind == "AWS::Lambda::Function" and "DeadLetterConfig" in props:
        lambda_svc._functions[made[0]]["config"]["DeadLetterConfig"] = props["DeadLetterConfig"]
    return made


@patch("services.lambda_svc", "_route_async_failure", "target_arn func_name event result")
def give_up(original: Callable[..., Any], queue: str, name: str, event: Any, result: Any) -> None:
    """Nothing arrives that the function's role may not send: on AWS it is lost there too."""
    from ministack.services import lambda_svc

    role = lambda_svc._functions[name]["config"]["Role"]
    if not refusal(role, name, "sqs:SendMessage", queue):
        original(queue, name, event, result)


def depth(queue: str) -> float | None:
    """ApproximateNumberOfMessagesVisible of the queue of that name, as SQS would tell CloudWatch now."""
    from ministack.core import responses
    from ministack.services import sqs

    found = sqs._queue_by_arn(f"arn:aws:sqs:{responses.get_region()}:{responses.get_account_id()}:{queue}")
    if found is None:
        return None
    sqs._refresh_counts(found)
    return float(found["attributes"]["ApproximateNumberOfMessages"])
