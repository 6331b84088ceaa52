"""What may start runs by itself: an app's rule and its schedules. Switching twice changes nothing."""

import json
from dataclasses import dataclass
from typing import Any

from relight.adapters.calls import Refused, call
from relight.adapters.signals import AlarmState, alarm
from relight.errors import DeploymentNotFound, ServiceUnavailable

DEPLOY = "deploy the configuration that names this app (docs/deploy.md)"
MISSING = {"ResourceNotFoundException"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """``kind``: rule or schedule; ``trigger``: alarm, watch or drill. ``when`` and ``zone``: of a schedule, as deployed."""

    kind: str
    trigger: str
    name: str
    armed: bool
    when: str = ""
    zone: str = ""


def triggers(deployment: str, app: str) -> tuple[Trigger, ...]:
    """The app's triggers as they are now. Raises DeploymentNotFound for an app that is not deployed."""
    return tuple(_trigger(trigger, found) for trigger, found in _found(deployment, app).items())


def switch(deployment: str, app: str, armed: bool) -> tuple[Trigger, ...]:
    """Arms or disarms all triggers of the app. Raises DeploymentNotFound for an app that is not deployed."""
    state = "ENABLED" if armed else "DISABLED"
    found = _found(deployment, app)
    for trigger, one in found.items():
        if one["State"] == state:
            continue
        if trigger == "alarm":
            call("events", "enable_rule" if armed else "disable_rule", Name=one["Name"])
        else:
            call("scheduler", "update_schedule", **{key: one[key] for key in SCHEDULE if one.get(key)}, State=state)
    return tuple(_trigger(trigger, {**one, "State": state}) for trigger, one in found.items())


def _found(deployment: str, app: str) -> dict[str, dict[str, Any]]:
    names = {trigger: f"{deployment}-{app}-{trigger}" for trigger in ("alarm", "watch", "drill")}
    try:
        rule = call("events", "describe_rule", MISSING, Name=names["alarm"])
        schedules = {
            trigger: call("scheduler", "get_schedule", MISSING, Name=names[trigger]) for trigger in ("watch", "drill")
        }
    except Refused:
        raise DeploymentNotFound(f"app {app}", f"has no triggers in deployment {deployment}", DEPLOY) from None
    return {"alarm": rule, **schedules}


def _trigger(trigger: str, found: dict[str, Any]) -> Trigger:
    when = found.get("ScheduleExpression") or ""
    known = {"name": found["Name"], "armed": found["State"] == "ENABLED", "when": when}
    zone = (found.get("ScheduleExpressionTimezone") or "UTC") if when else ""
    return Trigger(kind="schedule" if when else "rule", trigger=trigger, zone=zone, **known)


# update_schedule replaces the whole schedule, so what it had is given again.
SCHEDULE = (
    "Name",
    "GroupName",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
    "Target",
    "Description",
    "StartDate",
    "EndDate",
    "KmsKeyArn",
)


def measure(deployment: str, app: str) -> str:
    """Runs the probe now, once, instead of waiting for its schedule's next minute: healthy, unhealthy or unknown.

    Raises DeploymentNotFound, and ServiceUnavailable when the probe itself fails.
    """
    payload = json.dumps({"app": app}).encode()
    try:
        answer = call("lambda", "invoke", {"ResourceNotFoundException"}, FunctionName=f"{deployment}-probe", Payload=payload)
    except Refused:
        raise DeploymentNotFound(f"deployment {deployment}", "has no probe", DEPLOY) from None
    said = json.loads(answer["Payload"].read() or b"{}")
    if "FunctionError" in answer:
        raise ServiceUnavailable(f"probe of {app}: failed ({said.get('errorMessage', 'no message')}); see its log")
    return str(said.get(app, "unknown"))


def alarm_state(deployment: str, app: str, which: str = "unhealthy") -> str:
    """OK, ALARM or INSUFFICIENT_DATA, or missing where it is not deployed. ``which``: unhealthy, recovered, probe-silent."""
    found: AlarmState | None = alarm(f"{deployment}-{app}-{which}", ("MetricAlarm",))
    return found.state if found else "missing"
