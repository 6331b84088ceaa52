"""Nobody decided in time: what is held, who may ask again, and that several people decide on it, on the whole engine."""

import time

import pytest

from relight.errors import ApprovalExpired, RunInProgress, SelfApproval
from tests.runs.invariants import holds
from tests.runs.stage import Stage

pytestmark = pytest.mark.slow


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
    stage.decide(second, "failback")
    assert stage.ended(second)["end"] == "Succeeded"
    assert "Restore" not in stage.entered(second)
    holds(stage, second)
    assert stage.faults_in_evidence(first) == []
    said = stage.said(first) + stage.said(second)
    assert not [secret for secret in secrets if secret in said]
