"""A publication held against the app's own schedule: late once its next one is overdue by its grace, and not before."""

from datetime import datetime, timedelta

from relight.config import Schedule
from relight.cron import last_due
from relight.model import Health, timestamp

CLOCK_SKEW = timedelta(minutes=5)  # what hosts that keep time may differ by
Judged = tuple[Health, str]


def freshness(schedule: Schedule | None, published: datetime, at: datetime) -> Judged:
    """Without a schedule there is no due time, and any publication is fresh."""
    if wrong := ahead(published, at):
        return wrong
    if schedule is None:
        return Health.HEALTHY, f"published {timestamp(published)}"
    due = last_due(schedule.cron, schedule.zone, at - timedelta(seconds=schedule.grace)).first
    if published >= due - CLOCK_SKEW:
        return Health.HEALTHY, f"published {timestamp(published)}"
    return Health.UNHEALTHY, f"published {timestamp(published)}; the publication due {timestamp(due)} is overdue"


def ahead(published: datetime, at: datetime) -> Judged | None:
    """What to say of a time in the future, which tells nothing but that a clock is wrong."""
    if published <= at + CLOCK_SKEW:
        return None
    return Health.UNKNOWN, f"published {timestamp(published)}, in the future: a clock is wrong"
