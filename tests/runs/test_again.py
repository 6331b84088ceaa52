"""Nobody decided in time: what is held, who may ask again, and that several people decide on it, on the whole engine."""

import json
import time
from datetime import UTC, datetime

import pytest

from relight.errors import ApprovalExpired, RunInProgress, SelfApproval
from relight.model import timestamp
from tests.runs.inbox import Inbox
from tests.runs.invariants import holds
from tests.runs.stage import Stage

pytestmark = pytest.mark.slow


def round_now(stage: Stage) -> str:
    """What the round that comes every few minutes would say now."""
    event = {"trigger": "remind", "app": stage.app.name, "at": timestamp(datetime.now(UTC))}
    answer = stage.aws("lambda").invoke(FunctionName="relight-arrive", Payload=json.dumps(event).encode())
    return str(json.loads(answer["Payload"].read())["said"])


def test_people_hear_of_each_step_once_and_of_nothing_after_the_end(stage: Stage, inbox: Inbox) -> None:
    run_id = stage.start(mode="incident", break_glass="rehearsing the messages")
    stage.asked(run_id)
    said = stage.until(lambda: (said := round_now(stage)) != "nothing to do" and said, "a reminder is due")
    assert said in (f"reminder for {run_id} sent", f"escalation for {run_id} sent")
    stage.decide(run_id, "reject", reason="a rehearsal")
    assert round_now(stage) == "nothing to do"
    assert stage.ended(run_id)["end"] == "Rejected"
    stage.until(lambda: f"incident {run_id} rejected" in inbox.subjects(), "the end is told")
    wanted, ended = f"approval wanted for incident {run_id}", f"incident {run_id} rejected"
    found = inbox.subjects()
    assert (found.count(wanted), found.count(ended), len(found)) == (1, 1, 3)
    assert all(f"/console/runs/{run_id}" in one for one in inbox.seen)


def test_an_expired_request_is_asked_again_on_the_held_runner_and_promoted(stage: Stage) -> None:
    first = stage.start(mode="incident", break_glass="nobody is awake")
    asked = stage.asked(first)
    assert stage.ended(first)["end"] == "Expired"
    (runner,) = stage.runners(first)
    lease = stage.lease()
    assert lease and lease["undecided"]["BOOL"] and int(lease["expires_at"]["N"]) - time.time() <= stage.app.request_hold
    with pytest.raises(ApprovalExpired, match=f"relight request {first}"):
        stage.decide(first, "approve", evidence_hash=asked["evidence_hash"])
    with pytest.raises(RunInProgress, match=f"relight request {first}"):
        stage.start(mode="drill")
    second = stage.decide(first, "request", reason="I am awake now")["run_id"]
    assert stage.decide(first, "request", "starter")["run_id"] == second
    evidence = stage.asked(second)["evidence_hash"]
    assert evidence != asked["evidence_hash"], "it was validated again"
    with pytest.raises(SelfApproval):
        stage.decide(second, "approve", "starter", evidence_hash=evidence)
    stage.approve(second)
    stage.serving(second)
    assert stage.runners(second) == [runner]
    secrets = stage.secrets()
    stage.decide(second, "failback", confirm=True)
    assert stage.ended(second)["end"] == "Succeeded"
    assert "Restore" not in stage.entered(second)
    holds(stage, second)
    assert stage.faults_in_evidence(first) == []
    said = stage.said(first) + stage.said(second)
    assert not [secret for secret in secrets if secret in said]
