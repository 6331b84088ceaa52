"""Each kind of signal: when it is healthy, unhealthy or unknown, and in which words."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relight import health
from relight.adapters import signals
from relight.adapters.arrivals import Arrivals, HealthEvent
from relight.adapters.s3 import S3
from relight.adapters.signals import AlarmState, BackupJob
from relight.config import App
from relight.errors import AccessDenied, ServiceUnavailable
from relight.model import Health, decode, timestamp
from tests.handlers.conftest import APP, World, backup
from tests.handlers.conftest import clients as clients
from tests.handlers.conftest import world as world

NOW = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)
DAILY = {"cron": "0 3 * * *", "zone": "UTC", "grace": 900}
H, U, UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN


def said(at: datetime = NOW, **signal: Any) -> tuple[Health, str]:
    app = decode(APP | {"signals": [{"name": "s", **signal}]}, App)
    [reading] = health.read(app, S3(), at)
    return reading.health, reading.reason


# ------------------------------------------------------------ what lies in the bucket
KEY = "state/aws/default/last_success.json"


@pytest.mark.parametrize(
    ("body", "expected", "word"),
    [
        ({"ended_at": "2026-11-25T03:05:00Z"}, H, "published"),
        ({"ended_at": "2026-11-24T03:05:00Z"}, U, "overdue"),
        ({"ended_at": "2026-11-25T12:30:00Z"}, UNKNOWN, "a clock is wrong"),
        ({"run_id": "r"}, UNKNOWN, "half-written"),
    ],
)
def test_a_provider_has_a_pointer_of_its_own(world: World, body: Any, expected: Health, word: str) -> None:
    world.store.put(f"{APP['storage']}/{KEY}", json.dumps(body).encode())
    state, why = said(kind="pointer", key=KEY, schedule=DAILY)
    assert (state, word in why) == (expected, True), why


def test_a_marker_counts_by_the_time_that_s3_took_it(world: World) -> None:
    marker = {"kind": "marker", "key": "latest/aws/default/feed.json", "schedule": DAILY}
    assert said(**marker) == (U, "s3://storage/app/latest/aws/default/feed.json is not there: the app never published")
    world.store.put("s3://storage/app/latest/aws/default/feed.json", b"")
    state, why = said(**marker)
    assert (state, "half-written" in why) == (UNKNOWN, True)
    world.store.put("s3://storage/app/latest/aws/default/feed.json", b"any content")
    taken = datetime.now(UTC)
    assert said(taken, **marker)[0] == H
    assert said(taken + timedelta(days=2), **marker)[0] == U
    assert said(taken - timedelta(hours=2), **marker)[0] == UNKNOWN


def test_what_may_not_be_read_is_unknown_and_spares_the_other_signals(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AccessDenied("look up the marker: refused; the function's grant is missing")

    monkeypatch.setattr(S3, "head", refuse)
    rows = [{"name": "m", "kind": "marker", "key": "latest/x"}, *APP["signals"]]  # type: ignore[misc]
    readings = health.read(decode(APP | {"signals": rows}, App), S3(), datetime.now(UTC))
    assert [reading.health for reading in readings] == [UNKNOWN, H]
    assert readings[0].reason.startswith("cannot be read: AccessDenied: ")


def test_the_newest_backup_is_held_against_the_rpo_or_a_schedule(world: World) -> None:
    assert said(kind="backup_age") == (U, "s3://storage/app holds no committed backup")
    world.store.put("s3://storage/app/backups/torn/metadata.json", b"{")
    assert said(kind="backup_age")[0] == UNKNOWN  # there is one, and nobody can say how old it is
    backup(world, "b1", "2026-11-24T03:10:00Z")
    assert said(kind="backup_age")[0] == U  # 33 hours; the RPO is 25
    assert said(kind="backup_age", schedule=DAILY) == (
        U,
        "the newest backup was published 2026-11-24T03:10:00Z; the publication due 2026-11-25T03:00:00Z is overdue",
    )
    backup(world, "b2", "2026-11-25T03:10:00Z")
    assert said(kind="backup_age", schedule=DAILY)[0] == H
    backup(world, "b3", "2026-11-26T03:10:00Z")
    assert said(kind="backup_age")[0] == UNKNOWN


# ------------------------------------------------------------ what somebody else says
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((200,), H),
        ((503,), U),
        ((None,), U),
        ((None, 200), H),  # one request may be lost
        ((200, 503), U),  # the first of three was luck
    ],
)
def test_two_of_three_requests_decide(monkeypatch: pytest.MonkeyPatch, answers: tuple[Any, ...], expected: Health) -> None:
    left = list(answers)

    def answer(url: str, timeout: float) -> int:
        now = left.pop(0) if len(left) > 1 else left[0]
        if now is None:
            raise ServiceUnavailable(f"GET {url}: no answer")
        return int(now)

    monkeypatch.setattr(signals, "http_status", answer)
    monkeypatch.setattr(health.asked.time, "sleep", lambda _: None)
    assert said(kind="http", url="http://localhost/x")[0] == expected


@pytest.mark.parametrize(("state", "expected"), [("OK", H), ("ALARM", U), ("INSUFFICIENT_DATA", UNKNOWN), (None, UNKNOWN)])
def test_another_alarms_state(monkeypatch: pytest.MonkeyPatch, state: str | None, expected: Health) -> None:
    found = AlarmState(state=state, since=NOW) if state else None
    monkeypatch.setattr(signals, "alarm", lambda name: found)
    health_, why = said(kind="alarm", alarm="lag")
    assert (health_, "alarm lag" in why) == (expected, True)


@pytest.mark.parametrize(
    ("comparison", "points", "expected"),
    [
        (">", {0: 9.0, 300: 11.0}, U),  # the newest period counts
        (">", {0: 11.0, 300: 9.0}, H),
        (">", {0: 11.0}, U),  # data that comes late is better than none
        (">", {}, UNKNOWN),
        ("<", {300: 9.0}, U),
        (">=", {300: 10.0}, U),
        ("<=", {300: 10.5}, H),
    ],
)
def test_a_metric_of_whole_periods(
    monkeypatch: pytest.MonkeyPatch, comparison: str, points: dict[int, float], expected: Health
) -> None:
    asked = []

    def metric(signal: Any, start: datetime, end: datetime) -> dict[datetime, float]:
        asked.append((start, end))
        return {start + timedelta(seconds=n): value for n, value in points.items()}

    monkeypatch.setattr(signals, "metric", metric)
    assert said(kind="metric", namespace="App", metric="Lag", threshold=10, comparison=comparison)[0] == expected
    [(start, end)] = asked
    assert (end, end - start) == (NOW.replace(second=0), timedelta(minutes=15))  # 12:00:30: the period from 12:00 still runs


def job(state: str, hours: float, why: str = "") -> BackupJob:
    return BackupJob(state=state, created=NOW - timedelta(hours=hours), why=why)


@pytest.mark.parametrize(
    ("jobs", "schedule", "expected", "word"),
    [
        ([], None, UNKNOWN, "no job"),
        ([job("RUNNING", 1)], None, UNKNOWN, "no job"),
        ([job("COMPLETED", 30), job("FAILED", 6, "no role")], None, U, "no role"),
        ([job("FAILED", 30), job("COMPLETED", 6)], None, H, "COMPLETED"),
        ([job("FAILED", 6), job("RUNNING", 1)], None, U, "FAILED"),  # what runs has not ended well yet
        ([job("PARTIAL", 6)], None, U, "PARTIAL"),
        ([job("COMPLETED", 8.9)], DAILY, H, "COMPLETED"),
        ([job("COMPLETED", 33)], DAILY, U, "overdue"),
    ],
)
def test_the_last_job_of_aws_backup(
    monkeypatch: pytest.MonkeyPatch, jobs: list[BackupJob], schedule: Any, expected: Health, word: str
) -> None:
    monkeypatch.setattr(signals, "backup_jobs", lambda resource, vault: jobs)
    state, why = said(kind="aws_backup", vault="nightly", **({"schedule": schedule} if schedule else {}))
    assert (state, word in why) == (expected, True), why


def event(**changed: Any) -> HealthEvent:
    base = {"arn": "arn:aws:health:eu-west-1::event/EC2/x", "service": "EC2", "region": "eu-west-1", "code": "AWS_EC2_ISSUE"}
    return HealthEvent(**{**base, "open": True, "updated_at": timestamp(NOW - timedelta(hours=1)), **changed})


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], H),
        ([event()], U),
        ([event(service="RDS")], H),
        ([event(region="us-east-1")], H),
        ([event(), event(open=False, updated_at=timestamp(NOW))], H),
        ([event(open=False, updated_at=timestamp(NOW)), event()], H),  # the older news came last
        ([event(updated_at=timestamp(NOW - timedelta(hours=25)))], UNKNOWN),
    ],
)
def test_open_events_of_aws_health(world: World, events: list[HealthEvent], expected: Health) -> None:
    for one in events:
        Arrivals("relight").note_health(one)
    assert said(kind="aws_health", services=["EC2", "S3"], regions=["eu-west-1"])[0] == expected


def test_who_acts_looks_again_while_it_cannot_be_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def flaky(self: S3, uri: str) -> bytes:
        tries.append(uri)
        if len(tries) < 3:
            raise ServiceUnavailable("S3: 503")
        return json.dumps({"ended_at": timestamp(NOW)}).encode()

    monkeypatch.setattr(S3, "get", flaky)
    monkeypatch.setattr(health.time, "sleep", lambda _: None)
    readings, state, _ = health.look(decode(APP, App), S3(), lambda: NOW)
    assert (state, len(tries), len(readings)) == (H, 3, 1)
