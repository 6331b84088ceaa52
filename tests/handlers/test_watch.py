"""Arrive's other half: an alarm that stays, an app that recovers, news of AWS Health, and what is told of it all."""

import json
from datetime import timedelta

import pytest

from relight.adapters.arrivals import Arrivals
from relight.adapters.signals import AlarmState
from relight.adapters.table import Approval
from relight.adapters.workflow import Workflow
from relight.model import Run, RunRequest, decode, timestamp
from tests.handlers.conftest import World, run
from tests.handlers.door import NAMED, NOW, Door, alarm, due


@pytest.fixture
def door(world: World) -> Door:
    return Door(world)


# ------------------------------------------------------------ the watch
@pytest.fixture
def burning(door: Door) -> Door:
    door.state = AlarmState(state="ALARM", since=NOW - timedelta(minutes=10), reason="2 of 3")
    return door


def ended(door: Door, outcome: str, minutes: float, mode: str = "incident") -> None:
    made = decode(run(run_id=f"r{minutes}", mode=mode, started_at=timestamp(NOW - timedelta(minutes=minutes))), Run)
    door.world.table.list_run(made)
    door.world.table.note_run(made, outcome=outcome)


def test_an_alarm_that_stays_although_its_event_was_lost_starts_its_run(burning: Door) -> None:
    assert burning.comes(due("watch")).said == f"started run {NAMED}"
    assert burning.machine.runs[NAMED].reason.startswith("still in alarm since ")


def test_an_alarm_that_stayed_through_a_healthy_moment_is_taken_up_again(burning: Door) -> None:
    ended(burning, "Healthy", 9)
    assert burning.comes(due("watch")).said == f"started run {NAMED}"


@pytest.mark.parametrize("outcome", ["Rejected", "Failed", "Expired", "Succeeded"])
def test_what_a_person_or_a_run_has_answered_is_not_started_again(burning: Door, outcome: str) -> None:
    ended(burning, outcome, 9)
    assert burning.comes(due("watch")).said == "run r9 was started for it"
    assert burning.machine.runs == {}


def test_an_older_incident_and_a_drill_are_no_answer(burning: Door) -> None:
    ended(burning, "Rejected", 600)
    ended(burning, "Succeeded", 5, mode="drill")
    assert burning.comes(due("watch")).said == f"started run {NAMED}"


@pytest.mark.parametrize("state", [None, "OK", "INSUFFICIENT_DATA", "ALARM"])
def test_the_watch_leaves_alone_what_is_well_or_new(door: Door, state: str | None) -> None:
    door.state = AlarmState(state=state, since=NOW - timedelta(minutes=1)) if state else None
    assert door.comes(due("watch")).said == "nothing to do"
    assert Arrivals("relight").fired("ledger") == []


# ------------------------------------------------------------ recovered
def asks(door: Door, run_id: str) -> None:
    until = int(NOW.timestamp()) + 600
    door.world.table.ask_approval(
        run_id, Approval(token="t", evidence_hash="h", requested_at=timestamp(NOW), expires_at=until)
    )


def test_who_decides_hears_that_the_app_is_healthy_again(door: Door) -> None:
    door.leases("r")
    asks(door, "r")
    door.comes(alarm(value="OK", kind="recovered"))
    [message] = door.told.messages
    assert "relight reject r " in message
    assert (door.world.table.run("r") or {})["recovered_at"] == timestamp(NOW)
    door.comes(alarm(value="ALARM", kind="recovered"))
    assert (door.world.table.run("r") or {})["recovered_at"] is None
    assert len(door.told.messages) == 1


def test_a_promoted_runner_is_what_made_it_healthy(door: Door) -> None:
    door.leases("r", promoted=True)
    assert door.comes(alarm(value="OK", kind="recovered")).said == "no run to tell it to"
    assert "recovered_at" not in (door.world.table.run("r") or {})


# ------------------------------------------------------------ AWS Health, and what is nothing
def test_news_of_aws_health_is_kept_for_the_signals(door: Door) -> None:
    detail = {
        "eventArn": "arn:aws:health:eu-west-1::event/EC2/1",
        "service": "EC2",
        "eventTypeCode": "AWS_EC2_OPERATIONAL_ISSUE",
        "statusCode": "open",
        "eventRegion": "eu-west-1",
        "lastUpdatedTime": "Wed, 25 Nov 2026 06:29:16 GMT",
    }
    event = {"source": "aws.health", "detail-type": "AWS Health Event", "time": timestamp(NOW), "detail": detail}
    assert door.comes(event).said == "noted"
    [kept] = Arrivals("relight").health_events()
    assert (kept.service, kept.region, kept.open, kept.updated_at) == ("EC2", "eu-west-1", True, "2026-11-25T06:29:16Z")


def test_each_trigger_tells_what_it_last_did(door: Door) -> None:
    door.comes(alarm())
    door.comes(due("drill", NOW - timedelta(hours=2)))
    said = {one.trigger: one.said for one in Arrivals("relight").fired("ledger")}
    assert said == {
        "alarm": f"started run {NAMED}",
        "drill": "too late: it came 120 minutes after its cause; nothing was started",
    }


def test_the_console_tells_it_with_the_runs_outcome(door: Door) -> None:
    from lambdas.console.handler import handler

    door.comes(alarm())
    made = decode(run(run_id=NAMED), Run)
    door.world.table.note_run(made, outcome="Rejected")
    identity = {"authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/ann"}}}
    event = {"routeKey": "GET /triggers", "requestContext": identity, "queryStringParameters": {"app": "ledger"}}
    [row] = json.loads(handler(event, None)["body"])["triggers"]
    assert (row["trigger"], row["run_id"], row["outcome"]) == ("alarm", NAMED, "Rejected")


def test_the_function_itself_starts_the_execution(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from lambdas.arrive.handler import handler

    started: list[str] = []

    def start(self: Workflow, run_id: str, request: RunRequest) -> str:
        started.append(run_id)
        return f"arn:{run_id}"

    monkeypatch.setattr(Workflow, "start", start)
    assert handler(alarm(), None)["said"] == f"started run {NAMED}"
    assert started == [NAMED]
    assert (world.table.run(NAMED) or {})["run"]["execution_arn"] == f"arn:{NAMED}"
