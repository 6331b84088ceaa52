"""Production on a runner, whole: backed up, looked after, dead or handed back; on the engine, with its rights."""

import json
import signal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from relight.adapters.s3 import S3, split
from relight.errors import Diverged
from tests.runs.invariants import holds
from tests.runs.stage import Stage


def promoted(stage: Stage) -> str:
    run_id = stage.start(mode="incident", break_glass="the primary is gone")
    stage.approve(run_id)
    stage.serving(run_id)
    return run_id


def tend(stage: Stage) -> str:
    return str(stage.call("tend", {"app": "sample"})["sample"])


def vitals(stage: Stage, run_id: str) -> dict[str, Any]:
    return dict((stage.see(run_id).get("serving") or {}).get("vitals") or {})


def keys(stage: Stage, run_id: str) -> Any:
    """S3 as whoever holds the keys that the run's runner was given."""
    (runner,) = stage.runners(run_id)
    rows = stage.aws("dynamodb").scan(TableName=stage.deployment.table, ConsistentRead=True)["Items"]
    (body,) = [json.loads(row["body"]["S"]) for row in rows if row["sk"]["S"] == "keys" and runner in row["pk"]["S"]]
    region, endpoint = (stage.engine.environment()[name] for name in ("AWS_REGION", "AWS_ENDPOINT_URL"))
    session = boto3.Session(body["access_key_id"], body["secret_access_key"], body["session_token"], region)
    return session.client("s3", endpoint_url=endpoint)


@pytest.mark.timeout(600)  # a minute until its backup is due, and a recovery before and after
def test_production_is_backed_up_on_schedule_with_keys_for_that_alone_and_goes_back_with_a_last_backup(stage: Stage) -> None:
    with stage.configured(serving={"cron": "* * * * *", "zone": "UTC"}):
        run_id = promoted(stage)
        taken = stage.until(lambda: vitals(stage, run_id).get("taken"), "a scheduled backup was taken", 150)
        assert tend(stage) == "well"
    bucket, prefix = split(taken["uri"])
    with stage.signed_in():
        metadata = json.loads(S3().get(f"{taken['uri']}/metadata.json"))
    assert metadata["source"]["site"] == f"relight/{run_id}"

    theirs = keys(stage, run_id)
    theirs.put_object(Bucket=bucket, Key=f"{prefix}/nothing", Body=b"")
    for refused in (
        lambda: theirs.put_object(Bucket=bucket, Key=split(stage.pointer)[1], Body=b"mine"),
        lambda: theirs.delete_object(Bucket=bucket, Key=f"{prefix}/metadata.json"),
        lambda: theirs.list_buckets(),
    ):
        with pytest.raises(ClientError, match=r"not authorized|AccessDenied"):
            refused()

    stage.decide(run_id, "failback", confirm=True)
    assert stage.ended(run_id)["end"] == "Succeeded"
    holds(stage, run_id)
    facts = stage.see(run_id)["facts"]
    assert facts["frozen"]["taken"]["uri"] != taken["uri"]
    assert [step["action"] for step in facts["frozen"]["steps"]] == ["freeze", "final backup"]
    assert facts["handback"]["cycle"]["verdict"] == "COULD_NOT_VERIFY"  # nobody repaired the primary
    said = stage.said(run_id)
    assert theirs._request_signer._credentials.secret_key not in said

    # What was frozen for that backup runs again where it is restored.
    again = stage.start(mode="drill", backup=facts["frozen"]["taken"]["uri"])
    assert stage.ended(again)["end"] == "Succeeded"


def test_a_drills_runner_is_given_no_keys_and_may_write_no_backup(stage: Stage) -> None:
    run_id = stage.start(mode="drill", stop_after="restore")
    assert stage.ended(run_id)["end"] == "Held"
    assert tend(stage) == "not promoted"
    rows = stage.aws("dynamodb").scan(TableName=stage.deployment.table, ConsistentRead=True)["Items"]
    (runner,) = stage.runners(run_id)
    assert not [row for row in rows if row["pk"]["S"].endswith(f":{runner}") and row["sk"]["S"] in ("keys", "vitals")]


def test_a_failback_that_stops_between_two_steps_is_taken_up_there(stage: Stage) -> None:
    run_id = promoted(stage)
    assert stage.decide(run_id, "failback")["confirmed"] is False
    assert stage.site() == f"relight/{run_id}"
    stage.decide(run_id, "failback", confirm=True, hold=True)
    stage.until(lambda: len(vitals(stage, run_id).get("failback", [])) == 2, "it is frozen and backed up", 60)
    assert stage.execution(run_id)["status"] == "RUNNING"
    (runner,) = stage.runners(run_id)
    stage.kill(runner, "relight.agent", signal.SIGKILL)
    taken = vitals(stage, run_id)["taken"]
    stage.decide(run_id, "failback", confirm=True)
    assert stage.ended(run_id)["end"] == "Succeeded"
    assert stage.see(run_id)["facts"]["frozen"]["taken"] == taken, "what was done is not done again"
    holds(stage, run_id)


def test_production_that_dies_is_told_with_what_to_do_and_a_recovery_takes_its_place(stage: Stage) -> None:
    run_id = promoted(stage)
    (runner,) = stage.runners(run_id)
    stage.aws("ec2").terminate_instances(InstanceIds=[runner])
    stage.until(lambda: stage.runners(run_id) == [], "it is gone")
    assert tend(stage) == "gone"
    stage.until(lambda: stage.alarm("sample-production-unwell") == "ALARM", "its alarm is raised", 60)
    next_run = stage.start(mode="incident", break_glass="production is gone")
    assert stage.ended(run_id)["end"] == "Failed"
    stage.approve(next_run)
    stage.serving(next_run)
    stage.decide(next_run, "failback", confirm=True)
    assert stage.ended(next_run)["end"] == "Succeeded"
    assert stage.site() == "primary", "past the site that died"


def test_where_the_pointer_was_moved_failback_is_refused_and_production_runs_on(stage: Stage) -> None:
    run_id = promoted(stage)
    with stage.signed_in():
        ours = S3().get(stage.pointer)
        S3().put(stage.pointer, b'{"site": "somewhere else"}')
    with pytest.raises(Diverged, match="moved by somebody else"):
        stage.decide(run_id, "failback", confirm=True)
    assert vitals(stage, run_id).get("failback", []) == []
    with stage.signed_in():
        S3().put(stage.pointer, ours)
    stage.decide(run_id, "failback", confirm=True)
    assert stage.ended(run_id)["end"] == "Succeeded"
