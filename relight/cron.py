"""Due times of a five-field cron in a time zone, through the nights when clocks change.

croniter is asked about wall-clock times alone. Which moments those are is decided here: a time that the clock skips is not
due, and one that it shows twice may be kept at either. So an app is never called late for what its scheduler made of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter


@dataclass(frozen=True, slots=True)
class Due:
    """One due time in UTC: ``first`` and ``last`` differ where the clock shows it twice."""

    first: datetime
    last: datetime


def last_due(cron: str, zone: str, at: datetime) -> Due:
    """The latest due time that is over at ``at``, its second showing included."""
    return next(due for due in _dues(cron, zone, at, back=True) if due.last <= at)


def next_due(cron: str, zone: str, at: datetime) -> datetime:
    """The next due time after ``at``, at its first showing: what EventBridge Scheduler does."""
    return next(due.first for due in _dues(cron, zone, at, back=False) if due.first > at)


def _dues(cron: str, zone: str, at: datetime, back: bool) -> Iterator[Due]:
    place = ZoneInfo(zone)
    # A second beyond, as croniter looks strictly past its start; a day beyond, as the clock may be about to be set back.
    wall = at.astimezone(place).replace(tzinfo=None, microsecond=0) + timedelta(seconds=1 if back else -86_400)
    times = croniter(cron, wall)
    while True:
        shown: datetime = times.get_prev(datetime) if back else times.get_next(datetime)
        first, last = (shown.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first.astimezone(place).replace(tzinfo=None) == shown:
            yield Due(first, last)
