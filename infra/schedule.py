"""A person's five-field cron as EventBridge Scheduler's six fields."""

from croniter import croniter

from relight.errors import ConfigInvalid

DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def expression(cron: str) -> str:
    """``0 4 * * 1`` as ``cron(0 4 ? * MON *)``. Raises ConfigInvalid for what Scheduler cannot say."""
    (minute, hour, day, month, weekday), nth = croniter.expand(cron)[:2]
    if nth or "l" in day:
        raise ConfigInvalid(cron, ["drill.cron: the n-th or last day is not supported; name days by number"])
    if day != ["*"] and weekday != ["*"]:
        raise ConfigInvalid(cron, ["drill.cron: day of month and day of week cannot both be given; use one of them"])
    days = "?" if weekday == ["*"] else ",".join(DAYS[int(one)] for one in weekday)
    dates = _field(day) if weekday == ["*"] else "?"
    return f"cron({_field(minute)} {_field(hour)} {dates} {_field(month)} {days} *)"


def _field(values: list[int | str]) -> str:
    return ",".join(str(one) for one in values)
