"""Who hears what, when, and once: from the request to its end, by mail and in chat, and never a token."""

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from lambdas.serve.handler import handler as serve
from relight.adapters import aws
from relight.adapters.approvals import Approval
from relight.errors import ServiceUnavailable
from relight.model import canonical
from relight.production import SERVING
from tests.handlers.cast import ANN, BOB, post
from tests.handlers.conftest import RUN_ID, World
from tests.handlers.door import NOW, Door, due
from tests.handlers.test_recovery import TOKENS, Recovery
from tests.handlers.test_votes import Asked, asked, no, yes

__all__ = ["asked"]  # a fixture
pytestmark = pytest.mark.slow

EVE = "arn:aws:iam::1:user/eve"


@dataclass
class Sent:
    """What SNS was asked to send."""

    calls: list[dict[str, Any]]

    @property
    def subjects(self) -> list[str]:
        return [one["Subject"] for one in self.calls]

    def to(self, topic: str) -> list[str]:
        return [one["Subject"] for one in self.calls if one["TopicArn"].endswith(topic)]

    def text(self, at: int = -1) -> str:
        return str(json.loads(self.calls[at]["Message"])["default"])


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    kept = Sent([])
    monkeypatch.setattr("relight.adapters.notify.call", lambda *_, **message: kept.calls.append(message))
    return kept


def deployed(api: str = "https://api.example") -> None:
    value = canonical({"api": api, "region": "eu-central-1"}).decode()
    aws.client("ssm").put_parameter(Name="/relight/deployment", Type="String", Value=value)


def test_the_request_says_what_is_asked_until_when_and_where_to_look(world: World, asked: Asked, sent: Sent) -> None:
    deployed()
    asked(approvals=2)
    [message] = sent.calls
    assert (message["Subject"], message["MessageStructure"]) == (
        f"Relight: ledger: approval wanted for incident {RUN_ID}",
        "json",
    )
    first, second, third, *rest = sent.text().splitlines()
    assert first == "ledger was restored from backup b1 and validated: 1 of 1 checks passed."
    assert second.startswith(f"2 must approve, none of them {ANN}. Approved, it becomes production")
    assert third.startswith("Until 20")
    assert f"  relight approve {RUN_ID}" in rest
    assert f"The run's page: https://api.example/console/runs/{RUN_ID}" in rest
    assert json.loads(json.loads(message["Message"])["https"])["source"] == "custom"


def test_sns_takes_each_message_as_it_is(asked: Asked) -> None:
    """moto refuses a message structure without a default, and a subject that is too long or not ASCII."""
    recovery = asked(approvals=2)
    assert yes(recovery, BOB)[0] == yes(recovery, EVE, break_glass="es eilt – jetzt!")[0] == 200
    recovery.end("Rejected")


def test_a_vote_that_is_not_the_last_is_told_once(asked: Asked, sent: Sent) -> None:
    recovery = asked(approvals=2)
    for _ in range(3):
        yes(recovery, BOB)
    yes(recovery, EVE)
    assert sent.subjects[1:] == [f"Relight: ledger: 1 of 2 approved {RUN_ID}"]
    assert BOB in sent.text(1)


def test_broken_glass_is_told_to_everyone_before_anything_comes_of_it(
    asked: Asked, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery = asked(approvals=2)
    told_before: list[int] = []
    monkeypatch.setattr("relight.adapters.workflow.Workflow.succeed", lambda *_: told_before.append(len(sent.calls)))
    yes(recovery, ANN, break_glass="nobody else is awake")
    subject = f"Relight: ledger: break-glass used on {RUN_ID}"
    assert sent.to("notices")[1:] == sent.to("escalation") == [subject]
    assert told_before == [3]
    assert "nobody else is awake" in sent.text() and "relight failback" in sent.text()


def test_a_rejection_is_told_with_its_reason_and_an_expiry_with_how_to_ask_again(asked: Asked, sent: Sent) -> None:
    recovery = asked()
    no(EVE, "the data are a day old")
    recovery.known["approval"] = json.loads(recovery.world.answered[-1][2]["output"])
    recovery.end("Rejected")
    assert sent.subjects[1:] == [f"Relight: ledger: incident {RUN_ID} rejected"]
    assert sent.text().startswith(f"{EVE} rejected incident {RUN_ID} of ledger: the data are a day old")


@pytest.mark.parametrize(("hold", "says"), [(900, "relight request"), (0, "another run restores again")])
def test_an_expiry_is_told_with_what_can_be_done(asked: Asked, sent: Sent, hold: int, says: str) -> None:
    recovery = asked(request_hold=hold, approvals=2)
    yes(recovery, BOB)
    recovery.end("Expired")
    assert "1 of 2 approved" in sent.text() and says in sent.text()


def test_a_promotion_is_told_and_how_the_way_back_is(asked: Asked, sent: Sent) -> None:
    recovery = asked()
    yes(recovery, BOB)
    recovery.known["promotion"] = {"promoted_at": "2026-11-23T04:00:00Z", "actions": []}
    recovery.call(serve, task_token=TOKENS["serve"])
    assert sent.subjects[-1] == f"Relight: ledger: promoted, {RUN_ID} is production now"
    assert f"approved by {BOB}" in sent.text() and f"relight failback {RUN_ID}" in sent.text()
    assert f"its lease of {SERVING // 86_400} days is renewed while it is heard of" in sent.text()


def test_that_nobody_can_be_told_decides_nothing(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable("sns: 503")

    monkeypatch.setattr("relight.adapters.notify.call", refuse)
    recovery = asked(approvals=2)
    assert yes(recovery, BOB)[0] == yes(recovery, EVE, break_glass="now")[0] == 200


def test_no_token_is_in_any_message_route_log_or_receipt(
    asked: Asked, sent: Sent, capsys: pytest.CaptureFixture[str]
) -> None:
    recovery = asked(approvals=2)
    said = [
        yes(recovery, BOB),
        yes(recovery, ANN),
        no(BOB, ""),
        yes(recovery, EVE, break_glass="x"),
        no(),
        post("request", BOB),
    ]
    recovery.end("Expired")
    said.append(post("request", BOB, run_id="nobody"))
    seen = json.dumps([said, sent.calls]) + recovery.world.everything() + str(capsys.readouterr())
    assert not [token for token in TOKENS.values() if token in seen]


# ---------------------------------------------------------------- before the window closes
HOUR = 3_600


@pytest.fixture
def waiting(world: World) -> Door:
    """A run that has waited for an hour, of two; its reminder is due at the half and its escalation at three quarters."""
    door, began = Door(world), int(NOW.timestamp()) - HOUR
    door.leases(RUN_ID)
    world.table.ask_approval(
        RUN_ID,
        Approval(
            token="t", evidence_hash="e" * 64, requested_at="t", expires_at=began + 2 * HOUR, needed=2,
            remind_at=began + HOUR, escalate_at=began + HOUR * 3 // 2,
        ),
    )  # fmt: skip
    return door


def round_at(door: Door, minutes: int) -> str:
    door.now = NOW + timedelta(minutes=minutes)
    return door.comes(due("remind", door.now)).said


def test_people_are_reminded_once_and_others_once_before_the_window_closes(waiting: Door) -> None:
    said = [round_at(waiting, minutes) for minutes in (-5, 0, 0, 5, 29, 30, 30, 35, 59, 60, 65)]
    quiet = "nothing to do"
    reminder, escalation = f"reminder for {RUN_ID} sent", f"escalation for {RUN_ID} sent"
    assert said == [quiet, reminder, quiet, quiet, quiet, escalation, quiet, quiet, quiet, quiet, quiet]
    first, second = waiting.told.messages
    assert "still waiting for a decision" in first and "In 1 h 00 min it expires" in first
    assert "URGENT, 30 min 00 s left" in second and "--break-glass" in second


def test_a_round_that_comes_late_escalates_and_does_not_remind_afterwards(waiting: Door) -> None:
    assert [round_at(waiting, minutes).split()[0] for minutes in (45, 50)] == ["escalation", "nothing"]


@pytest.mark.parametrize("decided", ["approve", "reject"])
def test_after_a_decision_nobody_is_reminded(waiting: Door, decided: str) -> None:
    body = {"reason": "no"} if decided == "reject" else {"evidence_hash": "e" * 64, "break_glass": "now"}
    assert post(decided, BOB, **body)[0] == 200
    assert [round_at(waiting, minutes) for minutes in (0, 30)] == ["nothing to do"] * 2
    assert waiting.told.messages == []


def test_a_decision_that_falls_while_a_round_looks_is_not_followed_by_a_reminder(
    waiting: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(waiting.world.table).change_approval
    meanwhile = [lambda: post("reject", BOB, reason="no")]

    def slowly(self: Any, run_id: str, before: Approval, after: Approval) -> bool:
        if meanwhile:
            meanwhile.pop()()
        return real(self, run_id, before, after)

    monkeypatch.setattr(type(waiting.world.table), "change_approval", slowly)
    assert round_at(waiting, 0) == "it changed meanwhile"
    assert waiting.told.messages == []


def test_a_reminder_that_could_not_be_sent_is_sent_in_another_round(waiting: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:

        def refuse(*_: Any, **__: Any) -> None:
            raise ServiceUnavailable("sns: 503")

        broken.setattr(type(waiting.told), "send", refuse)
        with pytest.raises(ServiceUnavailable):
            round_at(waiting, 0)
    assert round_at(waiting, 5).startswith("reminder")


def test_a_run_that_was_stopped_reminds_nobody(waiting: Door) -> None:
    waiting.machine.over.add(RUN_ID)
    assert round_at(waiting, 0) == "nothing to do"


def test_the_rounds_follow_what_the_app_says_of_its_window(asked: Asked) -> None:
    recovery: Recovery = asked(approval_window=1_000, remind_after=0.2, escalate_after=1.0)
    approval = recovery.world.table.approval(RUN_ID)
    assert approval
    assert abs(approval.remind_at - int(time.time()) - 200) <= 2
    assert approval.escalate_at == approval.expires_at
