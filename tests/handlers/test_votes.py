"""People decide on one evidence: each votes once, the last needed vote decides, and whatever drifted meanwhile voids it."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import pytest

from lambdas.approve.handler import handler as approve
from relight.adapters import aws
from relight.adapters.approvals import Approvals
from relight.adapters.items import Items
from relight.model import canonical
from tests.handlers.cast import ANN, BOB, post
from tests.handlers.conftest import APP, RUN_ID, World, backup
from tests.handlers.test_recovery import TOKENS, Recovery

pytestmark = pytest.mark.slow

EVE, DAN = "arn:aws:iam::1:user/eve", "arn:aws:iam::1:user/dan"
Asked = Callable[..., Recovery]


@pytest.fixture
def asked(world: World) -> Asked:
    """A run that Ann asked for, restored, validated, and waiting for people under the app's rules."""

    def ask(**rules: Any) -> Recovery:
        configured = canonical(APP | rules).decode()
        aws.client("ssm").put_parameter(Name="/relight/apps/ledger", Type="String", Value=configured, Overwrite=True)
        world.publish("2026-01-01T03:05:00Z")
        backup(world)
        recovery = Recovery(world, initiator=ANN).to_validated()
        recovery.call(approve, task_token=TOKENS["approve"])
        return recovery

    return ask


def yes(recovery: Recovery, who: str = BOB, **more: Any) -> tuple[int, dict[str, Any]]:
    return post("approve", who, **{"evidence_hash": recovery.known["validation"]["evidence_hash"], **more})


def no(who: str = BOB, reason: str = "too old") -> tuple[int, dict[str, Any]]:
    return post("reject", who, reason=reason)


def answers(world: World) -> list[dict[str, Any]]:
    return [json.loads(given["output"]) for what, _, given in world.answered if what == "success"]


# ---------------------------------------------------------------- M of N
def test_who_asked_as_an_aws_user_cannot_approve_by_their_mail_address(asked: Asked) -> None:
    assert yes(asked(people=[[ANN, "ann@example.com"]]), "Ann@example.com")[1]["error"] == "SelfApproval"


def test_the_decision_falls_when_enough_people_approved_the_same_evidence(asked: Asked) -> None:
    recovery = asked(approvals=2)
    status, body = yes(recovery, BOB)
    assert (status, body["decision"], body["needed"]) == (200, None, 2)
    assert [vote["approver"] for vote in body["approvals"]] == [BOB]
    assert answers(recovery.world) == []
    status, body = yes(recovery, EVE)
    assert (status, body["decision"]["decided"]) == (200, "approved")
    [decision] = answers(recovery.world)
    assert [vote["approver"] for vote in decision["approvals"]] == [BOB, EVE]


@pytest.mark.parametrize("again", [BOB, BOB.upper(), "arn:aws:iam::1:user/team/bob", "bob@example.com"])
def test_one_person_is_one_vote_however_often_and_however_spelled(asked: Asked, again: str) -> None:
    recovery = asked(approvals=2, people=[[BOB, "bob@example.com"]])
    for who in (BOB, again, BOB):
        status, body = yes(recovery, who)
        assert (status, body["decision"], len(body["approvals"])) == (200, None, 1)
    assert answers(recovery.world) == []


def test_two_people_at_once_are_two_votes_and_one_decision(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have read the approval before either has written."""
    recovery, real = asked(approvals=2), Approvals.change_approval
    meanwhile = [EVE]

    def slowly(self: Approvals, *arguments: Any) -> bool:
        if meanwhile:
            yes(recovery, meanwhile.pop())
        return real(self, *arguments)

    monkeypatch.setattr(Approvals, "change_approval", slowly)
    status, body = yes(recovery, BOB)
    assert (status, body["decision"]["decided"]) == (200, "approved")
    assert sorted(vote["approver"] for vote in body["approvals"]) == [BOB, EVE]
    assert len(answers(recovery.world)) == 1


def test_many_at_once_are_one_decision(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update of an item is one step in DynamoDB; in moto it is one only under a lock."""
    recovery, real, one_step = asked(approvals=2), Items._update, Lock()

    def update(self: Items, *arguments: Any) -> None:
        with one_step:
            real(self, *arguments)

    monkeypatch.setattr(Items, "_update", update)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda who: yes(recovery, who)[0], [BOB, EVE, DAN, BOB]))
    assert set(found) <= {200, 409}
    assert found.count(200) >= 2
    [decision] = answers(recovery.world)
    assert len({vote["approver"] for vote in decision["approvals"]}) == 2


def test_an_approval_and_a_rejection_at_once_are_the_one_that_came_first(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery, real = asked(), Approvals.change_approval
    meanwhile = [EVE]

    def slowly(self: Approvals, *arguments: Any) -> bool:
        if meanwhile:
            no(meanwhile.pop())
        return real(self, *arguments)

    monkeypatch.setattr(Approvals, "change_approval", slowly)
    status, body = yes(recovery, BOB)
    assert (status, body["error"]) == (409, "AlreadyDecided")
    assert "rejected by" in body["message"]
    assert [decision["decided"] for decision in answers(recovery.world)] == ["rejected"]


def test_one_rejection_ends_it_and_names_who_had_approved(asked: Asked) -> None:
    recovery = asked(approvals=3)
    yes(recovery, BOB)
    status, body = no(EVE)
    assert (status, body["decision"]["decided"], body["decision"]["approver"]) == (200, "rejected", EVE)
    assert [vote["approver"] for vote in body["approvals"]] == [BOB]
    assert yes(recovery, DAN)[0] == 409
    assert len(answers(recovery.world)) == 1


# ---------------------------------------------------------------- who
def test_only_an_approver_approves_where_the_app_names_any(asked: Asked) -> None:
    recovery = asked(approvers=["arn:aws:iam::1:user/e*", DAN])
    for status, body in (yes(recovery, BOB), yes(recovery, BOB, break_glass="urgent"), no(BOB)):
        assert (status, body["error"], body["code"]) == (403, "NotAnApprover", "R450")
    assert answers(recovery.world) == []
    assert yes(recovery, EVE.upper())[0] == 200


def test_the_initiator_is_none_of_the_people_that_are_needed(asked: Asked) -> None:
    recovery = asked(approvals=2)
    yes(recovery, BOB)
    assert yes(recovery, ANN)[1]["error"] == "SelfApproval"
    assert answers(recovery.world) == []


def test_broken_glass_decides_alone_and_says_so(asked: Asked) -> None:
    recovery = asked(approvals=2)
    status, body = yes(recovery, ANN, break_glass="alone at night")
    assert (status, body["decision"]["decided"], body["decision"]["break_glass"]) == (200, "approved", "alone at night")
    [vote] = body["decision"]["approvals"]
    assert (vote["approver"], vote["break_glass"]) == (ANN, "alone at night")


def test_who_voted_may_still_break_the_glass(asked: Asked) -> None:
    recovery = asked(approvals=2)
    yes(recovery, BOB)
    status, body = yes(recovery, BOB, break_glass="nobody else answers")
    assert (status, body["decision"]["decided"], len(body["approvals"])) == (200, "approved", 1)


# ---------------------------------------------------------------- bound to the evidence
DRIFTS: dict[str, Callable[[Recovery], Any]] = {
    "the plan was changed": lambda r: r.world.store.put(f"{r.known['plan']['uri']}/manifest.json", b"{}"),
    "objects.jsonl of the plan was changed": lambda r: r.world.store.put(f"{r.known['plan']['uri']}/objects.jsonl", b"x"),
    "plan.json of the plan is gone": lambda r: r.world.store.delete(f"{r.known['plan']['uri']}/plan.json"),
    "the backup was changed": lambda r: r.world.store.put(f"{r.known['plan']['backup_uri']}/metadata.json", b"{}"),
    "the backup is gone": lambda r: r.world.store.delete(f"{r.known['plan']['backup_uri']}/metadata.json"),
    "the checks' document was changed": lambda r: r.world.store.put(r.known["validation"]["evidence"]["uri"], b"{}"),
}


@pytest.mark.parametrize("what", DRIFTS)
def test_whatever_drifted_since_the_validation_voids_the_approval(asked: Asked, what: str) -> None:
    recovery = asked()
    DRIFTS[what](recovery)
    status, body = yes(recovery)
    assert (status, body["error"]) == (409, "EvidenceDrifted")
    assert what in body["message"]
    assert answers(recovery.world) == []
    approval = recovery.world.table.approval(RUN_ID)
    assert approval and approval.votes == ()
    assert no()[0] == 200


def test_evidence_of_another_plan_is_not_even_asked_about(asked: Asked) -> None:
    recovery = asked()
    recovery.known["plan"] |= {"hash": "f" * 64}
    with pytest.raises(Exception, match="not this plan's"):
        recovery.call(approve, task_token="t", attempt=1)


def test_a_vote_for_other_evidence_counts_for_nothing_when_it_is_asked_again(asked: Asked) -> None:
    recovery = asked(approvals=2)
    yes(recovery, BOB)
    before = recovery.world.table.approval(RUN_ID)
    assert before
    recovery.world.table._update(f"run#{RUN_ID}", "approval", {"evidence_hash": "f" * 64})
    status, body = post("approve", EVE, evidence_hash="f" * 64)
    assert (status, body["decision"], [vote["approver"] for vote in body["approvals"]]) == (200, None, [EVE])


def test_votes_outlive_a_retry_of_approve(asked: Asked) -> None:
    recovery = asked(approvals=2)
    yes(recovery, BOB)
    recovery.call(approve, task_token="second", attempt=1)
    assert yes(recovery, EVE)[1]["decision"]["decided"] == "approved"
    assert [token for _, token, _ in recovery.world.answered] == ["second"]


def test_a_runner_that_died_meanwhile_cannot_be_approved_and_the_run_ends_at_once(asked: Asked) -> None:
    recovery = asked()
    aws.client("ec2").terminate_instances(InstanceIds=recovery.world.live())
    status, body = yes(recovery)
    assert (status, body["error"], body["code"]) == (409, "RunnerGone", "R451")
    [(what, token, given)] = recovery.world.answered
    assert (what, token, given["error"]) == ("failure", TOKENS["approve"], "RunnerLost")


# ---------------------------------------------------------------- too late
def test_after_the_window_nobody_decides_and_the_run_says_how_to_ask_again(asked: Asked) -> None:
    recovery = asked()
    recovery.world.table._update(f"run#{RUN_ID}", "approval", {"expires_at": int(time.time()) - 1})
    for status, body in (yes(recovery), no()):
        assert (status, body["error"]) == (410, "ApprovalExpired")
        assert f"relight request {RUN_ID}" in body["message"]
    assert answers(recovery.world) == []


def test_a_decision_that_came_too_late_stays_too_late(asked: Asked) -> None:
    """The machine's timeout came between the look at the clock and the answer."""
    recovery = asked()
    recovery.world.gone.add(TOKENS["approve"])
    recovery.end("Expired")
    found = recovery.world.table.approval(RUN_ID)
    assert [yes(recovery)[1]["error"] for _ in range(2)] == ["ApprovalExpired"] * 2
    assert recovery.world.table.approval(RUN_ID) == found
