"""What may start runs by itself: an app's rule and its schedules. Switching twice changes nothing."""

import json
import re
from dataclasses import dataclass
from typing import Any

from relight.adapters.calls import Refused, call
from relight.adapters.signals import AlarmState, alarm
from relight.errors import DeploymentNotFound, ServiceUnavailable
from relight.model import Arming

DEPLOY = "deploy the configuration that names this app (docs/deploy.md)"
MISSING = {"ResourceNotFoundException"}
BY, AT, PROVEN = "relight:armed-by", "relight:armed-at", "relight:armed-proven"  # tags of the alarm's rule
NO_TAG = re.compile(r"[^\w .:/=+@-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """``kind``: rule or schedule; ``trigger``: alarm, watch or drill. ``when`` and ``zone``: of a schedule, as deployed.

    ``arming``: of an alarm's rule that is armed; None where nobody said who did it.
    """

    kind: str
    trigger: str
    name: str
    armed: bool
    when: str = ""
    zone: str = ""
    arming: Arming | None = None


def triggers(deployment: str, app: str) -> tuple[Trigger, ...]:
    """The app's triggers as they are now. Raises DeploymentNotFound for an app that is not deployed."""
    return tuple(_trigger(trigger, found) for trigger, found in _found(deployment, app).items())


def switch(deployment: str, app: str, arming: Arming | None) -> tuple[Trigger, ...]:
    """Arms all triggers of the app, and notes whose doing it is; None disarms them.

    Raises DeploymentNotFound for an app that is not deployed.
    """
    armed = arming is not None
    state = "ENABLED" if armed else "DISABLED"
    found = _found(deployment, app)
    _note(found["alarm"]["Arn"], arming)
    for trigger, one in found.items():
        if one["State"] == state:
            continue
        if trigger == "alarm":
            call("events", "enable_rule" if armed else "disable_rule", Name=one["Name"])
        else:
            call("scheduler", "update_schedule", **{key: one[key] for key in SCHEDULE if one.get(key)}, State=state)
    return tuple(_trigger(trigger, {**one, "State": state}) for trigger, one in found.items())


def arming_of(rule: dict[str, Any]) -> Arming | None:
    """What ``switch`` noted at a rule, as ``describe_rule`` answers it."""
    if rule["State"] != "ENABLED":
        return None
    rows = call("events", "list_tags_for_resource", ResourceARN=rule["Arn"])["Tags"]
    tags = {row["Key"]: row["Value"] for row in rows}
    return Arming(by=tags[BY], at=tags[AT], proven=tags[PROVEN] == "true") if {BY, AT, PROVEN} <= tags.keys() else None


def _note(rule: str, arming: Arming | None) -> None:
    """Before the switch: an armed app whose arming nobody knows would be the worse half."""
    if arming is None:
        call("events", "untag_resource", ResourceARN=rule, TagKeys=[BY, AT, PROVEN])
        return
    values = {BY: NO_TAG.sub("_", arming.by)[:256], AT: arming.at, PROVEN: str(arming.proven).lower()}
    call("events", "tag_resource", ResourceARN=rule, Tags=[{"Key": key, "Value": value} for key, value in values.items()])


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
    arming = arming_of(found) if trigger == "alarm" else None
    return Trigger(kind="schedule" if when else "rule", trigger=trigger, zone=zone, arming=arming, **known)


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
