"""Probe: each minute, one data point an app, whether it is well or not: a metric that goes quiet is an alarm of its own."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from relight import health
from relight.adapters import parameters
from relight.adapters.metrics import emit
from relight.adapters.s3 import S3
from relight.config import App
from relight.errors import RequestInvalid
from relight.model import Health, encode

log = Logger()


def handler(event: dict[str, Any], context: object) -> Any:
    """Event: {"app": name}. Raises RequestInvalid without one."""
    if not event.get("app"):
        raise RequestInvalid("probe", "the event names no app", 'send {"app": name}, as its schedules do')
    app = parameters.app(str(event["app"]))
    return {app.name: probe(app)}


def probe(app: App) -> str:
    """The app's health. Unknown is not unhealthy: it has a metric of its own."""
    readings = health.read(app, S3(), datetime.now(UTC))
    state, said = health.judge(app, readings)
    said_of = {"Unhealthy": Health.UNHEALTHY, "Unknown": Health.UNKNOWN, "Healthy": Health.HEALTHY}
    for name, health_ in said_of.items():
        emit(name, int(state == health_), app=app.name)
    for one in readings:
        if one.health != Health.UNKNOWN:  # a gap in the graph
            emit("SignalHealthy", int(one.health == Health.HEALTHY), app=app.name, signal=one.signal)
    emit("Probed", 1, app=app.name)
    log.info("probed", extra={"app": app.name, "health": state.value, "reason": said, "readings": encode(readings)})
    return state.value
