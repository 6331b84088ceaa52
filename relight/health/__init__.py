"""Whether an app is well: its signals, each read and judged, and what they say together.

A signal that cannot be read is unknown, not unhealthy. Freshness is judged against the app's own schedule: a daily app is
late once its next publication is overdue by its grace, and not before.
"""

import time
from collections.abc import Callable
from datetime import datetime

from relight.adapters.s3 import S3
from relight.config import App, Signal
from relight.health import asked, stored
from relight.health.freshness import Judged, freshness
from relight.model import Health, Reading, timestamp

__all__ = ["READERS", "Judged", "Reading", "freshness", "judge", "look", "read"]

LOOKS = 3  # what cannot be read now can mostly be read a moment later
PAUSE = 2.0  # seconds between two looks
Reader = Callable[[App, Signal, S3, datetime], Judged]
READERS: dict[str, Reader] = {
    "pointer": stored.pointer,
    "marker": stored.marker,
    "backup_age": stored.backup_age,
    "http": asked.http,
    "alarm": asked.alarm,
    "metric": asked.metric,
    "aws_backup": asked.aws_backup,
    "aws_health": asked.aws_health,
}


def look(app: App, store: S3, clock: Callable[[], datetime]) -> tuple[tuple[Reading, ...], Health, str]:
    """Readings and what they say together, for who is about to act: while that is unknown, it looks a few times."""
    for tried in range(LOOKS):
        time.sleep(PAUSE if tried else 0)
        readings = read(app, store, clock())
        health, said = judge(app, readings)
        if health != Health.UNKNOWN:
            break
    return readings, health, said


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
    except Exception as error:  # also a fault of ours: one signal must not blind the others
        health, reason = Health.UNKNOWN, f"cannot be read: {type(error).__name__}: {error}"
    return Reading(signal=signal.name, kind=signal.kind, health=health, reason=reason, observed_at=timestamp(at))
