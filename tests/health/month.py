"""A month of an app's life in virtual time: the real readers, judge and gate in a world of the test's own.

AWS: a probe a minute, CloudWatch's N of M with a transition told once, EventBridge that delivers late and twice,
Step Functions that takes a name once, the app's lease, and Scheduler's watch every five minutes.
"""

import json
import random
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.arrive.events import parse
from lambdas.arrive.gate import Gate
from relight import health
from relight.adapters.arrivals import Claim, Fired
from relight.adapters.signals import AlarmState
from relight.adapters.table import Lease
from relight.config import App, Schedule, Signal, Validator
from relight.cron import last_due
from relight.errors import AccessDenied, ServiceUnavailable
from relight.model import Health, Mode, Outcome, Run, RunRequest, encode, timestamp
from tests.handlers.door import MACHINE, Machine, Told

START = datetime(2026, 10, 10, tzinfo=UTC)  # Berlin's clocks go back on the 25th
MINUTE = timedelta(minutes=1)
APP = App(
    name="shop",
    namespace="shop",
    storage="s3://b/shop",
    signals=(
        Signal(name="published", kind="pointer", key="state/last_success.json",
               schedule=Schedule(cron="30 2,14 * * *", zone="Europe/Berlin", grace=1800)),
        Signal(name="door", kind="http", url="http://localhost/"),
    ),
    validators=(Validator(name="ready", kind="ready"),),
)  # fmt: skip


@dataclass(frozen=True)
class Outage:
    """From minute ``start``, ``minutes`` long, the site is down, or (``what``) a publication that is due does not come.

    ``dark``: from its third minute on, as Detect looks, S3 answers nothing for so many minutes.
    """

    start: int
    minutes: int
    what: str = "site"
    dark: int = 0

    def has(self, minute: int, more: int = 0) -> bool:
        return self.start <= minute < self.start + self.minutes + more


@dataclass
class World:
    """What is true at each minute; S3 and the site as the readers see them."""

    seed: int
    outages: list[Outage]
    flaps: set[int] = field(default_factory=set)  # single minutes in which the site does not answer
    blips: set[int] = field(default_factory=set)  # where two of them follow: enough for the alarm, and over when one looks
    gasps: set[int] = field(default_factory=set)  # minutes in which it does, in the middle of an outage
    broken: dict[int, str] = field(default_factory=dict)  # minutes in which S3 answers an error, or half a pointer
    late: dict[datetime, int] = field(default_factory=dict)  # by its due time: minutes that a publication is late
    skew: int = 0  # seconds by which the app's clock is ahead
    minute: int = 0

    @property
    def now(self) -> datetime:
        return START + self.minute * MINUTE + timedelta(seconds=7)

    def down(self, minute: int) -> bool:
        return any(one.has(minute) for one in self.outages)

    def status(self, url: str, timeout: float) -> int:
        bad = self.minute in self.flaps or {self.minute, self.minute - 1} & self.blips
        out = any(one.has(self.minute) for one in self.outages if one.what == "site")
        if bad or (out and self.minute not in self.gasps):
            raise ServiceUnavailable("GET: no answer")
        return 200

    def get(self, uri: str) -> bytes:
        wrong = self.broken.get(self.minute)
        if wrong == "denied":
            raise AccessDenied("read: refused")
        if wrong == "busy":
            raise ServiceUnavailable("read: 503")
        body = json.dumps({"ended_at": timestamp(self._published())}).encode()
        return body[: len(body) // 2] if wrong == "half" else body

    def _published(self) -> datetime:
        due = due_before(self.now)
        while (ready := due + timedelta(minutes=5 + self.late.get(due, 0))) > self.now:
            due = due_before(due - MINUTE)
        return ready + timedelta(seconds=self.skew)


def due_before(at: datetime) -> datetime:
    schedule = APP.signals[0].schedule
    assert schedule
    return last_due(schedule.cron, schedule.zone, at).first


class Alarm:
    """CloudWatch: ALARM while N of the last M data points are bad; what it was not told of does not count."""

    def __init__(self, points: int, of: int) -> None:
        self._points, self._last = points, deque[bool | None](maxlen=of)
        self.state = AlarmState(state="INSUFFICIENT_DATA", since=START)

    def sees(self, bad: bool | None, now: datetime) -> bool:
        """True when its state changed."""
        self._last.append(bad)
        seen = [one for one in self._last if one is not None]
        new = "INSUFFICIENT_DATA" if not seen else "ALARM" if sum(seen) >= self._points else "OK"
        changed = new != self.state.state
        self.state = AlarmState(state=new, since=now) if changed else self.state
        return changed


@dataclass
class Records:
    """The table: claims, leases, and the records of runs."""

    claim: Claim | None = None
    held: Lease | None = None
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: list[Fired] = field(default_factory=list)

    def claim_incident(self, app: str, run_id: str, now: int, instead_of: str | None = None) -> Claim | None:
        if self.claim is None or self.claim.run_id in (run_id, instead_of):
            self.claim = Claim(run_id=run_id, claimed_at=now)
            return None
        return self.claim

    def note_fired(self, app: str, fired: Fired) -> None:
        self.said.append(fired)

    def lease(self, app: str) -> Lease | None:
        return self.held

    def runs(self, app: str, limit: int = 50) -> list[str]:
        return list(reversed(self.records))[:limit]

    def run(self, run_id: str) -> dict[str, Any] | None:
        return self.records.get(run_id)

    def note_run(self, run: Run) -> None:
        self.records[run.run_id] = {"run": encode(run), "outcome": None}


@dataclass
class Life:
    """Plays the world minute by minute. ``recoveries``: runs that went on after Detect; ``looked``: that ended Healthy.

    ``blind``: recoveries whose Detect could not read a signal; a person decides on them, as on all of them.
    """

    world: World
    records: Records = field(default_factory=Records)
    machine: Machine = field(default_factory=Machine)
    recoveries: list[tuple[str, int]] = field(default_factory=list)
    looked: list[tuple[str, int]] = field(default_factory=list)
    blind: set[str] = field(default_factory=set)
    waiting: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    takes: int = 25  # minutes until a run that recovered hands back, after its outage

    def play(self, days: int) -> "Life":
        chance = random.Random(self.world.seed)
        alarm = Alarm(APP.alarm.unhealthy, APP.alarm.of)
        for minute in range(days * 1440):
            self.world.minute = minute
            self._end()
            readings = health.read(APP, self.world, self.world.now)  # type: ignore[arg-type]
            state, _ = health.judge(APP, readings)
            if alarm.sees(state == Health.UNHEALTHY, self.world.now) and alarm.state.state == "ALARM":
                self._tell(chance, minute, alarm.state)
            if minute % 5 == 0:
                self._arrives({"trigger": "watch", "app": APP.name, "at": timestamp(self.world.now)}, alarm)
            for due, event in [row for row in self.waiting if row[0] <= minute]:
                self.waiting.remove((due, event))
                self._arrives(event, alarm)
        return self

    def _tell(self, chance: random.Random, minute: int, state: AlarmState) -> None:
        """At least once: mostly soon, sometimes twice, sometimes not until hours later."""
        when = state.since.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        detail = {"alarmName": "relight-shop-unhealthy", "state": {"value": state.state, "reason": "", "timestamp": when}}
        event = {"source": "aws.cloudwatch", "detail": detail}
        first = chance.choice([1, 1, 1, 2, 3, 150])
        self.waiting.append((minute + first, event))
        if chance.random() < 0.4:
            self.waiting.append((minute + first + chance.choice([0, 1, 40, 300]), dict(event)))

    def _arrives(self, event: dict[str, Any], alarm: Alarm) -> None:
        gate = Gate(
            deployment="relight", machine=MACHINE, arrivals=self.records, table=self.records,  # type: ignore[arg-type]
            workflow=self.machine, teller=Told(),  # type: ignore[arg-type]
            alarm=lambda _: alarm.state, clock=lambda: self.world.now,
        )  # fmt: skip
        before = set(self.machine.runs)
        gate.receive(parse(event, "relight"))
        for run_id in set(self.machine.runs) - before:
            self._detect(run_id, self.machine.runs[run_id])

    def _detect(self, run_id: str, request: RunRequest) -> None:
        """Detect looks again; then Plan takes the lease."""
        run = {**encode(request), "run_id": run_id, "started_at": timestamp(self.world.now)}
        _, state, _ = health.look(APP, self.world, lambda: self.world.now)  # type: ignore[arg-type]
        self.records.records[run_id] = {"run": run, "outcome": None}
        if state == Health.HEALTHY:
            self.looked.append((run_id, self.world.minute))
            self.records.records[run_id]["outcome"] = Outcome.HEALTHY.value
            self.machine.over.add(run_id)
            return
        self.recoveries.append((run_id, self.world.minute))
        self.blind |= {run_id} if state == Health.UNKNOWN else set()
        until = int(self.world.now.timestamp()) + 10**7
        self.records.held = Lease(app=APP.name, run_id=run_id, mode=Mode.INCIDENT, expires_at=until)

    def _end(self) -> None:
        """A run hands back some time after its outage is over."""
        lease, minute = self.records.held, self.world.minute
        if lease and not any(self.world.down(minute - ago) for ago in range(self.takes)):
            self.machine.over.add(lease.run_id)
            self.records.records[lease.run_id]["outcome"] = Outcome.SUCCEEDED.value
            self.records.held = None
