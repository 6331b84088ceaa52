"""Lambda: the exception's class name as ``errorType``, and metrics from log lines in embedded metric format."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from relight.local.aws.bridge import patch, rewrite, uses
from relight.local.aws.bridge.permissions import refusal

LOGGING = ("logs:CreateLogStream", "logs:PutLogEvents")
HANDLER_ERROR = "__relight_handler_error__"

# A handler that raises answers over the worker's "ok" path: the worker stays warm, as on AWS, and the class name arrives.
rewrite(
    "core.lambda_runtime",
    "_PYTHON_WORKER_SCRIPT",
    old='{"status": "error", "error": str(e), "trace": traceback.format_exc()}',
    new=f'{{"status": "ok", "result": {{"{HANDLER_ERROR}": {{"errorMessage": str(e), "errorType": type(e).__name__, '
    '"stackTrace": traceback.format_exception(e)}}}',
)
uses(
    "services.cloudwatch",
    record_metric="namespace metric_name value unit dimensions",
    _evaluate_all_alarms="",
)


@patch("services.lambda_svc", "_execute_function_warm", "func event request_id")
def name_the_error(original: Callable[..., Any], func: Any, event: Any, request_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = original(func, event, request_id)
    body = answer.get("body")
    if not isinstance(body, dict) or HANDLER_ERROR not in body:
        return answer
    raised = body[HANDLER_ERROR]
    log = "\n".join(filter(None, [answer.get("log", ""), "".join(raised["stackTrace"])]))
    return {"body": {**raised, "requestId": request_id}, "error": True, "log": log}


@patch("services.lambda_svc", "_emit_lambda_logs", "func request_id log_text error duration_ms log_source")
def count_embedded_metrics(
    original: Callable[..., Any], func: Any, request_id: str, log_text: str, *rest: Any, **more: Any
) -> None:
    from ministack.services import cloudwatch

    if may_log(func):
        original(func, request_id, log_text, *rest, **more)
    for namespace, name, value, unit, dimensions in embedded_metrics(log_text):
        cloudwatch.record_metric(namespace, name, value, unit, dimensions)
    cloudwatch._evaluate_all_alarms()


def may_log(func: Any) -> bool:
    """A function's role must be allowed to write its log, as on AWS; without that there is none."""
    config = func.get("config") or func
    region, account = config["FunctionArn"].split(":")[3:5]
    name = config["FunctionName"]
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
    streams = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:*"
    return not any(refusal(config["Role"], name, action, streams) for action in LOGGING)


def embedded_metrics(log_text: str) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    """Each (namespace, metric, value, unit, dimensions) that the log's lines publish."""
    for line in log_text.splitlines():
        try:
            record = json.loads(line)
            directives = record["_aws"]["CloudWatchMetrics"]
        except (ValueError, KeyError, TypeError):
            continue
        for directive in directives:
            for names in directive.get("Dimensions") or [[]]:
                dimensions = {name: str(record[name]) for name in names}
                for metric in directive["Metrics"]:
                    values = record[metric["Name"]]
                    for value in values if isinstance(values, list) else [values]:
                        yield directive["Namespace"], metric["Name"], float(value), metric.get("Unit", "None"), dimensions
