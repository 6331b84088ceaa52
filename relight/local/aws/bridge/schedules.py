"""EventBridge Scheduler: a cron is due by its own time zone's clock, and a target is told the time that was due."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from relight.cron import last_due
from relight.local.aws.bridge import patch, uses

uses(
    "services.scheduler",
    _schedules=None,
    _schedule_last_fired=None,
    _to_epoch="value",
    _at_time_epoch="expr",
)
uses("services.eventbridge", _parse_rate_seconds="expr", _invoke_target="target event rule view")
uses("core.responses", set_request_account_id="access_key_id", set_request_region="region")
log = logging.getLogger(__name__)


@patch("services.scheduler", "_tick_schedules", "")
def tick(_original: Callable[[], None]) -> None:
    """MiniStack takes every cron for UTC. What was due before the schedule was made or switched on is not made up."""
    from ministack.services import scheduler

    now, fired = time.time(), scheduler._schedule_last_fired
    for place, schedule in list(scheduler._schedules._data.items()):
        changed = scheduler._to_epoch(schedule.get("LastModificationDate") or schedule.get("CreationDate")) or now
        begun = max(fired.get(place, 0.0), changed)
        due = last(schedule, begun, now)
        if schedule.get("State") == "ENABLED" and due is not None and begun < due <= now:
            fired[place] = due
            fire(place, schedule, due)


def last(schedule: dict[str, Any], begun: float, now: float) -> float | None:
    """When it was last due (a time that is named: is due), in epoch seconds. None for what is no schedule."""
    from ministack.services import eventbridge, scheduler

    said = schedule.get("ScheduleExpression", "")
    if said.startswith("cron("):
        return cron(said, schedule.get("ScheduleExpressionTimezone") or "UTC", now)
    if rate := eventbridge._parse_rate_seconds(said):
        return float(begun + (now - begun) // rate * rate)
    once: float | None = scheduler._at_time_epoch(said)
    return once


def cron(said: str, zone: str, now: float) -> float:
    minute, hour, day, month, weekday, _ = said[len("cron(") : -1].replace("?", "*").split()
    fields = " ".join((minute, hour, day, month, weekday))
    return last_due(fields, zone, datetime.fromtimestamp(now, UTC)).first.timestamp()


def fire(place: tuple[str, str, str], schedule: dict[str, Any], due: float) -> None:
    from ministack.core import responses
    from ministack.services import eventbridge

    account, region, name = place
    responses.set_request_account_id(account)
    responses.set_request_region(region)
    about = {"Source": "aws.scheduler", "DetailType": "Scheduled Event", "Detail": "{}", "Resources": [schedule["Arn"]]}
    event = {"EventId": f"{name}-{due:.0f}", "Time": due, "Account": account, "Region": region, **about}
    try:
        eventbridge._invoke_target(schedule["Target"], event, schedule)
    except Exception:
        log.exception("schedule %s could not be delivered", name)
