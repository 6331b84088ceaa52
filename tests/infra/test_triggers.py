"""What starts a recovery, as the templates say it: off until armed, the very metric, nothing lost, and its own alarms."""

import json

import pytest

from relight.adapters.metrics import emit
from tests.infra.conftest import ROOT, Templates
from tests.infra.template import functions, of_type, only

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # a first synthesis may fetch wheels


def test_nothing_starts_by_itself_until_a_person_arms_it(templates: Templates) -> None:
    rule = only(templates["triggers"], "AWS::Events::Rule")
    schedules = {one["Name"]: one for one in of_type(templates["triggers"], "AWS::Scheduler::Schedule").values()}
    assert (rule["Name"], rule["State"]) == ("relight-sample-alarm", "DISABLED")
    assert {name: one["State"] for name, one in schedules.items()} == {
        "relight-reap": "ENABLED",
        "relight-sample-check": "ENABLED",
        "relight-sample-drill": "DISABLED",
        "relight-sample-probe": "ENABLED",
    }
    drill = schedules["relight-sample-drill"]
    assert json.loads(drill["Target"]["Input"])["mode"] == "drill"
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


def test_an_alarm_starts_an_incident_and_says_why(templates: Templates) -> None:
    (target,) = only(templates["triggers"], "AWS::Events::Rule")["Targets"]
    sample = target["InputTransformer"]["InputTemplate"]
    for part in ('"app":"sample"', '"mode":"incident"', '"initiator":"alarm/relight-sample-unhealthy"', '"reason":<'):
        assert part in sample
    assert target["InputTransformer"]["InputPathsMap"] == {"detail-state-reason": "$.detail.state.reason"}


def test_what_cannot_be_started_is_kept(templates: Templates) -> None:
    (target,) = only(templates["triggers"], "AWS::Events::Rule")["Targets"]
    schedules = of_type(templates["triggers"], "AWS::Scheduler::Schedule").values()
    assert all("DeadLetterConfig" in one["Target"] for one in schedules)
    assert "DeadLetterConfig" in target
    found = functions(templates["orchestrator"])
    assert {name for name, one in found.items() if "DeadLetterConfig" in one} == {"check", "probe", "reap"}


def test_relight_raises_an_alarm_about_itself(templates: Templates) -> None:
    alarms = {one["AlarmName"]: one for one in of_type(templates["triggers"], "AWS::CloudWatch::Alarm").values()}
    silent, told = {"relight-probe-silent", "relight-reap-silent"}, {"dead-letters", "run-failed", "run-stopped"}
    own = silent | {f"relight-{name}" for name in told}
    assert set(alarms) == own | {"relight-sample-unhealthy", "relight-sample-not-ready"}
    assert all(alarms[name]["AlarmActions"] for name in own)
    assert {alarms[name]["TreatMissingData"] for name in silent} == {"breaching"}
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    assert [name for name in own if f"`{name.replace('relight', '<name>', 1)}`" not in page] == []


def test_only_our_own_schedules_use_their_role(templates: Templates) -> None:
    (role,) = of_type(templates["triggers"], "AWS::IAM::Role").values()
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
