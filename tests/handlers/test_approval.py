"""Approve asks, whatever is in the way; a decision that was taken is never lost."""

import json
from typing import Any, cast

import pytest

from lambdas.approve.handler import handler as approve
from relight.adapters.workflow import Workflow
from relight.errors import AccessDenied, ServiceUnavailable
from relight.model import PlanRef, Run, decode, encode
from tests.handlers.cast import ANN, BOB, Cast, post, validated
from tests.handlers.conftest import RUN_ID, World, backup, run
from tests.handlers.machine import Fault, Machine
from tests.handlers.steps import planned

pytestmark = pytest.mark.slow

EVE = "arn:aws:iam::1:user/eve"


def ask(world: World, token: str, attempt: int = 0) -> dict[str, Any]:
    plan = encode(cast(PlanRef, getattr(world.table.lease("ledger"), "plan", None)))
    validation = validated(world, plan)
    payload = {"run": run(initiator=ANN), "plan": plan, "validation": validation, "task_token": token, "attempt": attempt}
    approve(payload, None)
    return validation


@pytest.fixture
def asked(world: World) -> World:
    backup(world)
    planned(world)
    world.table.note_run(decode(run(initiator=ANN), Run))
    return world


def test_a_decision_taken_while_approve_is_tried_again_ends_the_next_try(asked: World) -> None:
    validation = ask(asked, "first")
    asked.gone.add("first")
    status, _ = post("approve", BOB, evidence_hash=validation["evidence_hash"])
    assert status == 410  # it says that nobody waits, and is on record
    ask(asked, "second", attempt=1)
    [(what, token, given)] = asked.answered
    assert (what, token, json.loads(given["output"])["approver"]) == ("success", "second", BOB)


def test_a_decision_whose_delivery_was_lost_is_delivered_by_whoever_decides_next(
    asked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    validation, real = ask(asked, "token"), Workflow.succeed

    def lost(*_: Any) -> None:
        raise ServiceUnavailable("states: 503")

    monkeypatch.setattr(Workflow, "succeed", lost)
    assert post("approve", BOB, evidence_hash=validation["evidence_hash"])[0] == 503
    monkeypatch.setattr(Workflow, "succeed", real)
    status, body = post("reject", EVE, reason="too slow")
    assert (status, body["error"]) == (409, "AlreadyDecided")
    [(what, token, given)] = asked.answered
    assert (what, token, json.loads(given["output"])["approver"]) == ("success", "token", BOB)


def test_a_message_that_cannot_be_sent_does_not_end_a_recovery_that_waits(
    asked: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise AccessDenied("sns publish: refused")

    monkeypatch.setattr("relight.adapters.notify.Notifier.publish", refuse)
    ask(asked, "token")
    assert asked.table.tokens(RUN_ID)["approve"] == "token"
    assert "nobody was told" in caplog.text


def test_the_initiators_own_approval_is_reported(world: World) -> None:
    world.publish("2026-01-01T03:05:00Z")
    backup(world)
    cast = Cast(world)
    cast.approver, cast.break_glass = ANN, "nobody else is awake"
    assert Machine(world, cast).play(initiator=ANN) == "Succeeded"
    report = json.loads(world.store.get(f"s3://evidence/ledger/{RUN_ID}/report.json"))
    assert f"approved by its own initiator {ANN}, break-glass: nobody else is awake" in report["warnings"]


def test_no_token_is_in_any_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr("relight.adapters.notify.call", lambda *_, **message: sent.append(str(message)))
    world.publish("2026-01-01T03:05:00Z")
    backup(world)
    assert Machine(world, Cast(world), Fault(name="none")).play(initiator=ANN) == "Succeeded"
    assert len(sent) == 3  # wanted, promoted, ended
    assert "token-nobody-may-see" not in "".join(sent)
