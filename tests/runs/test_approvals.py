"""Several people decide, or one breaks the glass: what counts, and where it stands afterwards, on the whole engine."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from relight.adapters.s3 import S3
from relight.errors import AlreadyDecided, SelfApproval
from relight.roles import Role
from tests.runs.inbox import Inbox
from tests.runs.invariants import holds
from tests.runs.stage import Stage
from tests.runs.walk import SIGNED, Walk

pytestmark = pytest.mark.slow
WHY = "the on-call is asleep & the shop is down"


def at_once(stage: Stage, run_id: str, evidence: str, *people: str) -> list[dict[str, Any]]:
    """The console's answer to each of them, who all approve at the same moment."""

    def approve(who: str) -> dict[str, Any]:
        event = {"routeKey": "POST /runs/{run_id}/approve", "pathParameters": {"run_id": run_id}}
        event |= {"requestContext": {"authorizer": {"iam": {"userArn": f"{SIGNED}{who}"}}}}
        said = stage.call("console", event | {"body": json.dumps({"evidence_hash": evidence})})
        return {"status": said["statusCode"], **json.loads(said["body"])}

    stage.aws("lambda")  # made before there are threads
    with ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(approve, people))


def handed_back(stage: Stage, run_id: str) -> None:
    stage.decide(run_id, "failback", confirm=True)
    assert stage.ended(run_id)["end"] == "Succeeded"
    assert stage.site() == "primary"
    holds(stage, run_id)


def report(stage: Stage, run_id: str) -> dict[str, Any]:
    with stage.signed_in():
        return dict(json.loads(S3().get(f"{stage.evidence(run_id)}/report.json")))


def test_two_people_must_approve_who_come_at_once_and_neither_twice_nor_as_who_asked_for_it(stage: Stage) -> None:
    with stage.configured(approvals=2, approval_window=120):
        run_id = stage.start(mode="incident", break_glass="the primary is gone")
        evidence = stage.asked(run_id)["evidence_hash"]
        with pytest.raises(SelfApproval):
            stage.decide(run_id, "approve", "starter", evidence_hash=evidence)
        for said in at_once(stage, run_id, evidence, "bob", "bob"):
            assert (said["status"], said["decision"]) == (200, None)
            assert [vote["approver"] for vote in said["approvals"]] == [f"{SIGNED}bob"]
        assert stage.site() == "primary"
        answers = at_once(stage, run_id, evidence, "eve", "dan")
        assert {said["status"] for said in answers} <= {200, 409}
        stage.serving(run_id)
    votes = [vote["approver"] for vote in stage.see(run_id)["approval"]["decision"]["approvals"]]
    assert votes[0] == f"{SIGNED}bob"
    assert votes[1:] in ([f"{SIGNED}eve"], [f"{SIGNED}dan"])
    with pytest.raises(AlreadyDecided):
        stage.decide(run_id, "reject", "bob", reason="too late")
    handed_back(stage, run_id)
    assert all(vote in json.dumps(report(stage, run_id)) for vote in votes)


def test_broken_glass_decides_alone_is_told_to_everyone_and_stands_wherever_anybody_looks(
    stage: Stage, inbox: Inbox, called_out: Inbox
) -> None:
    with stage.configured(approvals=2, approval_window=120):
        run_id = stage.start(mode="incident", break_glass="the primary is gone")
        evidence = stage.asked(run_id)["evidence_hash"]
        stage.decide(run_id, "approve", "starter", evidence_hash=evidence, break_glass=WHY)
        stage.serving(run_id)
    for heard in (inbox, called_out):
        stage.until(lambda heard=heard: f"break-glass used on {run_id}" in heard.subjects(), "everyone is told")
        assert heard.subjects().count(f"break-glass used on {run_id}") == 1
        assert f"approved incident {run_id} of sample alone: {WHY}" in "\n".join(heard.seen)
    page = str(Walk(stage, run_id).ask(Role.VIEWER, "GET /console/runs/{run_id}")["body"])
    assert WHY.replace("&", "&amp;") in page
    handed_back(stage, run_id)
    assert any(WHY in line and "its own initiator" in line for line in report(stage, run_id)["warnings"])
    (approved,) = [one for one in stage.receipts(run_id) if one["phase"] == "approve"]
    assert approved["outputs"]["break_glass"] == WHY
