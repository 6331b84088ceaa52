"""Readiness on the embedded engine: a whole check of a deployed Relight, and one thing broken at a time is named."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from relight.adapters.functions import ask
from relight.adapters.s3 import S3, join
from relight.errors import NotChecked
from relight.evidence.verify import verify_copy
from relight.model import decode
from relight.readiness.boot import ARTIFACT
from relight.readiness.records import Finding, Readiness, State
from tests.runs.stage import Stage

# What the stage's deployment lacks: nobody subscribed, nothing is armed, and its images are in no registry that is asked.
AS_DEPLOYED = {"notify": State.WARNING, "triggers": State.WARNING, "images": State.COULD_NOT_VERIFY}


def checked(stage: Stage) -> Readiness:
    with stage.signed_in():
        return decode(ask("relight", "check", {"app": stage.app.name}), Readiness)


def unlike(found: Readiness) -> dict[str, Finding]:
    """What is not as it was deployed, by check; whether a drill has passed depends on the tests before."""
    ignored = {*AS_DEPLOYED, "drill"}
    return {one.check: one for one in found.findings if one.state is not State.PASSED and one.check not in ignored}


def test_a_fresh_deployment_says_what_it_lacks_and_nothing_else(stage: Stage) -> None:
    found = checked(stage)
    assert unlike(found) == {}
    states = {one.check: one.state for one in found.findings if one.check in AS_DEPLOYED}
    assert states == AS_DEPLOYED
    permissions = next(one for one in found.findings if one.check == "permissions")
    assert "of 21 roles are allowed" in permissions.seen  # 18 functions, the machine, the runner, the keeper


def test_the_console_shows_the_last_check_and_a_drills_report_has_it(stage: Stage) -> None:
    before = checked(stage)
    drill = stage.start(mode="drill")
    assert stage.ended(drill)["end"] == "Succeeded"
    with stage.signed_in() as console:
        assert console.readiness(stage.app.name)["checked_at"] >= before.checked_at
        report = json.loads(S3().get(join(stage.evidence(drill), "report.json")))
        page = S3().get(join(stage.evidence(drill), "report.html")).decode()
        assert [found.problem for found in verify_copy(stage.evidence(drill))] == []
    assert report["readiness"]["checked_at"] == before.checked_at
    assert "Readiness before the run" in page
    assert [one.state for one in checked(stage).findings if one.check == "drill"] == [State.PASSED]


def test_a_pinned_artifact_that_is_gone_is_named(stage: Stage) -> None:
    template = stage.aws("ec2").describe_launch_templates()["LaunchTemplates"][0]["LaunchTemplateId"]
    bucket, key = agent(stage, template)
    with without(stage, bucket, key):
        (found,) = unlike(checked(stage)).values()
    assert (found.check, found.state, found.phase) == ("artifacts", State.FAILED, "launch")
    assert f"agent is not there (s3://{bucket}/{key}" in found.seen
    assert unlike(checked(stage)) == {}


def test_a_pinned_artifact_that_is_another_file_is_named(stage: Stage) -> None:
    template = stage.aws("ec2").describe_launch_templates()["LaunchTemplates"][0]["LaunchTemplateId"]
    bucket, key = agent(stage, template)
    with replaced(stage, bucket, key, b"something else"):
        (found,) = unlike(checked(stage)).values()
    assert "agent is another file" in found.seen


def test_a_backup_that_is_too_old_is_named(stage: Stage) -> None:
    bucket, _, key = stage.backup_uri.removeprefix("s3://").partition("/")
    about = json.loads(stage.aws("s3").get_object(Bucket=bucket, Key=f"{key}/metadata.json")["Body"].read())
    older = json.dumps({**about, "created_at": "2020-01-01T00:00:00Z"}).encode()
    with replaced(stage, bucket, f"{key}/metadata.json", older):
        (found,) = unlike(checked(stage)).values()
    assert (found.check, found.state, found.phase) == ("rpo", State.FAILED, "plan")
    assert "the RPO is" in found.seen


def test_a_quota_that_is_too_small_is_named(stage: Stage) -> None:
    quota = stage.engine.state / "vcpu-quota"
    quota.write_text("1")
    try:
        (found,) = unlike(checked(stage)).values()
    finally:
        quota.unlink()
    assert (found.check, found.state, found.phase) == ("quota", State.FAILED, "launch")
    assert "1 vCPUs of On-Demand Standard instances, 0 in use" in found.seen


@pytest.mark.parametrize(
    ("name", "action", "phase"),
    [
        ("Launch", "ec2:RunInstances", "launch"),
        ("Report", "kms:Sign", "report"),
        ("Recovery", "lambda:InvokeFunction", "detect"),
    ],
)
def test_an_action_that_a_role_has_lost_is_named(stage: Stage, name: str, action: str, phase: str) -> None:
    with stage.taken_away(name, action):
        (found,) = unlike(checked(stage)).values()
    assert (found.check, found.state, found.phase) == ("permissions", State.FAILED, phase)
    assert action in found.seen
    assert name.lower() in found.seen


def test_a_check_that_may_not_read_something_says_so_and_is_not_green(stage: Stage) -> None:
    with stage.taken_away("Check", "servicequotas:GetServiceQuota"):
        found = unlike(checked(stage))
    assert found["quota"].state is State.COULD_NOT_VERIFY
    assert "servicequotas:GetServiceQuota" in found["quota"].seen
    assert found["permissions"].state is State.FAILED  # the check's own role is among those it simulates


def test_an_app_that_was_never_checked_is_said_to_be_so(stage: Stage) -> None:
    prefix = f"{stage.app.name}/readiness/"
    bucket = stage.deployment.evidence_bucket
    with without(stage, bucket, f"{prefix}latest.json"), stage.signed_in() as console, pytest.raises(NotChecked) as refused:
        console.readiness(stage.app.name)
    assert "relight check" in str(refused.value)


# ---------------------------------------------------------------- breaking one thing
def agent(stage: Stage, template: str) -> tuple[str, str]:
    from relight.adapters.capacity import boot

    with stage.signed_in():
        script = boot(template).user_data
    one = next(row for row in ARTIFACT.finditer(script) if row["name"] == "AGENT")
    return one["bucket"], one["key"]


@contextmanager
def without(stage: Stage, bucket: str, key: str) -> Iterator[None]:
    try:
        body = stage.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        stage.aws("s3").delete_object(Bucket=bucket, Key=key)
    except stage.aws("s3").exceptions.NoSuchKey:
        body = None
    try:
        yield
    finally:
        if body is not None:
            stage.aws("s3").put_object(Bucket=bucket, Key=key, Body=body)


@contextmanager
def replaced(stage: Stage, bucket: str, key: str, body: bytes) -> Iterator[None]:
    with without(stage, bucket, key):
        stage.aws("s3").put_object(Bucket=bucket, Key=key, Body=body)
        yield
