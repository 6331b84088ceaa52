"""It notices by itself, on the embedded engine: alarms, schedules, dead letters, bad backups, by their own ways in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relight.adapters.catalog import Catalog
from relight.adapters.s3 import S3, join
from relight.adapters.triggers import SCHEDULE, switch
from relight.errors import RunInProgress
from relight.model import Arming, BackupState, Mark, MarkName, timestamp
from tests.runs.invariants import holds
from tests.runs.stage import Stage

ZONE = "Europe/Berlin"
INCIDENT = "sample-incident-"


@contextmanager
def armed(stage: Stage) -> Iterator[None]:
    events: Any = stage.aws("events")
    events.enable_rule(Name="relight-sample-alarm")
    try:
        yield
    finally:
        events.disable_rule(Name="relight-sample-alarm")


def report(stage: Stage, run_id: str) -> dict[str, Any]:
    with stage.signed_in():
        return dict(json.loads(S3().get(join(stage.evidence(run_id), "report.json"))))


def test_an_alarm_during_a_drill_ends_it_as_preempted_and_becomes_one_incident(stage: Stage) -> None:
    drill = stage.start(mode="drill", rehearse_approval=True)
    stage.in_phase(drill, "Restore")
    with armed(stage):
        stage.alarm_fires()
        incident = stage.until(lambda: stage.named(INCIDENT), "the alarm has started a run", seconds=30)[0]
        assert stage.ended(drill)["end"] == "Preempted"
        stage.asked(incident)
        stage.alarm_fires()  # it goes on firing, the watch looks, and a person asks too
        stage.call("arrive", {"trigger": "watch", "app": "sample", "at": timestamp(datetime.now(UTC))})
        with pytest.raises(RunInProgress, match=incident):
            stage.start(mode="incident", break_glass="I did not see that one is at it")
    assert stage.runners(drill) == []
    said = report(stage, drill)
    assert (said["outcome"], incident in json.dumps(said)) == ("Preempted", True)
    holds(stage, drill)
    stage.decide(incident, "reject", reason="a rehearsal")
    assert stage.ended(incident)["end"] == "Rejected"
    holds(stage, incident)
    assert stage.named(INCIDENT) == [incident]


def test_an_app_armed_by_name_is_named_by_the_check_and_by_the_round_and_by_its_alarm(stage: Stage) -> None:
    with stage.signed_in():
        Catalog(stage.deployment.table)._delete("app#sample", "drill")  # as after a first deploy
        switch("relight", "sample", Arming(by="arn:aws:iam::1:user/ann", at="2026-11-26T03:00:00Z", proven=False))
    try:
        found = [one for one in stage.call("check", {"app": "sample"})["findings"] if one["check"] == "triggers"]
        stage.call("catalog", {"app": "sample"})
        stage.until(lambda: stage.alarm("sample-unproven") == "ALARM", "its alarm is on", seconds=20)
    finally:
        with stage.signed_in():
            switch("relight", "sample", None)
    assert [one["state"] for one in found] == ["failed"]
    said = "armed by its name, unproven, by arn:aws:iam::1:user/ann at 2026-11-26T03:00:00Z: no drill of it has passed yet"
    assert found[0]["seen"] == said and found[0]["fix"] == "rehearse it: relight drill; not wanted: relight disarm"


def test_scheduler_starts_the_drill_that_is_due_by_its_zones_clock(stage: Stage) -> None:
    due = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    shown = due.astimezone(ZoneInfo(ZONE))
    scheduler: Any = stage.aws("scheduler")
    before = scheduler.get_schedule(Name="relight-sample-drill")
    kept = {name: before[name] for name in SCHEDULE if before.get(name)}
    soon = {"ScheduleExpression": f"cron({shown.minute} {shown.hour} ? * * *)", "ScheduleExpressionTimezone": ZONE}
    scheduler.update_schedule(**{**kept, **soon}, State="ENABLED")
    try:
        run_id = f"sample-drill-{due:%Y%m%dt%H%M%S}"
        stage.until(lambda: run_id in stage.named("sample-drill-"), "Scheduler has started the drill", seconds=90)
    finally:
        scheduler.update_schedule(**kept, State="DISABLED")
    assert stage.ended(run_id)["end"] == "Succeeded"
    holds(stage, run_id)
    for alarm in ("sample-drill-overdue", "sample-unproven"):
        stage.until(lambda name=alarm: stage.alarm(name) == "OK", f"{alarm} is over", seconds=20)
    with stage.signed_in() as console:
        fired, unproven = console.triggers("sample")
        (drill,) = [row for row in fired if row["trigger"] == "drill"]
    assert (drill["said"], drill["outcome"], unproven) == (f"started run {run_id}", "Succeeded", None)


def test_what_could_not_be_started_is_a_dead_letter_and_raises_its_alarm(stage: Stage) -> None:
    started, sqs = stage.named(INCIDENT), stage.aws("sqs")
    queue = sqs.get_queue_url(QueueName="relight-dead-letters")["QueueUrl"]
    sqs.purge_queue(QueueUrl=queue)
    stage.until(lambda: stage.alarm("dead-letters") != "ALARM", "the alarm on dead letters is off", seconds=30)
    with stage.taken_away("Arrive", "states:StartExecution"), armed(stage):
        stage.alarm_fires()
        stage.until(lambda: stage.alarm("dead-letters") == "ALARM", "the alarm on dead letters is on", seconds=60)
    letters = [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]]
    told = [one for one in letters if one["requestPayload"].get("detail", {}).get("alarmName") == "relight-sample-unhealthy"]
    assert told, letters  # the watch over alarms that stay may have tried in the same minute, and left another
    assert all("states:StartExecution" in one["responsePayload"]["errorMessage"] for one in told)
    assert stage.named(INCIDENT) == started
    sqs.purge_queue(QueueUrl=queue)


def test_a_drill_falls_back_from_a_damaged_newest_backup_to_the_last_proven_one(stage: Stage) -> None:
    """Not to the next newest, which nobody has proven."""
    proven = stage.start(mode="drill")
    assert stage.ended(proven)["end"] == "Succeeded"
    backup_id = stage.see(proven)["facts"]["plan"]["backup_id"]
    later = [timestamp(datetime.now(UTC) + timedelta(seconds=n)) for n in (0, 1)]
    with (
        stage.copied_backup("unproven", created_at=later[0]) as unproven,
        stage.copied_backup("broken", damaged=True, created_at=later[1]) as broken,
    ):
        stage.until(lambda: state(stage, "broken") == BackupState.INVALID, "S3's event has had it proven", seconds=30)
        stage.until(lambda: stage.alarm("sample-backup-invalid") == "ALARM", "its alarm is on", seconds=30)
        assert mark(stage, MarkName.LAST_PROVEN).backup_id == backup_id
        drill = stage.start(mode="drill")
        assert stage.ended(drill)["end"] == "Succeeded"
        plan = stage.see(drill)["facts"]["plan"]
    assert plan["backup_id"] == backup_id
    passed = " ".join(plan["passed_over"])
    assert f"{broken}: " in passed and "the catalog found it damaged" in passed
    assert f"{unproven}: newer, but no run has proven it" in passed
    assert "the catalog found it damaged" in json.dumps(report(stage, drill))
    holds(stage, drill)
    stage.call("catalog", {"app": "sample"})


def state(stage: Stage, backup_id: str) -> BackupState | None:
    with stage.signed_in():
        entry = Catalog(stage.deployment.table).entry("sample", backup_id)
        return entry.audit.state if entry else None


def mark(stage: Stage, name: MarkName) -> Mark:
    with stage.signed_in():
        found = Catalog(stage.deployment.table).mark("sample", name)
        assert found
        return found
