"""What starts a recovery, as the templates say it: off until armed, the very metric, nothing lost, and its own alarms."""

import json
from typing import Any

import pytest

from relight.adapters.metrics import emit
from tests.infra.conftest import ROOT, Templates
from tests.infra.template import functions, of_type

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # a first synthesis may fetch wheels


def rules(templates: Templates) -> dict[str, Any]:
    return {one["Name"]: one for one in of_type(templates["triggers"], "AWS::Events::Rule").values()}


def test_nothing_starts_by_itself_until_a_person_arms_it(templates: Templates) -> None:
    schedules = {one["Name"]: one for one in of_type(templates["triggers"], "AWS::Scheduler::Schedule").values()}
    states = {name: one["State"] for name, one in {**rules(templates), **schedules}.items()}
    assert states == {
        "relight-sample-alarm": "DISABLED",
        "relight-sample-recovered": "ENABLED",  # it tells, and starts nothing
        "relight-reap": "ENABLED",
        "relight-sample-check": "ENABLED",
        "relight-sample-catalog": "ENABLED",
        "relight-sample-backup": "ENABLED",
        "relight-sample-drill": "DISABLED",
        "relight-sample-watch": "DISABLED",
        "relight-sample-remind": "ENABLED",  # it tells, and starts nothing
        "relight-sample-probe": "ENABLED",
        "relight-sample-tend": "ENABLED",
    }
    drill = schedules["relight-sample-drill"]
    asked = {"trigger": "drill", "app": "sample", "at": "<aws.scheduler.scheduled-time>", "backup": "latest_valid"}
    assert json.loads(drill["Target"]["Input"]) == asked
    assert (drill["ScheduleExpression"], drill["ScheduleExpressionTimezone"]) == ("cron(0 4 ? * MON *)", "UTC")


def test_the_alarm_watches_the_very_metric_that_the_probe_emits(
    templates: Templates, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "probe")
    emit("Unhealthy", 1, app="sample")
    emitted = json.loads(capsys.readouterr().out)
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    alarms = of_type(templates["triggers"], "AWS::CloudWatch::Alarm").values()
    (alarm,) = [one for one in alarms if one.get("MetricName") == "Unhealthy"]
    assert alarm["Namespace"] == directive["Namespace"]
    assert {row["Name"]: row["Value"] for row in alarm["Dimensions"]} == {
        name: emitted[name] for name in directive["Dimensions"][0]
    }
    assert alarm["TreatMissingData"] == "missing"


def test_an_alarm_comes_to_arrive_whole_with_everything_that_says_why(templates: Templates) -> None:
    for name, rule in rules(templates).items():
        (target,) = rule["Targets"]
        assert ("catalog" if name == "relight-sample-backup" else "arrive") in json.dumps(target["Arn"]).lower()
        assert not {"Input", "InputPath", "InputTransformer"} & set(target)
    pattern = rules(templates)["relight-sample-alarm"]["EventPattern"]
    assert pattern["detail"] == {"state": {"value": ["ALARM"]}}


def test_an_app_is_unhealthy_and_recovered_by_so_many_of_so_many_readings(templates: Templates) -> None:
    alarms = {one["AlarmName"]: one for one in of_type(templates["triggers"], "AWS::CloudWatch::Alarm").values()}
    fires, well = alarms["relight-sample-unhealthy"], alarms["relight-sample-recovered"]
    assert (fires["DatapointsToAlarm"], fires["EvaluationPeriods"], fires["Period"]) == (2, 3, 60)
    # OK once five of five were healthy: one that was not is enough against it
    assert (well["MetricName"], well["DatapointsToAlarm"], well["EvaluationPeriods"]) == ("Healthy", 1, 5)


def test_what_cannot_be_started_is_kept(templates: Templates) -> None:
    schedules = of_type(templates["triggers"], "AWS::Scheduler::Schedule").values()
    assert all("DeadLetterConfig" in one["Target"] for one in schedules)
    assert all("DeadLetterConfig" in rule["Targets"][0] for rule in rules(templates).values())
    found = functions(templates["orchestrator"])
    assert {name for name, one in found.items() if "DeadLetterConfig" in one} == {
        "arrive",
        "catalog",
        "check",
        "probe",
        "reap",
        "tend",
    }


def test_relight_raises_an_alarm_about_itself(templates: Templates) -> None:
    alarms = {one["AlarmName"]: one for one in of_type(templates["triggers"], "AWS::CloudWatch::Alarm").values()}
    silent, told = (
        {"relight-sample-probe-silent", "relight-reap-silent", "relight-catalog-silent", "relight-tend-silent"},
        {"dead-letters", "run-failed", "run-stopped"},
    )
    own = silent | {f"relight-{name}" for name in told}
    of_app = ("unhealthy", "recovered", "not-ready", "backup-invalid", "drill-overdue", "unproven", "production-unwell")
    assert set(alarms) == own | {f"relight-sample-{name}" for name in of_app}
    assert all(alarms[name]["AlarmActions"] for name in own)
    assert {alarms[name]["TreatMissingData"] for name in silent} == {"breaching"}
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    assert [name for name in own if f"`{name.replace('relight', '<name>', 1).replace('sample', '<app>')}`" not in page] == []


def test_only_our_own_schedules_use_their_role(templates: Templates) -> None:
    (role,) = of_type(templates["triggers"], "AWS::IAM::Role").values()
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
