"""What may start runs by itself: armed once a drill has passed, or by name; and what it last did."""

import boto3

from tests.cli.conftest import Terminal
from tests.cli.stub import Stub


def triggers() -> None:
    boto3.client("events").put_rule(
        Name="relight-sample-alarm", EventPattern='{"source": ["aws.cloudwatch"]}', State="DISABLED"
    )
    for name, when in (("drill", "cron(0 4 ? * MON *)"), ("watch", "rate(5 minutes)")):
        boto3.client("scheduler").create_schedule(
            Name=f"relight-sample-{name}",
            ScheduleExpression=when,
            ScheduleExpressionTimezone="Europe/Berlin",
            FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
            Target={"Arn": "arn:aws:lambda:eu-central-1:1:function:a", "RoleArn": "arn:aws:iam::1:role/r", "Input": "{}"},
            State="DISABLED",
        )


ME = "arn:aws:sts::123456789012:user/moto"


def state() -> set[str]:
    schedules = [boto3.client("scheduler").get_schedule(Name=f"relight-sample-{name}") for name in ("drill", "watch")]
    assert {one["ScheduleExpressionTimezone"] for one in schedules} == {"Europe/Berlin"}
    assert {one["Target"]["Input"] for one in schedules} == {"{}"}
    return {boto3.client("events").describe_rule(Name="relight-sample-alarm")["State"], *(one["State"] for one in schedules)}


def test_nothing_is_armed_before_a_drill_passed_unless_it_is_named(terminal: Terminal, api: Stub) -> None:
    triggers()
    api.on("GET /triggers?app=sample", {"triggers": [], "unproven": "no drill of it has passed yet"})
    said = terminal("arm")
    assert said.status == 2 and said.err.count("\n") == 1
    assert "R232: app sample: no drill of it has passed yet" in said.err and "relight arm --app sample" in said.err
    assert state() == {"DISABLED"}
    named = terminal("arm", "--app", "sample")
    assert named.status == 0 and "unproven: no drill of it has passed yet" in named.out + named.err
    assert state() == {"ENABLED"}
    said = terminal("triggers").out
    assert f"unproven: armed by its name, unproven, by {ME} at 20" in said and "no drill of it has passed yet" in said


def test_arming_switches_alarm_and_schedule_and_may_be_repeated(terminal: Terminal, api: Stub) -> None:
    triggers()
    api.on("GET /triggers?app=sample", {"triggers": [], "unproven": None})
    for command, expected in (("arm", "ENABLED"), ("arm", "ENABLED"), ("disarm", "DISABLED"), ("disarm", "DISABLED")):
        assert terminal(command).status == 0
        assert state() == {expected}


def test_triggers_tell_what_is_armed_what_it_did_and_when_it_is_due(terminal: Terminal, api: Stub) -> None:
    triggers()
    fired = {"trigger": "alarm", "at": "2026-11-25T03:00:00Z", "cause": "alarm/x", "run_id": "r-1", "outcome": "Rejected"}
    api.on("GET /triggers?app=sample", {"triggers": [{**fired, "said": "started run r-1"}]})
    assert "what is off starts nothing" in terminal("triggers").out
    terminal("arm")
    said = terminal("triggers").out
    assert all(word in said for word in ("started run r-1 Rejected", "every 5 minutes", "(Europe/Berlin)"))


def test_arming_an_app_that_is_not_deployed_is_a_user_error(terminal: Terminal, api: Stub) -> None:
    api.on("GET /triggers?app=sample", {"triggers": [], "unproven": None})
    said = terminal("arm")
    assert said.status == 2
    assert "R219: app sample" in said.err


def doctors(terminal: Terminal) -> dict[str, str]:
    findings = terminal("doctor", "-o", "json").document["findings"]
    (found,) = [one for one in findings if one["check"] == "triggers of sample"]
    return dict(found)


CHANGED = "its configuration changed since the last drill that passed (drill-1, 2026-11-23T04:02:00Z)"


def test_doctor_says_which_app_is_armed_by_whom_and_why_that_is_a_risk(terminal: Terminal, api: Stub) -> None:
    triggers()
    api.on("GET /triggers?app=sample", {"triggers": [], "unproven": "no drill of it has passed yet"})
    found = doctors(terminal)
    assert found["state"] == "warning" and found["detail"].startswith("disarmed: alarm, watch, drill; no drill of it has")
    assert found["fix"] == "relight drill --app sample; once it has passed, relight arm"
    terminal("arm", "--app", "sample")
    found = doctors(terminal)
    assert found["state"] == "failed" and f"armed by its name, unproven, by {ME}" in found["detail"]
    assert found["fix"].endswith("relight drill --app sample; or relight disarm --app sample")
    api.on("GET /triggers?app=sample", {"triggers": [], "unproven": None})
    terminal("arm")
    found = doctors(terminal)
    assert found["state"] == "ok" and found["detail"].startswith(f"armed by {ME} at 20")
    api.on("GET /triggers?app=sample", {"triggers": [], "unproven": CHANGED})
    found = doctors(terminal)
    assert found["state"] == "failed" and found["detail"].endswith(CHANGED)
    assert found["detail"].startswith("armed after a drill had passed")


def test_an_app_that_was_armed_in_the_aws_console_is_said_to_be_so(terminal: Terminal, api: Stub) -> None:
    triggers()
    api.on("GET /triggers?app=sample", {"triggers": [], "unproven": CHANGED})
    boto3.client("events").enable_rule(Name="relight-sample-alarm")
    assert doctors(terminal)["detail"] == f"armed, and not by relight arm: {CHANGED}"
