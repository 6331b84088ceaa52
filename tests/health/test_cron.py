"""Due times through a whole year in zones whose clocks change: what is published on time is never called late."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.config import Schedule
from relight.cron import last_due, next_due
from relight.health.freshness import freshness
from relight.model import Health

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata", "UTC")
OTHERS = [zone if zone == "Europe/Berlin" else pytest.param(zone, marks=pytest.mark.slow) for zone in ZONES]
CRONS = ("0 3 * * *", "30 2 * * *", "15 1,2,13 * * *", "0 * * * *", "59 1 * * 0", "*/20 2 * * *")
MINUTE = timedelta(minutes=1)

Firings = list[tuple[str, datetime]]  # wall time, moment


def firings(cron: str, zone: str, year: int = 2026) -> Firings:
    """Every minute of the year whose wall clock matches, found without any of the code under test."""
    place = ZoneInfo(zone)
    walls = set(croniter_range(datetime(year, 1, 1), datetime(year, 12, 31, 23, 59), cron))
    found = []
    for wall in sorted(walls):
        for moment in {wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1)}:
            if moment.astimezone(place).replace(tzinfo=None) == wall:
                found.append((wall.isoformat(), moment))
    return sorted(found, key=lambda row: row[1])


def croniter_range(start: datetime, end: datetime, cron: str) -> Iterator[datetime]:
    times = croniter(cron, start - MINUTE)
    while (at := times.get_next(datetime)) <= end:
        yield at


# What a scheduler makes of an hour that the clock shows twice: the first showing, the second, or both.
HABITS: dict[str, Callable[[Firings], list[datetime]]] = {
    "first": lambda rows: list(dict(reversed(rows)).values())[::-1],
    "second": lambda rows: list(dict(rows).values()),
    "both": lambda rows: [at for _, at in rows],
}


def telling(published: list[datetime], zone: str) -> Iterator[tuple[datetime, datetime]]:
    """Each publication with the next one; of those that come by the hour, the ones around the nights when clocks change."""
    place, days = ZoneInfo(zone), timedelta(days=2)
    for last, following in pairwise(published):
        moved = (last - days).astimezone(place).utcoffset() != (last + days).astimezone(place).utcoffset()
        if moved or following - last > timedelta(hours=3):
            yield last, following


@pytest.mark.parametrize("zone", OTHERS)
@pytest.mark.parametrize("cron", CRONS)
def test_a_publication_on_time_is_never_late_through_a_whole_year(zone: str, cron: str) -> None:
    schedule = Schedule(cron=cron, zone=zone, grace=600)
    rows, took = firings(cron, zone), timedelta(seconds=590)
    late = []
    for habit in HABITS.values():
        for last, following in telling([at + took for at in habit(rows)], zone):
            for at in (last, following - timedelta(seconds=1)):  # it is the latest one until the next is there
                if freshness(schedule, last, at)[0] != Health.HEALTHY:
                    late.append((last, at))
    assert late == []


@pytest.mark.parametrize("zone", OTHERS)
def test_a_publication_that_did_not_come_is_told_within_its_grace_and_the_doubled_hour(zone: str) -> None:
    schedule = Schedule(cron="30 2 * * *", zone=zone, grace=600)
    for (_, before), (_, missed) in pairwise(firings(schedule.cron, zone)):
        if missed - before < timedelta(hours=2):
            continue  # the second showing of the same due time
        told = missed + timedelta(hours=1, seconds=600)
        assert freshness(schedule, before + MINUTE, told)[0] == Health.UNHEALTHY


def test_the_skipped_and_the_doubled_hour_by_name() -> None:
    """Berlin: 02:30 of 29 March does not exist; 02:30 of 25 October is at 00:30Z and at 01:30Z."""
    due = last_due("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert due.first == datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    twice = last_due("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC))
    assert (twice.first.hour, twice.last.hour) == (0, 1)
    between = last_due("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 25, 1, 15, tzinfo=UTC))
    assert between.first.day == 24
    assert next_due("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(
        2026, 3, 30, 0, 30, tzinfo=UTC
    )
    assert next_due("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC)).hour == 0


@settings(max_examples=200, deadline=None)
@given(
    at=st.datetimes(datetime(2024, 1, 2), datetime(2030, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES),
    cron=st.sampled_from(CRONS),
)
def test_the_last_due_time_is_over_and_the_next_one_is_not(at: datetime, zone: str, cron: str) -> None:
    due, following = last_due(cron, zone, at), next_due(cron, zone, at)
    assert due.first <= due.last <= at < following
    shown = following.astimezone(ZoneInfo(zone))
    assert croniter.match(cron, shown.replace(tzinfo=None))
    assert croniter.match(cron, due.first.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
