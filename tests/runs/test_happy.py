"""The three uses: an incident to promotion and back, a rejection, a drill."""

import pytest

from relight.errors import AlreadyDecided, EvidenceDrifted, SelfApproval
from tests.runs.invariants import holds
from tests.runs.stage import Stage


def test_a_drill_restores_validates_and_leaves_nothing(stage: Stage) -> None:
    run_id = stage.start(mode="drill")
    assert stage.ended(run_id)["end"] == "Succeeded"
    holds(stage, run_id)
    phases = [receipt["phase"] for receipt in stage.receipts(run_id)]
    assert phases == ["detect", "plan", "launch", "restore", "validate", "teardown", "report"]
    assert stage.site() == "primary"


def test_an_incident_is_approved_promoted_and_failed_back(stage: Stage) -> None:
    run_id = stage.start(mode="incident", break_glass="the primary is gone, and no signal says so yet")
    asked = stage.asked(run_id)
    with pytest.raises(SelfApproval):
        stage.decide(run_id, "approve", "starter", evidence_hash=asked["evidence_hash"])
    with pytest.raises(EvidenceDrifted):
        stage.decide(run_id, "approve", evidence_hash="0" * 64)
    stage.approve(run_id)
    stage.serving(run_id)
    secrets = stage.secrets()
    assert stage.site() == f"relight/{run_id}"
    assert stage.runners(run_id)
    with pytest.raises(AlreadyDecided):
        stage.decide(run_id, "reject", reason="too late")
    stage.decide(run_id, "failback", confirm=True)
    assert stage.ended(run_id)["end"] == "Succeeded"
    assert stage.site() == "primary"
    holds(stage, run_id)
    said = stage.said(run_id)
    assert len(secrets) > 4 and "approve" in said
    assert not [secret for secret in secrets if secret in said]


def test_a_rejection_is_an_outcome_and_leaves_nothing(stage: Stage) -> None:
    run_id = stage.start(mode="incident", break_glass="rehearsing the decision")
    stage.asked(run_id)
    stage.decide(run_id, "reject", reason="the data are a day old")
    assert stage.ended(run_id)["end"] == "Rejected"
    assert stage.site() == "primary"
    holds(stage, run_id)
