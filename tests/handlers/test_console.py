"""The console: who may decide what, once, and what a caller reads when it may not."""

import json
import time
from typing import Any

import pytest

from lambdas.console import runs as console_runs
from lambdas.console.handler import ROUTES, handler
from lambdas.console.web import pages
from relight.adapters.approvals import Approval
from relight.adapters.workflow import Workflow
from relight.model import Phase, Run, decode
from relight.roles import API, PAGES
from tests.handlers.conftest import RUN_ID, World, run

ANN, BOB, EVE = "arn:aws:iam::1:user/ann", "arn:aws:iam::1:user/bob", "arn:aws:iam::1:user/eve"
TOKEN, HASH = "the-approval-token-nobody-may-see", "e" * 64


def ask(route: str, caller: str | None = BOB, run_id: str = RUN_ID, query: dict[str, str] | None = None, **body: Any) -> Any:
    iam = {"iam": {"userArn": caller}} if caller else {}
    event = {
        "routeKey": route,
        "pathParameters": {"run_id": run_id},
        "queryStringParameters": query,
        "body": json.dumps(body),
        "requestContext": {"authorizer": iam},
    }
    answer = handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def approve(caller: str = BOB, **body: Any) -> Any:
    return ask("POST /runs/{run_id}/approve", caller, **{"evidence_hash": HASH, **body})


def reject(caller: str = BOB, **body: Any) -> Any:
    return ask("POST /runs/{run_id}/reject", caller, **body)


@pytest.fixture
def waiting(world: World) -> World:
    """A run that Ann asked for waits for a decision."""
    asked = decode(run(initiator=ANN), Run)
    world.table.list_run(asked)
    world.table.note_run(asked, phase="approve")
    until = int(time.time()) + 600
    world.table.ask_approval(RUN_ID, Approval(token=TOKEN, evidence_hash=HASH, requested_at="t", expires_at=until))
    return world


def test_somebody_else_approves_and_the_run_goes_on(waiting: World) -> None:
    status, body = approve()
    assert (status, body["decision"]["decided"], body["decision"]["approver"]) == (200, "approved", BOB)
    [(what, token, given)] = waiting.answered
    assert (what, token) == ("success", TOKEN)
    assert json.loads(given["output"]) == body["decision"]
    assert TOKEN not in json.dumps(body)


def test_the_same_approval_again_is_the_same_answer(waiting: World) -> None:
    assert approve() == approve()
    assert len(waiting.answered) == 1


@pytest.mark.parametrize(
    ("decide", "status", "error"),
    [
        (lambda: approve(ANN), 403, "SelfApproval"),
        (lambda: approve("arn:aws:iam::1:user/ANN"), 403, "SelfApproval"),
        (lambda: approve(ANN, break_glass="   "), 403, "SelfApproval"),
        (lambda: approve(evidence_hash="f" * 64), 409, "EvidenceDrifted"),
        (lambda: approve(evidence_hash=""), 400, "RequestInvalid"),
        (lambda: approve(approver=BOB), 400, "RequestInvalid"),
        (lambda: approve(break_glass=5), 400, "RequestInvalid"),
        (lambda: reject(reason=""), 400, "RequestInvalid"),
        (lambda: ask("POST /runs/{run_id}/approve", run_id="no-such-run", evidence_hash=HASH), 404, "RunNotFound"),
        (lambda: ask("POST /runs/{run_id}/approve", None, evidence_hash=HASH), 403, "NotPermitted"),
        (lambda: ask("POST /runs/{run_id}/failback"), 409, "NothingToDecide"),
        (lambda: ask("DELETE /runs"), 400, "RequestInvalid"),
    ],
)
def test_a_decision_that_may_not_be_is_refused_in_one_line_and_changes_nothing(
    waiting: World, decide: Any, status: int, error: str
) -> None:
    code, body = decide()
    assert (code, body["error"]) == (status, error)
    assert "\n" not in body["message"]
    assert waiting.answered == []
    approval = waiting.table.approval(RUN_ID)
    assert approval is not None
    assert approval.decision is None


def test_the_initiator_approves_only_by_breaking_the_glass_and_that_is_on_record(waiting: World) -> None:
    status, body = approve(ANN, break_glass="nobody else is awake")
    assert status == 200
    assert body["decision"]["break_glass"] == "nobody else is awake"


def test_the_initiator_may_reject(waiting: World) -> None:
    status, body = reject(ANN, reason="wrong backup")
    assert (status, body["decision"]["decided"], body["decision"]["reason"]) == (200, "rejected", "wrong backup")


def test_the_second_decision_changes_nothing(waiting: World) -> None:
    approve(BOB)
    for status, body in (approve(EVE), reject(BOB, reason="changed my mind")):
        assert (status, body["error"]) == (409, "AlreadyDecided")
    assert len(waiting.answered) == 1


def test_a_decision_after_the_window_is_too_late(waiting: World) -> None:
    waiting.table._update(f"run#{RUN_ID}", "approval", {"expires_at": int(time.time()) - 1})
    status, body = approve()
    assert (status, body["error"]) == (410, "ApprovalExpired")


def test_a_decision_that_nobody_waits_for_any_more_is_too_late(waiting: World) -> None:
    waiting.gone.add(TOKEN)
    status, body = approve()
    assert (status, body["error"]) == (410, "ApprovalExpired")


def test_a_run_is_shown_with_its_decision_and_without_its_token(waiting: World) -> None:
    waiting.table.put_token(RUN_ID, Phase.APPROVE, TOKEN)
    status, body = ask("GET /runs/{run_id}")
    assert status == 200
    assert body["approval"]["state"] == "waiting"
    assert body["approval"]["evidence_hash"] == HASH
    assert TOKEN not in json.dumps(body)
    approve()
    assert ask("GET /runs/{run_id}")[1]["approval"]["state"] == "approved"


def test_runs_are_listed_by_app_and_over_all(waiting: World) -> None:
    assert [row["run_id"] for row in ask("GET /runs", query={"app": "ledger"})[1]["runs"]] == [RUN_ID]
    assert [row["run_id"] for row in ask("GET /runs")[1]["runs"]] == [RUN_ID]
    assert ask("GET /runs", query={"app": "nobody"})[0] == 404


@pytest.fixture
def started(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    kept: list[Any] = []

    def start(self: Workflow, run_id: str, request: Any) -> str:
        kept.append((run_id, request))
        return f"arn:{run_id}"

    monkeypatch.setattr(Workflow, "start", start)
    return kept


def test_the_initiator_of_a_run_is_the_caller_whatever_the_body_says(started: list[Any]) -> None:
    status, body = ask("POST /runs", EVE, app="ledger", initiator=BOB)
    assert status == 200
    [(run_id, request)] = started
    assert (run_id, request.initiator) == (body["run_id"], EVE)
    assert ask("GET /runs/{run_id}", run_id=run_id)[1]["run"]["app"] == "ledger"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"app": "nobody"}, "UnknownApp"),
        ({}, "RequestInvalid"),
        ({"app": "ledger", "mode": "sideways"}, "RequestInvalid"),
        ({"app": "ledger", "colour": "red"}, "RequestInvalid"),
        ({"app": "ledger", "reason": "x" * 5_000}, "RequestInvalid"),
        ({"app": "ledger", "start_at": "promote"}, "RequestInvalid"),
        ({"app": "ledger", "stop_after": "serve"}, "RequestInvalid"),
        ({"app": "ledger", "image_ref": "repo:latest"}, "ImageNotPinned"),
        ({"app": "ledger", "start_at": "restore"}, "NothingHeld"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_starts(started: list[Any], body: dict[str, Any], error: str) -> None:
    status, answer = ask("POST /runs", **body)
    assert (400 <= status < 500, answer["error"]) == (True, error)
    assert started == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"start_at": "promote"}, "start_at promote: no run can begin there; use launch; or restore, validate or teardown"),
        ({"stop_after": "serve"}, "stop_after serve: no runner can be held there; use launch, restore or validate"),
        (
            {"start_at": "validate", "stop_after": "launch"},
            "stop_after launch: comes before start_at validate, where the run begins; use validate, or leave it out",
        ),
        ({"start_at": "teardown", "stop_after": "launch"}, "leave it out"),
        (
            {"negative_control": True},
            "negative_control: validates a damaged copy, and in mode incident there is none; rehea",
        ),
        ({"mode": "sideways"}, "run request, mode: Invalid enum value 'sideways'; use incident or drill (docs/operate.md"),
        ({"teardown": "no"}, "run request, teardown: Expected bool, got str; give true or false (docs/operate.md"),
        ({"reason": 5}, "run request, reason: Expected str, got int; give a text (docs/operate.md"),
        ({"app": None}, "run request, app: Expected str, got null; name the app (docs/operate.md"),
    ],
)
def test_a_refusal_names_the_field_what_is_wrong_and_the_fix(started: list[Any], body: dict[str, Any], said: str) -> None:
    message = ask("POST /runs", **{"app": "ledger", **body})[1]["message"]
    assert said in message and started == []


def test_a_second_run_is_refused_at_once_and_an_incident_is_not_refused_for_a_drill(
    world: World, started: list[Any]
) -> None:
    world.table.take_lease(decode(run(mode="drill"), Run), int(time.time()) + 600)
    assert ask("POST /runs", app="ledger", mode="drill")[1]["error"] == "RunInProgress"
    assert ask("POST /runs", app="ledger", mode="incident")[0] == 200


def test_every_route_has_a_role_and_somebody_who_answers_it() -> None:
    assert set(ROUTES) == set(API)
    assert set(pages.ROUTES) == set(PAGES)
    assert console_runs.STARTS[0] == Phase.LAUNCH
