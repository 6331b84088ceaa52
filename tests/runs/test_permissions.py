"""Permissions are proven, both ways: every call of a function or the runner was allowed, every grant was used.

The embedded engine evaluates the template's own roles on each call and writes down who called what.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.runs.pages import opened
from tests.runs.stage import Stage

Right = tuple[str, str]  # function (or "runner"), action

TRACES = "the engine has no X-Ray"
OWN_FAILURE = "a receipt of the function's own failure; otherwise the agent, or the next phase, writes it"
RECORDS = "every phase may read the run's records with one grant"
MISSING = "without it S3 answers 403, not 404, for a pointer that is not there"
AMI = "EC2 reads the image's parameter with the caller's rights; the engine reads it itself"
DELIVERY = "AWS sets up the state machine's log delivery with it; the engine has none"
DISARMED = "alarms and schedules are disarmed here: tests/runs/test_causes.py and the demo's test come through Arrive"
RETRIED = "only a decision that was taken while Approve was being retried is delivered so"
KEPT = "production that its Serve could not speak for is kept by Teardown; no run here breaks Serve"
QUEUE = "Lambda sends there what it gave up on; nothing fails so often here"
NEW = "the lease of production is minutes old here: it is renewed after an hour"
DELIVERIES = """CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery ListLogDeliveries PutResourcePolicy
    DescribeResourcePolicies DescribeLogGroups"""

# What no run here uses, by action, then by function ("*": all), each with its reason.
UNUSED: dict[str, dict[str, str]] = {
    "xray:PutTraceSegments": {"*": TRACES},
    "xray:PutTelemetryRecords": {"*": TRACES},
    "xray:GetSamplingRules": {"*": TRACES},
    "xray:GetSamplingTargets": {"*": TRACES},
    **{f"logs:{action}": {"orchestrator": DELIVERY} for action in DELIVERIES.split()},
    "s3:PutObject": {"restore": OWN_FAILURE, "serve": OWN_FAILURE, "validate": OWN_FAILURE},
    "s3:GetObject": {"restore": OWN_FAILURE},
    "dynamodb:PutItem": {"teardown": KEPT},
    "ec2:CreateTags": {"teardown": KEPT, "tend": NEW},
    "dynamodb:UpdateItem": {"tend": NEW},
    "sns:Publish": {
        "tend": "production is well here, and of that nobody is told",
        "console": "one vote decides here, and nobody decides alone: of more votes and of break-glass people are told",
    },
    "states:SendTaskSuccess": {"approve": RETRIED},
    "states:SendTaskFailure": {"console": "no runner dies here while a person decides"},
    "s3:ListBucket": {"restore": OWN_FAILURE, "keeper": MISSING, "probe": MISSING, "console": MISSING},
    "dynamodb:GetItem": {"detect": RECORDS, "failback": RECORDS, "report": RECORDS, "serve": RECORDS},
    "ssm:GetParameters": {"launch": AMI},
    "events:DescribeRule": {"catalog": "a drill has passed here: nobody asks whether the app is armed"},
    "kms:GetPublicKey": {"report": "a warm function has read it in an earlier run"},
    "sqs:SendMessage": dict.fromkeys(("check", "probe", "reap", "triggers", "arrive", "catalog", "tend"), QUEUE),
    "dynamodb:DeleteItem": {"catalog": "a mark is taken away where no good backup is left"},
    "ecr:BatchGetImage": {"check": "the sample's images are in another registry"},
    "servicequotas:GetAWSDefaultServiceQuota": {"check": "the engine's account has a value of its own"},
}


@contextmanager
def armed(stage: Stage) -> Iterator[None]:
    """Who looks at an app that is armed asks more: whose doing it is. Nobody probes it then, so no alarm starts anything."""
    rule = {"Name": "relight-sample-alarm"}
    stage.aws("events").enable_rule(**rule)
    yield
    stage.aws("events").disable_rule(**rule)


@pytest.fixture(scope="module")
def played(whole: Stage) -> Stage:
    """Runs that between them take every path which calls AWS. What other tests took away from roles is before them."""
    whole.engine.calls.write_text("", encoding="utf-8")
    preempted = whole.start(mode="drill", rehearse_approval=True)
    whole.asked(preempted)
    incident = whole.start(mode="incident", break_glass="the primary is gone")
    whole.approve(incident)
    whole.serving(incident)
    whole.call("tend", {"app": "sample"})
    whole.decide(incident, "failback", confirm=True)
    assert whole.ended(incident)["end"] == "Succeeded"
    with armed(whole), whole.signed_in() as console:
        for function in ("check", "catalog"):
            whole.call(function, {"app": "sample"})
        console.runs("")
        console.readiness("sample")
        assert opened(whole, "/console", "/console/runs", f"/console/runs/{incident}") == [200, 200, 200]
    whole.call("probe", {"app": "sample"})
    orphan = whole.start(mode="drill")
    whole.in_phase(orphan, "Restore")
    (lost,) = whole.until(lambda: whole.runners(orphan), "there is a runner")
    whole.kill(lost, "relight.agent", signal.SIGSTOP)
    assert whole.ended(orphan)["end"] == "Succeeded"
    with whole.damaged_backup() as uri:
        assert whole.ended(whole.start(mode="drill", backup=uri))["end"] == "Failed"
    left = whole.start(mode="drill", stop_after="launch")
    assert whole.ended(left)["end"] == "Held"
    again = whole.start(mode="drill", start_at="restore", stop_after="validate")
    assert whole.ended(again)["end"] == "Held"
    (runner,) = whole.runners(again)
    whole.expire(runner)
    whole.reap()
    whole.clear()
    return whole


def calls(stage: Stage) -> Iterator[dict[str, Any]]:
    for line in stage.engine.calls.read_text(encoding="utf-8").splitlines():
        call = json.loads(line)
        if ":assumed-role/" in call["principal"]:
            yield call


def who(call: dict[str, Any]) -> str:
    role, session = call["principal"].split(":assumed-role/")[1].split("/", 1)
    if session.startswith("relight-"):
        return session.removeprefix("relight-")
    return "runner" if session.startswith("i-") else role.split("-")[1]


def granted(stage: Stage) -> set[Right]:
    """What the deployed roles of functions and runner allow."""
    iam, roles = stage.aws("iam"), {}
    for call in calls(stage):
        roles[call["principal"].split("/")[1]] = who(call)
    found = set()
    for role, name in roles.items():
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            for statement in document["Statement"] if isinstance(document, dict) else json.loads(document)["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                found |= {(name, action) for action in actions}
    return found


def test_every_call_was_allowed(played: Stage) -> None:
    refused = {(who(call), call["action"], call["resource"]) for call in calls(played) if not call["allowed"]}
    assert refused == set()


def test_every_grant_was_used_or_says_why_not(played: Stage) -> None:
    used = {(who(call), call["action"]) for call in calls(played)}
    unused = {right for right in granted(played) if right not in used}
    unexplained = {right for right in unused if not reason(*right)}
    assert unexplained == set(), "granted and never used: take it away, or list it with its reason"


def reason(name: str, action: str) -> str:
    rows = UNUSED.get(action, {})
    return rows.get(name) or rows.get("*", "") or (DISARMED if name == "arrive" else "")
