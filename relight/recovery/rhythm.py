"""Whether a schedule keeps the newest backup younger than the RPO."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from croniter import croniter

HORIZON = timedelta(days=400)  # a schedule may skip weekends, holidays, months
MOST = 3000  # due times that are looked at


def longest_gap(cron: str, zone: str, begin: datetime) -> float:
    """Seconds between two due times, at their farthest apart from ``begin`` on."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(_due(cron, zone, begin))]
    return max(gaps, default=HORIZON.total_seconds())


def _due(cron: str, zone: str, begin: datetime) -> Iterator[datetime]:
    times = croniter(cron, begin.astimezone(ZoneInfo(zone)))
    for _ in range(MOST):
        moment: datetime = times.get_next(datetime)
        yield moment.astimezone(begin.tzinfo)
        if moment - begin > HORIZON:
            return
