"""Readiness as the templates say it: checked by itself, loud when it falls or falls silent; each role's needs are told."""

import json

import pytest

from infra.grants import FUNCTIONS, RUNNER
from relight.model import Phase
from relight.readiness.checks import CAP
from tests.infra.conftest import Templates
from tests.infra.template import of_type

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # a first synthesis may fetch wheels


def test_two_checks_a_day_and_an_alarm_when_both_are_lost_or_one_failed(templates: Templates) -> None:
    schedules = {one["Name"]: one for one in of_type(templates["triggers"], "AWS::Scheduler::Schedule").values()}
    assert schedules["relight-sample-check"]["ScheduleExpression"] == "rate(12 hours)"
    assert json.loads(schedules["relight-sample-check"]["Target"]["Input"]) == {"app": "sample"}
    alarms = {one["AlarmName"]: one for one in of_type(templates["triggers"], "AWS::CloudWatch::Alarm").values()}
    alarm = alarms["relight-sample-not-ready"]
    assert (alarm["MetricName"], alarm["Dimensions"]) == ("Ready", [{"Name": "app", "Value": "sample"}])
    assert (alarm["Statistic"], alarm["Period"], alarm["TreatMissingData"]) == ("Minimum", 86_400, "breaching")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", CAP + 1)
    assert alarm["AlarmActions"]


def test_what_is_simulated_is_what_was_granted(templates: Templates) -> None:
    """A parameter a role, whose actions are those of the table that the role's policy is made of."""
    found = {}
    for stack in ("orchestrator", "runner"):
        for one in of_type(templates[stack], "AWS::SSM::Parameter").values():
            if "/permissions/" in one["Name"]:
                found[one["Name"].rpartition("/")[2]] = one
    assert set(found) == {*FUNCTIONS, "runner", "recovery"}
    for who, grants in {**FUNCTIONS, "runner": RUNNER}.items():
        text = "".join(part if isinstance(part, str) else "TOKEN" for part in _parts(found[who]["Value"]))
        needs = json.loads(text)
        asked = {action for need in needs["needs"] for action in need["actions"]}
        granted = {action for grant in grants for action in grant.actions.split()}
        assert asked <= granted, who
        assert granted - asked <= {"s3:GetObject", "s3:PutObject"}, who  # of pointers that it has none of
        assert (needs["who"], needs["phase"] in set(Phase)) == (who, True)


def _parts(value: object) -> list[object]:
    return value["Fn::Join"][1] if isinstance(value, dict) else [value]
