"""The console: answers its API's requests, which AWS identities sign, and its pages, which people open in a browser."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from lambdas.console import again, backups, decisions, failback, onto, readiness, runs, triggers, unfreeze
from lambdas.console.answers import Answer, document
from lambdas.console.desk import Call, Desk
from lambdas.console.refusals import status
from lambdas.console.web import session
from relight.adapters import parameters
from relight.errors import NotPermitted, RelightError, RequestInvalid, RoleMissing
from relight.roles import API, PAGES, Role, role_of

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
    "POST /runs/{run_id}/failback": failback.ask,
    "POST /runs/{run_id}/restored": onto.note,
    "POST /runs/{run_id}/unfreeze": unfreeze.ask,
    "GET /apps/{app}/readiness": readiness.shown,
    **{f"POST /sign-in/{role}": partial(session.make_link, role=role) for role in Role},
}


def handler(event: dict[str, Any], context: object) -> Answer:
    route = str(event.get("routeKey", ""))
    if route in PAGES:
        from lambdas.console.web.pages import serve  # templates are not needed to answer the API

        return serve(event)
    try:
        call = parse(event)
        permit(route, call)
        log.info("asked", extra={"route": route, "caller": call.caller, "run_id": call.run_id})
        return document(200, ROUTES[route](Desk.of_settings(), call))
    except RelightError as error:
        log.warning("refused", extra={"route": route, "error": f"{type(error).__name__}: {error}"})
        return document(status(error), {"error": type(error).__name__, "code": error.code, "message": str(error)})


def permit(route: str, call: Call) -> None:
    """IAM has let the request pass; the configuration may say that this caller may less. Raises RoleMissing."""
    role, needed = role_of(parameters.console(), call.caller, by_aws=True), API[route]
    if role is None or not role.covers(needed):
        raise RoleMissing(call.caller, f"this needs the role {needed}, and you have {role}", session.ASK)


def parse(event: dict[str, Any]) -> Call:
    """Raises NotPermitted for a caller that AWS did not name, RequestInvalid for a route or a body that does not fit."""
    caller = event.get("requestContext", {}).get("authorizer", {}).get("iam", {}).get("userArn")
    if not caller:
        raise NotPermitted("console", "the request is not signed by an AWS identity", "sign it (SigV4), as the CLI does")
    if event.get("routeKey") not in API:
        raise RequestInvalid("console", f"no route {event.get('routeKey')!r}", f"use one of {', '.join(API)}")
    try:
        body = msgspec.json.decode(event.get("body") or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise RequestInvalid("request body", f"is not a JSON object ({error})", "send one, or none") from None
    path, query = event.get("pathParameters") or {}, event.get("queryStringParameters") or {}
    return Call(caller=str(caller), run_id=str(path.get("run_id", "")), app=str(path.get("app", "")), body=body, query=query)
