"""What may start runs by itself: the alarm's rule and the drill's schedule of an app. Switching twice changes nothing."""

import json
from dataclasses import dataclass

from relight.adapters.calls import Refused, call
from relight.errors import DeploymentNotFound, ServiceUnavailable

DEPLOY = "deploy the configuration that names this app (docs/deploy.md)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """``kind``: rule or schedule."""

    kind: str
    name: str
    armed: bool


def switch(deployment: str, app: str, armed: bool) -> tuple[Trigger, ...]:
    """Arms or disarms both triggers of the app. Raises DeploymentNotFound for an app that is not deployed."""
    rule, schedule = f"{deployment}-{app}-alarm", f"{deployment}-{app}-drill"
    try:
        call("events", "enable_rule" if armed else "disable_rule", {"ResourceNotFoundException"}, Name=rule)
        found = call("scheduler", "get_schedule", {"ResourceNotFoundException"}, Name=schedule)
    except Refused:
        raise DeploymentNotFound(f"app {app}", f"has no triggers in deployment {deployment}", DEPLOY) from None
    state = "ENABLED" if armed else "DISABLED"
    if found["State"] != state:
        call("scheduler", "update_schedule", **{key: found[key] for key in SCHEDULE if found.get(key)}, State=state)
    return Trigger(kind="rule", name=rule, armed=armed), Trigger(kind="schedule", name=schedule, armed=armed)


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


def alarm_state(deployment: str, app: str) -> str:
    """OK, ALARM or INSUFFICIENT_DATA."""
    found = call("cloudwatch", "describe_alarms", AlarmNames=[f"{deployment}-{app}-unhealthy"])["MetricAlarms"]
    return str(found[0]["StateValue"]) if found else "missing"
