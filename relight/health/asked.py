"""Signals that somebody else gives: the app's endpoint, CloudWatch, AWS Backup and AWS Health."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from operator import ge, gt, le, lt

from relight.adapters import signals
from relight.adapters.arrivals import Arrivals
from relight.adapters.s3 import S3
from relight.config import App, Signal
from relight.errors import ServiceUnavailable
from relight.health.freshness import Judged, freshness
from relight.model import Health, moment, timestamp
from relight.settings import function_settings

HTTP_SAMPLES = 3  # an endpoint may miss one request; two of three decide
PAUSE = 0.5
PERIODS = 3  # a metric's last whole periods: the newest of them that has data counts
SILENCE = timedelta(hours=24)  # AWS Health tells an open event's news within this; after it, nobody knows
STATES = {"OK": Health.HEALTHY, "ALARM": Health.UNHEALTHY}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}
FAILED_JOBS = {"FAILED", "ABORTED", "EXPIRED", "PARTIAL"}


def http(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    said: list[Judged] = []
    for sample in range(HTTP_SAMPLES):
        time.sleep(PAUSE if sample else 0)
        said.append(_sample(signal))
        for health in (Health.HEALTHY, Health.UNHEALTHY):
            if sum(one[0] == health for one in said) > HTTP_SAMPLES // 2:
                return health, said[-1][1]
    return Health.UNKNOWN, "; ".join(one[1] for one in said)


def _sample(signal: Signal) -> Judged:
    try:
        status = signals.http_status(signal.url or "", signal.timeout)
    except ServiceUnavailable as error:
        return Health.UNHEALTHY, str(error)
    return (Health.HEALTHY if status < 400 else Health.UNHEALTHY), f"GET {signal.url}: HTTP {status}"


def alarm(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    """Another alarm's state. One that has no data says nothing about the app."""
    name = signal.alarm or ""
    found = signals.alarm(name)
    if found is None:
        return Health.UNKNOWN, f"alarm {name} does not exist in this region"
    return STATES.get(found.state, Health.UNKNOWN), f"alarm {name} is {found.state} since {timestamp(found.since)}"


def metric(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    """A value of a whole period: one that still runs has counted only part of what it will."""
    name = f"{signal.namespace} {signal.metric}"
    until = datetime.fromtimestamp(at.timestamp() // signal.period * signal.period, at.tzinfo)
    points = signals.metric(signal, until - PERIODS * timedelta(seconds=signal.period), until)
    if not points:
        return Health.UNKNOWN, f"{name} has no data in the {PERIODS * signal.period} s before {timestamp(until)}"
    value = points[max(points)]
    bad = COMPARISONS[signal.comparison](value, signal.threshold or 0)
    said = f"{name} is {value:g}; {signal.comparison} {signal.threshold:g} is unhealthy"
    return (Health.UNHEALTHY if bad else Health.HEALTHY), said


def aws_backup(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    """The last job that ended; with a schedule, a completed one must have begun since it was due."""
    what = " in ".join(filter(None, (signal.resource, signal.vault)))
    ended = [job for job in signals.backup_jobs(signal.resource, signal.vault) if job.over]
    if not ended:
        return Health.UNKNOWN, f"AWS Backup knows no job of {what} that ended"
    last = max(ended, key=lambda job: job.created)
    said = f"the backup job of {timestamp(last.created)} is {last.state}"
    if last.state in FAILED_JOBS:
        return Health.UNHEALTHY, f"{said}: {last.why or 'AWS Backup does not say why'}"
    if signal.schedule is None:
        return Health.HEALTHY, said
    health, late = freshness(signal.schedule, last.created, at)
    return health, f"{said}; {late}"


def aws_health(app: App, signal: Signal, store: S3, at: datetime) -> Judged:
    """Open events of the services, as EventBridge told them. One that nobody has told anything of for long is unknown."""
    about = [
        one
        for one in Arrivals(function_settings().table).health_events()
        if one.open and one.service in signal.services and (not signal.regions or one.region in signal.regions)
    ]
    if not about:
        return Health.HEALTHY, f"AWS Health has told of no open event of {', '.join(signal.services)}"
    fresh = [one for one in about if at - moment(one.updated_at) <= SILENCE]
    said = "; ".join(f"{one.service} in {one.region}: {one.code}, last told {one.updated_at}" for one in fresh or about)
    return (Health.UNHEALTHY if fresh else Health.UNKNOWN), said
