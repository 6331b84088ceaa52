"""Check: whether a recovery would work now, without one. Twice a day for each app, and whenever a person asks."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from lambdas.check.reading import Reading
from relight.adapters import parameters
from relight.adapters.metrics import emit
from relight.adapters.s3 import S3
from relight.errors import RequestInvalid
from relight.model import encode
from relight.readiness.checks import evaluate
from relight.readiness.kept import keep
from relight.settings import function_settings

log = Logger()


def handler(event: dict[str, Any], context: object) -> Any:
    """Event: {"app": name}. Answers with the document. Raises RequestInvalid without an app, and what writing it raises."""
    if not event.get("app"):
        raise RequestInvalid("check", "the event names no app", 'send {"app": name}, as its schedules do')
    app, settings, store = parameters.app(str(event["app"])), function_settings(), S3()
    readiness = evaluate(Reading(app, settings, store, datetime.now(UTC)).facts())
    uri = keep(store, settings.evidence_bucket, readiness)
    emit("Ready", readiness.score, app=app.name)  # last: a check that could not be kept is silent, which is an alarm
    log.info("checked", extra={"app": app.name, "state": readiness.state.value, "score": readiness.score, "uri": uri})
    return encode(readiness)
