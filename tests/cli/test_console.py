"""What the console says of runs to those who follow them, and which requests it refuses: as the CLI's users meet it."""

from collections.abc import Callable
from typing import Any

import pytest

from relight.adapters.workflow import Execution, Workflow
from relight.errors import Throttled
from relight.model import PlanRef, Run, decode
from tests.handlers.conftest import World, clients, run, world
from tests.handlers.test_console import ask, started

__all__ = ["clients", "started", "world"]  # fixtures
HELD_BACKUP = "s3://storage/app/backups/b1"
Says = Callable[..., None]


@pytest.fixture
def unreported(world: World) -> World:
    """A run on record that has said no outcome."""
    asked = decode(run(), Run)
    world.table.list_run(asked)
    world.table.note_run(asked, phase="report")
    return world


@pytest.fixture
def execution(monkeypatch: pytest.MonkeyPatch) -> Says:
    def says(status: str, before: Callable[[], Any] = lambda: None, **more: Any) -> None:
        def describe(self: Workflow, arn: str) -> Execution:
            before()
            return Execution(arn=arn, status=status, **more)

        monkeypatch.setattr(Workflow, "describe", describe)

    return says


def shown() -> dict[str, Any]:
    _, body = ask("GET /runs/{run_id}")
    return dict(body)


def test_a_run_whose_report_failed_is_shown_as_failed_so_that_followers_end(unreported: World, execution: Says) -> None:
    execution("FAILED", error="ReportFailed", cause="the key was gone")
    body = shown()
    assert (body["outcome"], body["status"]) == ("Failed", "ended")
    assert "FAILED: ReportFailed: the key was gone" in body["summary"]
    assert ask("GET /runs")[1]["runs"][0]["outcome"] == "Failed"


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_a_run_that_goes_on_has_no_outcome(unreported: World, execution: Says, status: str) -> None:
    execution(status)
    assert shown()["outcome"] is None


def test_a_report_that_arrives_meanwhile_wins(unreported: World, execution: Says) -> None:
    noted = decode(run(), Run)
    execution("SUCCEEDED", lambda: unreported.table.note_run(noted, status="ended", outcome="Succeeded"))
    assert shown()["outcome"] == "Succeeded"


def test_when_the_execution_cannot_be_asked_the_run_is_shown_as_it_is(unreported: World, execution: Says) -> None:
    def busy() -> None:
        raise Throttled("busy")

    execution("FAILED", busy)
    assert shown()["outcome"] is None


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"mode": "incident", "negative_control": True}, "negative_control"),
        ({"negative_control": True}, "negative_control"),  # incident is the default
        ({"mode": "drill", "start_at": "validate", "stop_after": "launch"}, "stop_after launch"),
        ({"mode": "drill", "namespace": "Not A Name"}, "namespace"),
    ],
)
def test_fields_that_do_not_fit_start_nothing(started: list[Any], body: dict[str, Any], names: str) -> None:
    status, answer = ask("POST /runs", app="ledger", **body)
    assert (status, answer["error"]) == (400, "RequestInvalid")
    assert names in answer["message"]
    assert started == []


def test_a_drill_may_damage_its_copy(started: list[Any]) -> None:
    assert ask("POST /runs", app="ledger", mode="drill", negative_control=True)[0] == 200


# ------------------------------------------------------------------ validating what is held
@pytest.fixture
def held(world: World, started: list[Any]) -> list[Any]:
    """A runner is held; its run restored one backup into a namespace of its own."""
    restored = decode(run(mode="drill", namespace="other"), Run)
    world.table.note_run(restored)
    world.table.take_lease(restored, 2**31)
    plan = PlanRef(
        uri="s3://evidence/plan",
        hash="h",
        backup_uri=HELD_BACKUP,
        backup_id="b1",
        metadata_sha256="m",
        created_at="2026-11-23T03:00:00Z",
        rungs=1,
    )
    world.table.update_lease(restored, held=True, plan=plan)
    return started


def validate(**more: Any) -> Any:
    return ask("POST /runs", app="ledger", mode="drill", start_at="validate", stop_after="validate", **more)


@pytest.mark.parametrize("said", [{}, {"namespace": "other"}, {"backup": HELD_BACKUP + "/"}])
def test_a_validation_is_of_what_was_restored(held: list[Any], said: dict[str, Any]) -> None:
    assert validate(**said)[0] == 200
    [(_, request)] = held
    assert (request.backup, request.namespace) == (HELD_BACKUP, "other")


@pytest.mark.parametrize("said", [{"namespace": "third"}, {"backup": "s3://storage/app/backups/b2"}])
def test_a_validation_of_anything_else_is_refused_and_the_runner_stays(held: list[Any], said: dict[str, Any]) -> None:
    status, answer = validate(**said)
    assert (status, answer["error"]) == (400, "RequestInvalid")
    assert "relight restore" in answer["message"]
    assert held == []
