"""Whatever may come in, as one record: CloudWatch's and AWS Health's events by EventBridge, schedules by Scheduler."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from relight.adapters.arrivals import HealthEvent
from relight.errors import RequestInvalid
from relight.model import Mode, moment, timestamp

LONGEST_REASON = 1_000
SCHEDULED = ("drill", "watch", "remind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """``trigger``: alarm, recovered, watch, remind, drill or health. ``at``: its cause's; ``value``: an alarm's state."""

    trigger: str
    at: datetime
    cause: str
    app: str = ""
    value: str = ""
    reason: str = ""
    backup: str = "latest_valid"
    event: HealthEvent | None = None

    def run_id(self, mode: Mode) -> str:
        """From the cause alone, so that whatever comes twice is one run."""
        return f"{self.app}-{mode}-{self.at:%Y%m%dt%H%M%S}"


def parse(event: dict[str, Any], deployment: str) -> Arrival:
    """Raises RequestInvalid for what is none of these: it ends among the dead letters, for a person to see."""
    source = event.get("source") or event.get("trigger")
    try:
        return PARSERS[str(source)](event, deployment)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{source!r} cannot be understood ({type(error).__name__}: {error})"
        raise RequestInvalid("arrival", why, "only the rules and schedules of the triggers stack call this") from None


def _alarm(event: dict[str, Any], deployment: str) -> Arrival:
    detail = event["detail"]
    name, state = detail["alarmName"], detail["state"]
    app, _, kind = name.removeprefix(f"{deployment}-").rpartition("-")
    return Arrival(
        trigger={"unhealthy": "alarm", "recovered": "recovered"}[kind],
        app=_named(app),
        at=moment(state["timestamp"]),
        cause=f"alarm/{name}",
        value=state["value"],
        reason=str(state.get("reason", ""))[:LONGEST_REASON],
    )


def _schedule(event: dict[str, Any], deployment: str) -> Arrival:
    trigger, app = event["trigger"], _named(event["app"])
    return Arrival(
        trigger=trigger,
        app=app,
        at=moment(event["at"]),
        cause=f"schedule/{deployment}-{app}-{trigger}",
        backup=str(event.get("backup") or "latest_valid"),
    )


def _health(event: dict[str, Any], deployment: str) -> Arrival:
    detail = event["detail"]
    told = parsedate_to_datetime(detail["lastUpdatedTime"]) if "lastUpdatedTime" in detail else moment(event["time"])
    found = HealthEvent(
        arn=detail["eventArn"],
        service=detail["service"],
        region=detail.get("eventRegion") or event.get("region") or "",
        code=detail["eventTypeCode"],
        open=detail.get("statusCode") == "open",
        updated_at=timestamp(told),
    )
    return Arrival(trigger="health", at=told, cause=found.arn, event=found)


def _named(app: Any) -> str:
    if not app:
        raise ValueError("it names no app")
    return str(app)


PARSERS: dict[str, Callable[[dict[str, Any], str], Arrival]] = {
    "aws.cloudwatch": _alarm,
    "aws.health": _health,
    **dict.fromkeys(SCHEDULED, _schedule),
}
