"""Arrive: whatever comes, however often, late or at once, is at most one run, and a clean answer."""

from datetime import timedelta
from typing import Any

import pytest

from lambdas.arrive.events import parse
from relight.errors import RequestInvalid, ServiceUnavailable
from relight.formats import is_run_id
from relight.model import Mode, timestamp
from tests.handlers.conftest import World
from tests.handlers.door import NAMED, NOW, Door, alarm, due

LONGEST_APP = "a" * 40


@pytest.fixture
def door(world: World) -> Door:
    return Door(world)


# ------------------------------------------------------------ one cause, one run
def test_an_alarm_is_an_incident_that_says_why(door: Door) -> None:
    assert door.comes(alarm()).said == f"started run {NAMED}"
    request = door.machine.runs[NAMED]
    assert (request.app, request.mode, request.initiator) == ("ledger", "incident", "alarm/relight-ledger-unhealthy")
    assert request.reason == "Threshold crossed"


def test_a_drill_is_due_once_however_often_it_is_delivered(door: Door) -> None:
    for late in (0, 9):
        door.now = NOW + timedelta(minutes=late)
        door.comes(due("drill"))
    assert [request.mode for request in door.machine.runs.values()] == ["drill"]


def test_a_duplicate_event_is_the_same_run_also_when_that_is_over(door: Door) -> None:
    first, again = door.comes(alarm()), door.comes(alarm())
    door.machine.over.add(NAMED)
    after = door.comes(alarm())
    assert {first.run_id, again.run_id, after.run_id} == {NAMED}
    assert list(door.machine.runs) == [NAMED]
    assert "before" in after.said


def test_two_alarms_at_once_are_one_incident(door: Door) -> None:
    door.comes(alarm())
    second = door.comes(alarm(NOW + timedelta(seconds=1)))
    assert second.said == f"already being handled by run {NAMED}"
    assert list(door.machine.runs) == [NAMED]


@pytest.mark.parametrize("lease", [{}, {"promoted": True}, {"held": True}])
def test_while_an_incident_goes_on_another_alarm_is_the_same_incident(door: Door, lease: dict[str, Any]) -> None:
    door.leases("by-a-person", **lease)
    answer = door.comes(alarm())
    assert (answer.said, answer.run_id) == ("already being handled by run by-a-person", "by-a-person")
    assert list(door.machine.runs) == ["by-a-person"]


def test_an_incident_that_is_over_is_no_reason_not_to_start_the_next(door: Door) -> None:
    door.comes(alarm(NOW - timedelta(minutes=30)))
    door.machine.over.update(door.machine.runs)
    assert door.comes(alarm()).said == f"started run {NAMED}"


def test_an_alarm_during_a_drill_starts_the_incident_that_preempts_it(door: Door) -> None:
    door.leases("monday", mode="drill")
    assert door.comes(alarm()).said == f"started run {NAMED}"


@pytest.mark.parametrize("mode", ["incident", "drill"])
def test_a_drill_does_not_get_in_the_way(door: Door, mode: str) -> None:
    door.leases("busy", mode=mode)
    assert door.comes(due("drill")).said == f"skipped: run busy ({mode}) has the app"
    door.machine.over.add("busy")
    assert door.comes(due("drill")).said.startswith("started run ledger-drill-")


def test_what_comes_too_late_says_so_and_starts_nothing(door: Door) -> None:
    old = NOW - timedelta(hours=3)
    assert door.comes(alarm(old)).said == "too late: it came 179 minutes after its cause; nothing was started"
    assert "too late" in door.comes(due("drill", old)).said
    assert door.machine.runs == {}


def test_an_alarm_that_goes_off_starts_nothing(door: Door) -> None:
    for value in ("OK", "INSUFFICIENT_DATA"):
        door.comes(alarm(value=value))
    assert door.machine.runs == {}


def test_a_start_that_failed_is_tried_again_under_the_same_name(door: Door) -> None:
    door.machine.busy = 1
    with pytest.raises(ServiceUnavailable):
        door.comes(alarm())
    assert door.comes(alarm()).run_id == NAMED


def test_a_claim_whose_run_never_came_holds_up_nobody_and_its_second_try_makes_no_second_run(door: Door) -> None:
    door.machine.busy = 1
    with pytest.raises(ServiceUnavailable):
        door.comes(alarm())
    started = door.comes(alarm(NOW + timedelta(minutes=2))).run_id
    assert door.comes(alarm()).said == f"already being handled by run {started}"
    assert list(door.machine.runs) == [started]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"source": "aws.ec2"},
        {"source": "aws.cloudwatch", "detail": {}},
        {**alarm(), "detail": {**alarm()["detail"], "alarmName": "relight-unhealthy"}},
        {**alarm(), "detail": {**alarm()["detail"], "alarmName": "somebody-elses"}},
        {"trigger": "drill", "app": "ledger", "at": "<aws.scheduler.scheduled-time>"},
        {"trigger": "drill", "at": timestamp(NOW)},
        {"source": "aws.health", "detail": {"service": "EC2"}},
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_an_error_and_so_a_dead_letter(event: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid, match="arrival: "):
        parse(event, "relight")


@pytest.mark.parametrize("app", ["a", "a-b", LONGEST_APP])
def test_every_run_id_is_the_name_of_an_execution(app: str) -> None:
    for mode in Mode:
        assert is_run_id(parse(alarm(app=app), "relight").run_id(mode))
