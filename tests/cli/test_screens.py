"""What a person, or a script with -o json, sees of good input; and what each exit status says."""

import json
from typing import Any

import boto3
import pytest

from tests.cli.conftest import Terminal
from tests.cli.runs import ended, phase, run
from tests.cli.stub import Stub

DIGEST = "repo/app@sha256:" + "a" * 64
URI = "s3://relight-sample/sample/backups/2026-11-23"


def sent(api: Stub) -> dict[str, Any]:
    ((request, body),) = api.changes
    assert request == "POST /runs"
    return {key: value for key, value in body.items() if key != "reason"}


# ------------------------------------------------------------------ the golden path as requests
GOLDEN = [
    (("apply",), {"stop_after": "launch", "start_at": None}),
    (("restore",), {"start_at": "restore", "stop_after": "restore"}),
    (("validate",), {"start_at": "validate", "stop_after": "validate"}),
    (("validate", "--no-run-job"), {"start_at": "validate", "run_job": False}),
    (("destroy", "--yes"), {"start_at": "teardown"}),
    (("drill",), {"start_at": "launch", "stop_after": None, "teardown": True, "run_job": True}),
    (("drill", "--auto-promote", "false", "--teardown", "true"), {"teardown": True}),
    (("drill", "--teardown", "false"), {"teardown": False}),
    (("drill", "--start-at", "restore", "--stop-after", "validate"), {"start_at": "restore", "stop_after": "validate"}),
    (("drill", "--rehearse-approval", "--negative-control"), {"rehearse_approval": True, "negative_control": True}),
    (("drill", "--backup-uri", URI, "--image-ref", DIGEST), {"backup": URI, "image_ref": DIGEST}),
    (("restore", "--existing", "keep"), {"existing": "keep"}),
    (("drill", "--namespace", "elsewhere", "--existing", "fail"), {"namespace": "elsewhere", "existing": "fail"}),
]


@pytest.mark.parametrize(("typed", "fields"), GOLDEN, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_each_step_of_the_golden_path_is_one_drill_request(
    typed: tuple[str, ...], fields: dict[str, Any], terminal: Terminal, api: Stub
) -> None:
    api.on("POST /runs", {"run_id": "r-1"})
    said = terminal(*typed, "--no-wait", "-o", "json")
    assert (said.status, said.document) == (0, {"run_id": "r-1"})
    body = sent(api)
    assert (body["app"], body["mode"]) == ("sample", "drill")
    assert {name: body.get(name) for name in fields} == fields


def test_the_seeds_environment_variables_are_honoured(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs", {"run_id": "r-1"})
    variables = {"BACKUP_URI": URI, "IMAGE_REF": DIGEST, "NAMESPACE": "copy", "RUN_JOB": "1"}
    assert terminal("validate", "--no-wait", **variables).status == 0
    body = sent(api)
    assert (body["backup"], body["image_ref"], body["namespace"], body["run_job"]) == (URI, DIGEST, "copy", True)


def test_destroy_is_confirmed_by_the_environment_and_not_by_zero(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs", {"run_id": "r-1"})
    assert terminal("destroy", "--no-wait", CONFIRM_DESTROY="0").status == 2
    assert api.changes == []
    assert terminal("destroy", "--no-wait", CONFIRM_DESTROY="1").status == 0


def test_requests_are_signed_for_the_api(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs?app=sample", {"runs": []})
    terminal("runs")
    ((_, _, headers),) = api.asked
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
    assert "/eu-central-1/execute-api/aws4_request" in headers["Authorization"]


# ------------------------------------------------------------------ following a run
@pytest.mark.parametrize(
    ("outcome", "status"),
    [("Succeeded", 0), ("Healthy", 0), ("Held", 0), ("Rejected", 1), ("Expired", 1), ("Preempted", 1), ("Failed", 1)],
)
def test_the_outcome_of_a_run_is_the_exit_status(outcome: str, status: int, terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs", {"run_id": "r-1"})
    api.on("GET /runs/r-1", ended(outcome))
    said = terminal("drill")
    assert said.status == status
    assert outcome in said.out
    assert "next:" in said.out


def test_a_run_that_is_not_over_in_time_is_status_3_and_says_what_it_waits_for(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs", {"run_id": "r-1"})
    api.on("GET /runs/r-1", run())
    said = terminal("drill", "--rehearse-approval", "--timeout", "1")
    assert said.status == 3
    assert "relight approve r-1" in said.out
    assert "waits for you" in said.out


def test_each_phase_and_verdict_is_told_once_in_order(terminal: Terminal, api: Stub) -> None:
    first = run(phases=[phase("detect", 1), phase("plan", 2, status="running", ended_at=None)], checks=[], approval=None)
    api.on("GET /runs/r-1", first, first, ended("Succeeded"))
    out = terminal("status", "r-1", "--wait").out
    assert out.count("detect    begins") == out.count("detect    done") == out.count("PASSED  files") == 1
    told = [
        out.index(f"{name:<9} done") for name in ("detect", "plan", "launch", "restore", "validate", "teardown", "report")
    ]
    assert told == sorted(told)


def test_a_short_outage_of_the_api_does_not_end_the_watch(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs/r-1", run(), (503, b"busy"), ended("Succeeded"))
    assert terminal("status", "r-1", "--wait").status == 0


def test_with_json_the_answer_is_one_document_and_progress_is_on_stderr(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs", {"run_id": "r-1"})
    api.on("GET /runs/r-1", ended("Succeeded"))
    said = terminal("drill", "-o", "json")
    assert said.document["outcome"] == "Succeeded"
    assert "detect" in said.err


@pytest.mark.parametrize(
    ("outcome", "verdict", "status"),
    [("Failed", "FAILED", 0), ("Succeeded", "PASSED", 1), ("Failed", "COULD_NOT_VERIFY", 1), ("Failed", "TIMED_OUT", 1)],
)
def test_a_negative_control_is_good_only_when_a_check_saw_the_damage(
    outcome: str, verdict: str, status: int, terminal: Terminal, api: Stub
) -> None:
    damaged = ended(outcome)
    damaged["run"]["negative_control"] = True
    damaged["checks"][0]["verdict"] = verdict
    api.on("POST /runs", {"run_id": "r-1"})
    api.on("GET /runs/r-1", damaged)
    said = terminal("drill", "--negative-control")
    assert said.status == status
    assert "negative control" in said.out


# ------------------------------------------------------------------ status, decisions
def test_status_shows_phases_verdicts_and_what_to_do(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs/r-1", run())
    said = terminal("status", "r-1")
    assert said.status == 0
    for text in ("detect went well", "401 of 401 files", "PASSED", "e" * 64, "relight reject r-1", "07:00:30"):
        assert text in said.out


def test_status_without_an_id_shows_the_latest_run(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs?app=sample", {"runs": [{"run_id": "r-2"}, {"run_id": "r-1"}]})
    api.on("GET /runs/r-2", ended("Failed", "r-2"))
    said = terminal("status", "-o", "json")
    assert (said.status, said.document["run_id"]) == (1, "r-2")


def test_an_approval_is_bound_to_the_evidence_the_run_shows(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs/r-1", run())
    api.on("POST /runs/r-1/approve", {"decided": "approved"})
    assert terminal("approve", "r-1").status == 0
    assert api.changes == [("POST /runs/r-1/approve", {"evidence_hash": "e" * 64})]


def test_break_glass_and_reasons_travel(terminal: Terminal, api: Stub) -> None:
    api.on("POST /runs/r-1/approve", {})
    api.on("POST /runs/r-1/reject", {})
    terminal("approve", "r-1", "--evidence", "abc", "--break-glass", "alone at night")
    terminal("reject", "r-1", "--reason", "the primary is back")
    assert [body for _, body in api.changes] == [
        {"evidence_hash": "abc", "break_glass": "alone at night"},
        {"reason": "the primary is back"},
    ]


def test_markup_in_what_others_wrote_is_shown_and_not_obeyed(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs/r-1", ended("Failed", summary="[red]not red[/] [link]"))
    assert "[red]not red[/] [link]" in terminal("status", "r-1").out


# ------------------------------------------------------------------ evidence, doctor
def test_evidence_is_copied_whole(terminal: Terminal, api: Stub, tmp_path: Any) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for key in ("01-detect.json", "plan/manifest.json"):
        s3.put_object(Bucket="evidence", Key=f"sample/r-1/{key}", Body=b"{}")
    api.on("GET /runs/r-1", ended("Succeeded"))
    said = terminal("evidence", "fetch", "r-1", "--output-dir", "copy", "-o", "json")
    assert said.document["files"] == 2
    assert (tmp_path / "copy/plan/manifest.json").is_file()


def test_doctor_names_each_fault_with_its_fix(terminal: Terminal, account: None) -> None:
    said = terminal("doctor", "-o", "json")
    assert said.status == 1
    found = {finding["check"]: finding for finding in json.loads(said.out)["findings"]}
    assert found["credentials"]["state"] == "ok"
    assert found["deployment"]["state"] == "failed"
    assert "docs/deploy.md" in found["deployment"]["fix"]
    assert "console api" not in found


def test_doctor_is_content_with_a_working_deployment(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs?app=sample", {"runs": []})
    place: Any = {"LocationConstraint": "eu-central-1"}
    boto3.client("s3").create_bucket(Bucket="relight-sample", CreateBucketConfiguration=place)  # a deployment has its bucket
    said = terminal("doctor")
    assert said.status == 0, said.out
    assert (
        "nothing failed; " in said.out and "warnings: see the fix of each" in said.out
    )  # nothing is armed, the bucket has no versions
