"""Wrong input: one clear line on stderr, exit status 2, nothing changed, never a traceback."""

import re
from pathlib import Path

import pytest

from relight.adapters import aws
from tests.cli.conftest import Terminal
from tests.cli.runs import ended, run
from tests.cli.stub import Stub

URI = "s3://relight-sample/sample/backups/2026-11-23"
REFUSED = [
    # what is typed, its code, what the line must name
    (("drill", "--app", "shop"), "R202", "sample"),
    (("drill", "--backup-uri", "s3:/bucket/backups/x"), "R203", "s3://"),
    (("drill", "--backup-uri", "s3://bucket/nothing/of/ours"), "R203", "backups/<backup_id>"),
    (("drill", "--image-ref", "repo/app:latest"), "R205", "sha256"),
    (("drill", "--image-ref", "repo/app@sha256:abc"), "R205", "sha256"),
    (("apply", "--image-ref", "repo/app:1"), "R205", "sha256"),
    (("restore", "--backup-uri", "/tmp/backup"), "R203", "s3://"),
    (("validate", "--image-ref", "app"), "R205", "sha256"),
    (("destroy",), "R206", "CONFIRM_DESTROY=1"),
    (("drill", "--auto-promote", "true"), "R214", "approval"),
    (("drill", "--auto-promote", "perhaps"), "R214", "--auto-promote true or"),
    (("drill", "--teardown", "maybe"), "R214", "--teardown"),
    (("drill", "--start-at", "serve"), "R200", "'--start-at': 'serve' is not one of"),
    (("drill", "--stop-after", "approve"), "R200", "--stop-after"),
    (("drill", "--colour", "red"), "R200", "--colour"),
    (("drill", "--timeout", "soon"), "R200", "--timeout"),
    (("approve",), "R200", "run_id"),
    (("reject", "r-1"), "R200", "--reason"),
    (("dril",), "R200", "dril"),
    (("runs", "-o", "xml"), "R200", "--output"),
    (("runs", "--config", "nowhere.toml"), "R201", "nowhere.toml"),
    (("plan", "--run-id", "x", "--output-dir", "p", "--backup-uri", "nonsense"), "R203", "s3://"),
    (("plan", "--output-dir", "p"), "R200", "--run-id"),
    (("plan", "--run-id", "x", "--output-dir", "p", "--mode", "practice"), "R200", "--mode"),
    (("drill", "--namespace", "Not A Name"), "R214", "--namespace"),
    (("backup", "cronjob", "--image", "repo/relight:1"), "R214", "by digest"),
    (("backup", "cronjob", "--image", f"r@sha256:{'a' * 64}", "--run-as", "root"), "R214", "--run-as"),
    (("backup", "cronjob", "--image", f"r@sha256:{'a' * 64}", "--schedule", "daily"), "R214", "--schedule"),
    (("runs", "--local"), "R215", "no embedded engine"),
]


def one_line(text: str) -> str:
    assert "Traceback" not in text
    assert text.count("\n") == 1, text
    return text


@pytest.mark.parametrize(
    ("typed", "code", "names"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_wrong_input_is_one_line_and_changes_nothing(
    typed: tuple[str, ...], code: str, names: str, terminal: Terminal, api: Stub
) -> None:
    said = terminal(*typed)
    assert said.status == 2
    line = one_line(said.err)
    assert re.match(rf"relight: {code}: .+: .+; .+", line), line
    assert names in line
    assert api.changes == []


@pytest.mark.parametrize("variable", [{"IMAGE_REF": "app:latest"}, {"BACKUP_URI": "gs://bucket"}])
def test_the_environment_is_checked_like_an_option(variable: dict[str, str], terminal: Terminal, api: Stub) -> None:
    assert terminal("drill", **variable).status == 2
    assert api.changes == []


def test_a_tag_is_accepted_for_an_app_marked_development(terminal: Terminal, api: Stub) -> None:
    text = Path("relight.toml").read_text()
    Path("relight.toml").write_text(text.replace("rto = 900", "rto = 900\ndevelopment = true"))
    api.on("POST /runs", {"run_id": "r-1"})
    assert terminal("drill", "--image-ref", "repo/app:latest", "--no-wait").status == 0


def test_every_wrong_field_of_the_configuration_is_told_at_once(terminal: Terminal, api: Stub) -> None:
    text = Path("relight.toml").read_text()
    Path("relight.toml").write_text(
        text.replace("rto = 900", "rto = 0").replace('"s3://relight-sample/sample"', '"relight-sample"')
    )
    said = terminal("runs")
    first, *findings = said.err.splitlines()
    assert said.status == 2
    assert first.startswith("relight: R201: relight.toml: 2 wrong field(s)")
    assert [line.split(":")[0].strip() for line in findings] == ["apps[0].rto", "apps[0].storage"]


def test_a_half_written_backup_is_refused_before_a_run_starts(terminal: Terminal, api: Stub) -> None:
    aws.client("s3").create_bucket(Bucket="relight-sample", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    aws.client("s3").put_object(Bucket="relight-sample", Key="sample/backups/2026-11-23/manifests.json", Body=b"[]")
    for uri, code in ((URI, "R302"), (URI + "-2", "R301")):
        said = terminal("drill", "--backup-uri", uri)
        assert said.status == 2
        assert code in one_line(said.err)
    assert api.changes == []


# ------------------------------------------------------------------ what the API refuses
FROM_THE_API = [
    (("status", "r-9"), "GET /runs/r-9", 404, "RunNotFound", "R204"),
    (("console", "r-9"), "GET /runs/r-9", 404, "RunNotFound", "R204"),
    (("approve", "r-1", "--evidence", "e"), "POST /runs/r-1/approve", 409, "ApprovalExpired", "R209"),
    (("approve", "r-1", "--evidence", "e"), "POST /runs/r-1/approve", 409, "AlreadyDecided", "R210"),
    (("approve", "r-1", "--evidence", "e"), "POST /runs/r-1/approve", 403, "SelfApproval", "R211"),
    (("approve", "r-1", "--evidence", "e"), "POST /runs/r-1/approve", 409, "EvidenceDrifted", "R212"),
    (("reject", "r-1", "--reason", "no"), "POST /runs/r-1/reject", 409, "NothingToDecide", "R213"),
    (("failback", "r-1"), "POST /runs/r-1/failback", 409, "NothingToDecide", "R213"),
    (("drill",), "POST /runs", 409, "RunInProgress", "R217"),
    (("restore",), "POST /runs", 409, "NothingHeld", "R218"),
    (("drill", "--backup-uri", URI), "POST /runs", 404, "BackupNotFound", "R301"),
    (("drill", "--backup-uri", URI), "POST /runs", 409, "BackupUncommitted", "R302"),
]


@pytest.mark.parametrize(
    ("typed", "request_", "status", "name", "code"), FROM_THE_API, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_refusal_of_the_api_keeps_its_name_and_words(
    typed: tuple[str, ...], request_: str, status: int, name: str, code: str, terminal: Terminal, api: Stub
) -> None:
    api.refuse(request_, status, name, "run r-1: cannot; do this instead")
    said = terminal(*typed)
    assert said.status == 2
    assert one_line(said.err) == f"relight: {code}: run r-1: cannot; do this instead\n"


def test_approving_what_does_not_wait_sends_nothing(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs/r-1", ended("Succeeded"))
    said = terminal("approve", "r-1")
    assert (said.status, api.changes) == (2, [])
    assert "R213" in one_line(said.err)
    assert "Succeeded" in said.err


# ------------------------------------------------------------------ credentials, network
def test_missing_credentials_are_one_line(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, account: None) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    aws.forget()
    said = terminal("runs")
    aws.forget()
    assert said.status == 2
    assert "R207" in one_line(said.err)


def test_an_account_without_a_deployment_says_so(terminal: Terminal, account: None) -> None:
    said = terminal("runs")
    assert said.status == 2
    assert "R219: /relight/deployment" in one_line(said.err)
    assert "eu-central-1" in said.err


def test_an_api_that_does_not_answer_is_one_line(terminal: Terminal, api: Stub) -> None:
    said = terminal("runs", RELIGHT_API="http://127.0.0.1:9")
    assert said.status == 2
    assert "R102" in one_line(said.err)
    assert "http://127.0.0.1:9" in said.err


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(403, {"message": "Forbidden"}, "R207"), (503, b"<html>busy</html>", "R102"), (400, b"what?", "R214")],
)
def test_an_answer_that_is_not_ours_is_still_one_line(
    status: int, body: object, code: str, terminal: Terminal, api: Stub
) -> None:
    api.on("POST /runs", (status, body))
    said = terminal("drill")
    assert said.status == 2
    assert code in one_line(said.err)


def test_a_fault_of_ours_is_one_line_and_keeps_the_details(terminal: Terminal, api: Stub) -> None:
    api.on("GET /runs/r-1", run() | {"phases": [{"phase": 3}]})
    said = terminal("status", "r-1")
    assert said.status == 1
    assert "R000: internal" in one_line(said.err)
    assert "Traceback" in Path(".relight/last-error.txt").read_text()


def test_interrupting_exits_130(terminal: Terminal, api: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("relight.cli.follow.time.sleep", interrupted)
    api.on("GET /runs/r-1", run())
    said = terminal("status", "r-1", "--wait")
    assert said.status == 130
    assert one_line(said.err) == "relight: interrupted\n"
    assert "run r-1 goes on by itself" in said.out
