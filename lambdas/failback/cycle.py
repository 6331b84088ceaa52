"""Whether the primary was seen to do its work again: a publication by each signal that tells of them, since."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from relight import health
from relight.adapters.s3 import S3
from relight.config import App, Schedule, Signal
from relight.cron import next_due
from relight.divergence import PUBLICATIONS, publications
from relight.model import Check, Health, Verdict, timestamp

PAUSE = 10.0
LONGEST = 600  # seconds; a function has no more, and whoever has a daily app looks tomorrow
Clock = Callable[[], datetime]


def _utc() -> datetime:
    return datetime.now(UTC)


def watch(app: App, store: S3, seconds: int, clock: Clock = _utc, sleep: Callable[[float], None] = time.sleep) -> Check:
    """Waits ``seconds`` at most, and not at all for what is due only later. PASSED only for what was seen."""
    since = clock()
    deadline = since + timedelta(seconds=min(seconds, LONGEST))
    while True:
        missing = unseen(app, store, since)
        state, said = health.judge(app, health.read(app, store, clock()))
        if not missing and state == Health.HEALTHY and _told(app):
            return _check(Verdict.PASSED, f"published since the hand-back; {said}", since, clock())
        if clock() + timedelta(seconds=PAUSE) > deadline or not _due(app, missing, since, deadline):
            return _check(*judge(app, missing, said, since, clock()), since, clock())
        sleep(PAUSE)


def unseen(app: App, store: S3, since: datetime) -> list[Signal]:
    """Signals of which no publication was seen since."""
    there = publications(store, app)
    return [one for one in _told(app) if (at := there[one.name]) is None or at <= since]


def judge(app: App, missing: list[Signal], said: str, since: datetime, at: datetime) -> tuple[Verdict, str]:
    """What is to be said of a cycle that was not seen whole."""
    if not _told(app):
        return Verdict.COULD_NOT_VERIFY, f"no signal of the app tells of a publication; its signals say: {said}"
    late = [one.name for one in missing if one.schedule and at > due_by(one.schedule, since)]
    if late:
        return Verdict.TIMED_OUT, f"{', '.join(late)}: due since the hand-back, and not published; {said}"
    waits = [f"{one.name} ({_when(one.schedule, since)})" for one in missing]
    why = f"not published yet: {', '.join(waits)}" if waits else "published"
    return Verdict.COULD_NOT_VERIFY, f"{why}; {said}; look again: relight check"


def due_by(schedule: Schedule, since: datetime) -> datetime:
    return next_due(schedule.cron, schedule.zone, since) + timedelta(seconds=schedule.grace)


def _told(app: App) -> list[Signal]:
    return [one for one in app.signals if one.kind in PUBLICATIONS]


def _due(app: App, missing: list[Signal], since: datetime, deadline: datetime) -> bool:
    """Whether waiting can show more: everything that is missing may come in time."""
    dues = [next_due(one.schedule.cron, one.schedule.zone, since) for one in missing if one.schedule]
    return bool(_told(app)) and all(due <= deadline for due in dues)


def _when(schedule: Schedule | None, since: datetime) -> str:
    return f"due {timestamp(next_due(schedule.cron, schedule.zone, since))}" if schedule else "no schedule says when"


def _check(verdict: Verdict, detail: str, since: datetime, at: datetime) -> Check:
    seconds = round((at - since).total_seconds(), 1)
    return Check(validator="one cycle of the primary", kind="cycle", verdict=verdict, detail=detail, seconds=seconds)
