"""Whether an app is well: its signals, each read and judged, and what they say together.

A signal that cannot be read is unknown, not unhealthy. Freshness is judged against the app's own schedule: a daily app is
late once its next publication is overdue by its grace, and not before.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from croniter import croniter

from relight.adapters.s3 import S3, join
from relight.adapters.signals import http_status
from relight.backup.catalog import list_backups
from relight.config import App, Schedule, Signal
from relight.errors import ObjectNotFound, RelightError, ServiceUnavailable
from relight.model import Health, Reading, moment, timestamp

CLOCK_SKEW = timedelta(minutes=5)  # what hosts that keep time may differ by
HTTP_SAMPLES = 3  # an endpoint may miss one request; two of three decide
PAUSE = 0.5
Judged = tuple[Health, str]
Reader = Callable[[App, Signal, S3, datetime], Judged]


def read(app: App, store: S3, at: datetime) -> tuple[Reading, ...]:
    """Every signal of the app, in the order of its configuration. Never raises for a signal that cannot be read."""
    return tuple(_read(app, signal, store, at) for signal in app.signals)


def judge(app: App, readings: tuple[Reading, ...]) -> Judged:
    """Unhealthy from the app's quorum on; unknown while those that could not be read might make up the quorum."""
    bad = [reading for reading in readings if reading.health == Health.UNHEALTHY]
    dark = [reading for reading in readings if reading.health == Health.UNKNOWN]
    quorum = min(app.unhealthy_signals, len(readings))
    if len(bad) >= quorum:
        return Health.UNHEALTHY, _said(bad)
    if len(bad) + len(dark) >= quorum:
        return Health.UNKNOWN, _said(bad + dark)
    return Health.HEALTHY, f"{len(readings) - len(bad) - len(dark)} of {len(readings)} signals healthy"


def _said(readings: list[Reading]) -> str:
    return "; ".join(f"{reading.signal}: {reading.reason}" for reading in readings)


def _read(app: App, signal: Signal, store: S3, at: datetime) -> Reading:
    try:
        health, reason = READERS[signal.kind](app, signal, store, at)
    except RelightError as error:
        health, reason = Health.UNKNOWN, f"cannot be read: {type(error).__name__}: {error}"
    return Reading(signal=signal.name, kind=signal.kind, health=health, reason=reason, observed_at=timestamp(at))


# ---------------------------------------------------------------- pointer
def _pointer(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    uri = join(app.storage, signal.key or "")
    try:
        data = store.get(uri)
    except ObjectNotFound:
        return Health.UNHEALTHY, f"{uri} is not there: the app never published"
    try:
        published = moment(msgspec.json.decode(data, type=dict[str, Any])["ended_at"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        return Health.UNKNOWN, f"{uri} is half-written or no pointer ({type(error).__name__}: {error})"
    return freshness(signal.schedule, published, at)


def freshness(schedule: Schedule | None, published: datetime, at: datetime) -> Judged:
    """A publication held against the schedule. Without a schedule there is no due time, and any publication is fresh."""
    if published > at + CLOCK_SKEW:
        return Health.UNKNOWN, f"published {timestamp(published)}, in the future: a clock is wrong"
    due = last_due(schedule, at) if schedule else published
    if published >= due:
        return Health.HEALTHY, f"published {timestamp(published)}"
    return Health.UNHEALTHY, f"published {timestamp(published)}; the publication due {timestamp(due)} is overdue"


def last_due(schedule: Schedule, at: datetime) -> datetime:
    """The latest due time whose grace is over, in UTC."""
    from zoneinfo import ZoneInfo

    local = (at - timedelta(seconds=schedule.grace)).astimezone(ZoneInfo(schedule.zone))
    # croniter looks strictly before its start; a due time reached to the second counts
    due: datetime = croniter(schedule.cron, local + timedelta(seconds=1)).get_prev(datetime)
    return due.astimezone(at.tzinfo)


# ---------------------------------------------------------------- http, backup_age
def _http(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    said = []
    for sample in range(HTTP_SAMPLES):
        time.sleep(PAUSE if sample else 0)
        said.append(_sample(signal))
        for health in (Health.HEALTHY, Health.UNHEALTHY):
            if sum(one[0] == health for one in said) > HTTP_SAMPLES // 2:
                return health, said[-1][1]
    return Health.UNKNOWN, "; ".join(one[1] for one in said)


def _sample(signal: Signal) -> Judged:
    try:
        status = http_status(signal.url or "", signal.timeout)
    except ServiceUnavailable as error:
        return Health.UNHEALTHY, str(error)
    return (Health.HEALTHY if status < 400 else Health.UNHEALTHY), f"GET {signal.url}: HTTP {status}"


def _backup_age(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    times = [moment(found.created_at) for found in list_backups(store, app.storage) if found.created_at]
    if not times:
        return Health.UNHEALTHY, f"{app.storage} holds no committed backup"
    newest = max(times)
    if newest > at + CLOCK_SKEW:
        return Health.UNKNOWN, f"the newest backup is from {timestamp(newest)}, in the future: a clock is wrong"
    age = int((at - newest).total_seconds())
    return (
        Health.HEALTHY if age <= app.rpo else Health.UNHEALTHY
    ), f"the newest backup is {age} s old; the RPO is {app.rpo} s"


READERS: dict[str, Reader] = {"pointer": _pointer, "http": _http, "backup_age": _backup_age}
