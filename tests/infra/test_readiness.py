"""Readiness as the templates say it: checked by itself, loud when it falls or falls silent; each role's needs are told."""

import json
from typing import Any

import pytest

from infra.grants import FUNCTIONS, KEEPER, RUNNER
from relight.model import Phase
from relight.readiness.checks import CAP
from tests.infra.conftest import Templates
from tests.infra.template import actions, grants, of_type

BY_CDK = ("logs:", "xray:", "sqs:SendMessage")  # what CDK adds to a function's role by itself
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
    assert set(found) == {*FUNCTIONS, "runner", "keeper", "recovery"}
    for who in FUNCTIONS:
        asked, needs = _asked(found[who])
        policy = {action for row in grants(templates["orchestrator"], who) for action in actions(row)}
        assert asked <= policy, who
        assert {one for one in policy - asked if not one.startswith(BY_CDK)} == set(), who
        assert (needs["who"], needs["phase"] in set(Phase)) == (who, True)
    assert _asked(found["keeper"])[0] <= {action for grant in KEEPER for action in grant.actions.split()}
    assert _asked(found["runner"])[0] <= {action for grant in RUNNER for action in grant.actions.split()}


def _asked(parameter: dict[str, object]) -> tuple[set[str], dict[str, Any]]:
    text = "".join(part if isinstance(part, str) else "TOKEN" for part in _parts(parameter["Value"]))
    needs = json.loads(text)
    return {action for need in needs["needs"] for action in need["actions"]}, needs


def _parts(value: object) -> list[object]:
    return value["Fn::Join"][1] if isinstance(value, dict) else [value]
