"""One incident an app, whoever notices first: an alarm and a person take the same claim."""

from datetime import timedelta
from typing import Any

import pytest

from relight.adapters.arrivals import Arrivals
from relight.adapters.workflow import Workflow
from relight.errors import ServiceUnavailable
from tests.handlers.conftest import World
from tests.handlers.door import NAMED, NOW, Door, alarm
from tests.handlers.test_console import ask


@pytest.fixture
def door(world: World, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Arrive and the console in front of the same machine."""
    made = Door(world)
    monkeypatch.setattr(Workflow, "start", lambda _, run_id, request: made.machine.start(run_id, request))
    monkeypatch.setattr(Workflow, "describe", lambda _, arn: made.machine.describe(arn))
    return made


def incident(**more: Any) -> tuple[int, dict[str, Any]]:
    status, body = ask("POST /runs", app="ledger", mode="incident", **more)
    return status, body


def test_a_person_who_asks_a_moment_after_the_alarm_is_told_of_its_run(door: Door) -> None:
    """The alarm's run has no lease yet: Plan takes it seconds later."""
    door.comes(alarm())
    status, body = incident()
    assert (status, body["error"]) == (409, "RunInProgress")
    assert f"run {NAMED} is at its incident already; follow it: relight status {NAMED}" in body["message"]
    assert list(door.machine.runs) == [NAMED]


def test_an_alarm_a_moment_after_a_person_is_the_persons_run(door: Door) -> None:
    status, body = incident()
    answer = door.comes(alarm())
    assert (status, answer.said) == (200, f"already being handled by run {body['run_id']}")
    assert list(door.machine.runs) == [body["run_id"]]


def test_both_at_the_very_same_moment_are_one(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarm's claim falls between the person's look and the person's own."""
    claiming = Arrivals.claim_incident

    def meanwhile(self: Arrivals, *given: Any, **more: Any) -> Any:
        monkeypatch.setattr(Arrivals, "claim_incident", claiming)
        door.comes(alarm())
        return claiming(self, *given, **more)

    monkeypatch.setattr(Arrivals, "claim_incident", meanwhile)
    assert incident()[0] == 409
    assert list(door.machine.runs) == [NAMED]


def test_once_the_other_is_over_or_never_came_a_person_may_ask_again(door: Door) -> None:
    door.comes(alarm(NOW - timedelta(minutes=30)))
    door.machine.over.update(door.machine.runs)
    assert incident()[0] == 200


def test_a_run_that_could_not_be_started_holds_up_no_other(door: Door) -> None:
    door.machine.busy = 2
    with pytest.raises(ServiceUnavailable):
        door.comes(alarm())
    assert incident()[1]["error"] == "ServiceUnavailable"
    assert incident()[0] == 200


def test_a_drill_and_a_held_runners_next_step_take_no_claim(door: Door) -> None:
    assert ask("POST /runs", app="ledger", mode="drill")[0] == 200
    assert door.comes(alarm()).said == f"started run {NAMED}"
