"""Failback: shown first, done when told, taken up where it stopped, and refused where it would lose something."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.console.handler import handler as console
from lambdas.failback.handler import handler as failback
from lambdas.serve.handler import handler as serve
from relight.adapters import aws
from relight.errors import RelightError
from relight.model import ActionResult, Taken, Vitals, now
from tests.handlers.cast import ANN, BOB, post
from tests.handlers.conftest import RUN_ID, STORAGE, World, backup
from tests.handlers.test_recovery import POINTER, TOKENS, Recovery

PUBLISHED = f"s3://{STORAGE}/app/state/last_success.json"
TAKEN = Taken(backup_id="b9", uri=f"s3://{STORAGE}/app/backups/b9", created_at="2026-11-23T05:00:00Z")


@pytest.fixture
def served(world: World) -> Recovery:
    world.publish("2026-01-01T03:05:00Z")
    backup(world)
    recovery = Recovery(world).to_validated().approved().promoted()
    recovery.call(serve, task_token=TOKENS["serve"])
    return recovery


def tasks(recovery: Recovery) -> list[Any]:
    mail = recovery.world.table.mailbox(recovery.known["launch"]["principal"])
    return [task for task in mail.tasks if task.phase == "serve"]


def says(recovery: Recovery, *steps: tuple[str, bool, str]) -> None:
    """What the runner says of the failback's steps."""
    rows = tuple(ActionResult(action=name, target="x", done=done, detail=detail) for name, done, detail in steps)
    vitals = Vitals(at=now(), well=True, said="well", taken=TAKEN, failback=rows)
    recovery.world.table.report(recovery.known["launch"]["principal"], vitals)


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {row["step"]: row["state"] for row in answer["steps"]}


def ask(**body: Any) -> dict[str, Any]:
    status, answer = post("failback", BOB, **body)
    assert status == 200, answer
    return answer


def row_of(answer: dict[str, Any], step: str) -> dict[str, str]:
    return next(row for row in answer["steps"] if row["step"] == step)


def handed_back(recovery: Recovery, frozen: dict[str, Any] | None = None) -> dict[str, Any]:
    recovery.known["frozen"] = {"requested_by": BOB, "frozen": True, "detail": "", "at": now()} | (frozen or {})
    answer: dict[str, Any] = recovery.call(failback, "handback")
    return answer


# ---------------------------------------------------------------- asked for
def test_asked_without_a_confirmation_it_shows_and_changes_nothing(served: Recovery) -> None:
    answer = ask()
    assert states(answer) == {
        "look at the primary": "not looked at",
        "look for divergence": "done",
        "freeze": "to do",
        "final backup": "to do",
        "restore onto the primary": "to do",
        "pointers back": "to do",
        "one cycle of the primary": "to do",
        "teardown": "to do",
    }
    assert (answer["confirmed"], tasks(served), served.world.table.failback(RUN_ID)) == (False, [], None)


def test_confirmed_it_gives_the_runner_one_task_however_often_it_is_asked(served: Recovery) -> None:
    assert states(ask(confirm=True, cycle=60, primary="v1.32, namespace ledger"))["freeze"] == "at work"
    (task,) = tasks(served)
    ask(confirm=True)
    assert tasks(served) == [task]
    assert (task.attempt, task.inputs["cycle"], task.inputs["requested_by"]) == (0, 60, BOB)
    assert states(ask())["look at the primary"] == "done"


def test_asked_again_it_goes_on_with_the_step_that_stopped(served: Recovery) -> None:
    ask(confirm=True)
    says(served, ("freeze", True, "3 actions"), ("final backup", False, "the bucket is not there"))
    before = ask()
    assert (states(before)["freeze"], states(before)["final backup"]) == ("done", "stopped")
    assert tasks(served)[0].attempt == 0, "a look gives no task"
    ask(confirm=True)
    assert tasks(served)[0].attempt == 1


def test_it_may_stop_before_anything_is_handed_back_and_go_on_later(served: Recovery) -> None:
    ask(confirm=True, hold=True)
    assert tasks(served)[0].inputs["hold"] is True
    says(served, ("freeze", True, "3 actions"), ("final backup", True, "b9"))
    ask(confirm=True, restored="b9")
    (task,) = tasks(served)
    assert (task.attempt, task.inputs["hold"], task.inputs["restored"]["target"]) == (1, False, "b9")
    row = row_of(ask(), "restore onto the primary")
    assert row["state"] == "done" and "Relight has not seen it" in row["detail"]


def test_a_hand_back_that_is_asked_for_while_it_is_still_being_frozen_is_not_forgotten(served: Recovery) -> None:
    ask(confirm=True, hold=True)
    ask(confirm=True)
    (task,) = tasks(served)
    assert (task.attempt, task.inputs["hold"]) == (1, False)


def test_where_somebody_moved_a_pointer_it_is_refused_before_anything_is_frozen(served: Recovery) -> None:
    served.world.store.put(POINTER, b'{"site":"somewhere-else"}')
    assert states(ask())["look for divergence"] == "stopped"
    status, answer = post("failback", BOB, confirm=True)
    assert (status, answer["error"]) == (409, "Diverged")
    assert tasks(served) == []


def test_a_runner_that_died_is_handed_back_without_it(served: Recovery) -> None:
    says(served)
    aws.client("ec2").terminate_instances(InstanceIds=served.world.live())
    assert ask()["alive"] is False
    assert served.world.answered[-1][1] != TOKENS["serve"], "a look ends nothing"
    ask(confirm=True)
    what, token, given = served.world.answered[-1]
    frozen = json.loads(given["output"])
    assert (what, token, frozen["frozen"], frozen["taken"]["backup_id"]) == ("success", TOKENS["serve"], True, "b9")


NONSENSE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"confirm": "yes"}, "confirm"),
    ({"cycle": -1}, "cycle"),
    ({"cycle": 601}, "cycle"),
    ({"cycle": True}, "cycle"),
    ({"force": True}, "force"),
    ({"primary": 7}, "primary"),
)


def test_a_body_that_makes_no_sense_is_refused_by_name(served: Recovery) -> None:
    for body, names in NONSENSE:
        status, answer = post("failback", BOB, **body)
        assert (status, answer["error"]) == (400, "RequestInvalid") and names in answer["message"]
    assert tasks(served) == []


def test_the_run_shows_how_its_production_is_and_never_its_keys(served: Recovery) -> None:
    says(served)
    route = {"routeKey": "GET /runs/{run_id}", "pathParameters": {"run_id": RUN_ID}}
    event = route | {"requestContext": {"authorizer": {"iam": {"userArn": ANN}}}}
    body = console(event, None)["body"]
    shown = json.loads(body)["serving"]
    keys = served.world.table.mailbox(served.known["launch"]["principal"]).keys
    assert shown["vitals"]["taken"]["backup_id"] == "b9" and shown["state"] == "well"
    assert keys and keys.secret_access_key not in body and keys.session_token not in body


# ---------------------------------------------------------------- handed back
@pytest.mark.slow
def test_what_was_published_here_stands_in_the_report_by_run_and_digest(served: Recovery) -> None:
    served.known["promotion"]["promoted_at"] = "2026-11-23T03:10:00Z"
    (line,) = handed_back(served)["divergence"]
    assert line.startswith(f"{PUBLISHED}: ") and "run x, sha256 " in line


def test_a_primary_that_published_after_the_freeze_is_a_divergence(served: Recovery) -> None:
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(RelightError, match="after the freeze"):
        handed_back(served, {"at": an_hour_ago})
    assert json.loads(served.world.store.get(POINTER))["site"] == f"relight/{RUN_ID}"


def test_a_hand_back_that_is_repeated_is_no_divergence(served: Recovery) -> None:
    handed_back(served)
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert handed_back(served, {"at": an_hour_ago})["actions"]
    assert served.world.store.get(POINTER) == b'{"site":"primary"}'


@pytest.mark.slow
def test_an_app_that_is_deployed_no_more_is_handed_back_all_the_same(served: Recovery) -> None:
    aws.client("ssm").delete_parameter(Name="/relight/apps/ledger")
    assert handed_back(served)["cycle"]["verdict"] == "COULD_NOT_VERIFY"
    assert served.world.store.get(POINTER) == b'{"site":"primary"}'


def test_a_cycle_that_nobody_saw_is_not_green_and_stands_in_the_summary(served: Recovery) -> None:
    assert handed_back(served)["cycle"]["verdict"] == "COULD_NOT_VERIFY"
    ending = served.end("Succeeded")
    assert "the primary's next cycle: COULD_NOT_VERIFY" in ending["summary"]
