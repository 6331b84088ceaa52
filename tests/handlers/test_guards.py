"""Detect, probe and reap: what an app's signals say, and runners that outlived their time."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.detect.handler import handler as detect
from lambdas.probe.handler import handler as probe
from lambdas.reap.handler import AT_ONCE
from lambdas.reap.handler import handler as reap
from relight import health
from relight.adapters import aws
from relight.adapters.s3 import S3
from relight.config import App, Schedule
from relight.errors import AccessDenied, RelightError
from relight.model import Health, Tag, decode
from relight.settings import function_settings
from tests.handlers.conftest import APP, World, run

NIGHTLY = Schedule(cron="0 3 * * *", zone="Europe/Berlin", grace=900)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("published", "now", "expected"),
    [
        ("2026-11-22T02:05:00Z", "2026-11-22T20:00:00Z", Health.HEALTHY),  # 18 h old, and nothing is due
        ("2026-11-22T02:05:00Z", "2026-11-23T02:10:00Z", Health.HEALTHY),  # due at 02:00Z, within its grace
        ("2026-11-22T02:05:00Z", "2026-11-23T02:15:01Z", Health.UNHEALTHY),
        ("2026-11-23T02:00:30Z", "2026-11-23T02:15:01Z", Health.HEALTHY),
        ("2026-07-01T01:05:00Z", "2026-07-01T20:00:00Z", Health.HEALTHY),  # in summer it is due at 01:00Z
        ("2026-10-24T01:05:00Z", "2026-10-25T02:20:00Z", Health.UNHEALTHY),  # the night the clocks go back: due 02:00Z
        ("2026-03-29T01:05:00Z", "2026-03-29T01:30:00Z", Health.HEALTHY),  # the night they go forward: due 01:00Z
        ("2026-11-23T03:00:00Z", "2026-11-23T02:54:00Z", Health.UNKNOWN),
        ("2026-11-23T02:58:00Z", "2026-11-23T02:54:00Z", Health.HEALTHY),  # clocks differ a little
    ],
)
def test_freshness_goes_by_the_apps_own_schedule_and_zone(published: str, now: str, expected: Health) -> None:
    assert health.freshness(NIGHTLY, at(published), at(now))[0] == expected


def signal(world: World) -> tuple[Health, str]:
    [reading] = health.read(decode(APP, App), S3(), datetime.now(UTC))
    return reading.health, reading.reason


@pytest.mark.parametrize(
    "half", [b"", b'{"ended_at": "2026-', b"[]", b'{"ended_at": 5}', b'{"ended_at": "noon"}', b'{"run_id": 1}']
)
def test_a_half_written_pointer_is_unknown_and_named(world: World, half: bytes) -> None:
    world.store.put("s3://storage/app/state/last_success.json", half)
    state, why = signal(world)
    assert state == Health.UNKNOWN
    assert "half-written" in why


def test_an_app_that_never_published_is_unhealthy(world: World) -> None:
    world.store.delete("s3://storage/app/state/last_success.json")
    assert signal(world)[0] == Health.UNHEALTHY


def test_a_pointer_that_may_not_be_read_is_unknown_and_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: S3, uri: str) -> bytes:
        raise AccessDenied(f"read {uri}: refused")

    monkeypatch.setattr(S3, "get", refuse)
    state, why = signal(world)
    assert state == Health.UNKNOWN
    assert "AccessDenied" in why


@pytest.mark.parametrize(
    ("states", "quorum", "expected"),
    [("hhh", 1, "healthy"), ("uhh", 1, "unhealthy"), ("uhh", 2, "healthy"), ("u?h", 2, "unknown"), ("???", 9, "unknown")],
)
def test_signals_decide_by_the_apps_quorum(states: str, quorum: int, expected: str) -> None:
    names = {"h": "healthy", "u": "unhealthy", "?": "unknown"}
    usual = {"kind": "pointer", "reason": "", "observed_at": ""}
    readings = tuple(decode({"signal": str(i), "health": names[s], **usual}, health.Reading) for i, s in enumerate(states))
    assert health.judge(decode(APP | {"unhealthy_signals": quorum}, App), readings)[0] == expected


@pytest.mark.parametrize(
    ("request_", "proceeds"),
    [({}, False), ({"mode": "drill"}, True), ({"break_glass": "I saw it fail"}, True), ({"start_at": "teardown"}, True)],
)
def test_a_healthy_app_is_left_alone_unless_somebody_insists(world: World, request_: dict[str, Any], proceeds: bool) -> None:
    answer = detect({"run": run(**request_), "attempt": 0}, None)
    assert (answer["health"], answer["proceed"]) == ("healthy", proceeds)


def test_an_incident_goes_on_when_health_is_unknown(world: World) -> None:
    world.store.put("s3://storage/app/state/last_success.json", b"{")
    answer = detect({"run": run(), "attempt": 0}, None)
    assert (answer["health"], answer["proceed"]) == ("unknown", True)


def test_each_probe_is_a_data_point_whether_well_or_not(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for ended, expected in ((datetime.now(UTC).isoformat(), 0), ("2026-01-01T00:00:00Z", 1)):
        world.publish(ended)
        probe({"app": "ledger"}, None)
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
        [row] = [row for row in rows if "Unhealthy" in row]
        assert row["Unhealthy"] == expected
        [metric] = row["_aws"]["CloudWatchMetrics"]
        assert (metric["Namespace"], metric["Dimensions"], row["app"]) == ("Relight", [["app"]], "ledger")


def runner(expires: str | None, name: str = "relight") -> str:
    settings = function_settings()
    tags = {Tag.NAME: name, Tag.RUN: "lost"} | ({Tag.EXPIRES: expires} if expires is not None else {})
    made = aws.client("ec2").run_instances(
        LaunchTemplate={"LaunchTemplateId": settings.launch_template},
        InstanceType="m7g.large",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}],
    )
    return str(made["Instances"][0]["InstanceId"])


def test_the_reaper_ends_what_expired_and_nothing_else(world: World) -> None:
    now = int(time.time())
    late = runner(str(now - 1000))
    alive = {runner(str(now + 1000)), runner(str(now - 10)), runner("soon"), runner(None), runner("1", name="another")}
    assert reap({}, None)["reaped"] == [late]
    assert set(world.live()) == alive
    assert reap({}, None)["reaped"] == []


def test_a_runner_without_a_readable_expiry_is_not_immortal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = runner("soon")
    later = (datetime.now(UTC) + timedelta(days=2)).timestamp()
    monkeypatch.setattr("lambdas.reap.handler.time.time", lambda: later)
    assert reap({}, None)["reaped"] == [lost]


def test_the_reaper_does_not_end_everything_in_one_go(world: World) -> None:
    for _ in range(AT_ONCE + 2):
        runner("1")
    answer = reap({}, None)
    assert (len(answer["reaped"]), len(answer["next_time"])) == (AT_ONCE, 2)


def test_an_expiry_in_milliseconds_does_not_make_a_runner_immortal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = runner(str(int(time.time() * 1000)))
    later = (datetime.now(UTC) + timedelta(days=401)).timestamp()
    monkeypatch.setattr("lambdas.reap.handler.time.time", lambda: later)
    assert reap({}, None)["reaped"] == [lost]


def test_runners_that_cannot_be_ended_spare_no_other_and_are_told(world: World) -> None:
    stuck = [runner("1") for _ in range(AT_ONCE)]
    for one in stuck:
        aws.client("ec2").modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": True})
    runner("2")
    with pytest.raises(RelightError, match="OperationNotPermitted"):
        reap({}, None)
    assert set(world.live()) == set(stuck)
