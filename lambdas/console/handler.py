"""The console API: asks for runs, shows them, and takes decisions from whoever AWS says the caller is."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from lambdas.console import again, backups, decisions, readiness, runs, triggers
from lambdas.console.desk import Call, Desk
from relight import errors
from relight.errors import NotPermitted, RelightError, RequestInvalid, RetryableError, UserError

log = Logger()
Route = Callable[[Desk, Call], dict[str, Any]]
ROUTES: dict[str, Route] = {
    "POST /runs": runs.start,
    "GET /runs": runs.listed,
    "GET /apps/{app}/backups": backups.listed,
    "GET /runs/{run_id}": runs.shown,
    "GET /triggers": triggers.listed,
    "POST /runs/{run_id}/approve": decisions.approve,
    "POST /runs/{run_id}/reject": decisions.reject,
    "POST /runs/{run_id}/request": again.request,
    "POST /runs/{run_id}/failback": decisions.failback,
    "GET /apps/{app}/readiness": readiness.shown,
}
STATUSES: dict[type[RelightError], int] = {
    errors.RunNotFound: 404,
    errors.UnknownApp: 404,
    errors.NotChecked: 404,
    errors.NotPermitted: 403,
    errors.SelfApproval: 403,
    errors.NotAnApprover: 403,
    errors.AlreadyDecided: 409,
    errors.EvidenceDrifted: 409,
    errors.NothingToDecide: 409,
    errors.RunInProgress: 409,
    errors.NothingHeld: 409,
    errors.TaskGone: 409,
    errors.RunnerGone: 409,
    errors.ApprovalExpired: 410,
    errors.Throttled: 429,
}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    route = str(event.get("routeKey", ""))
    try:
        call = parse(event)
        log.info("asked", extra={"route": route, "caller": call.caller, "run_id": call.run_id})
        return respond(200, ROUTES[route](Desk.of_settings(), call))
    except RelightError as error:
        log.warning("refused", extra={"route": route, "error": f"{type(error).__name__}: {error}"})
        return respond(status(error), {"error": type(error).__name__, "code": error.code, "message": str(error)})


def parse(event: dict[str, Any]) -> Call:
    """Raises NotPermitted for a caller that AWS did not name, RequestInvalid for a route or a body that does not fit."""
    caller = event.get("requestContext", {}).get("authorizer", {}).get("iam", {}).get("userArn")
    if not caller:
        raise NotPermitted("console", "the request is not signed by an AWS identity", "sign it (SigV4), as the CLI does")
    if event.get("routeKey") not in ROUTES:
        raise RequestInvalid("console", f"no route {event.get('routeKey')!r}", f"use one of {', '.join(ROUTES)}")
    try:
        body = msgspec.json.decode(event.get("body") or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise RequestInvalid("request body", f"is not a JSON object ({error})", "send one, or none") from None
    path, query = event.get("pathParameters") or {}, event.get("queryStringParameters") or {}
    return Call(caller=str(caller), run_id=str(path.get("run_id", "")), app=str(path.get("app", "")), body=body, query=query)


def status(error: RelightError) -> int:
    """4xx where the caller can do something about it, 503 where waiting helps, else 500."""
    found = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), None)
    return found or (400 if isinstance(error, UserError) else 503 if isinstance(error, RetryableError) else 500)


def respond(code: int, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": code, "headers": headers, "body": json.dumps(body)}
