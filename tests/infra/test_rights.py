"""Who may do what, as the templates say it: the roles of functions and runner."""

import re

import pytest

from infra.functions import SPECS
from tests.infra.conftest import Templates
from tests.infra.template import granting, grants, of_type, statements, text

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # a first synthesis may fetch wheels


@pytest.mark.parametrize("name", SPECS)
def test_no_function_may_do_everything_of_anything(templates: Templates, name: str) -> None:
    for row in grants(templates["orchestrator"], name):
        assert "*" not in text(row["Action"])
        if row["Resource"] == "*":
            assert set(re.findall(r"\w+:\w+", text(row["Action"]))) <= {
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "cloudwatch:DescribeAlarms",
                "ec2:DescribeInstances",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeSubnets",
                "servicequotas:GetAWSDefaultServiceQuota",
                "states:SendTaskSuccess",
                "states:SendTaskFailure",
            }


@pytest.mark.parametrize("name", ["launch", "teardown", "reap"])
def test_only_our_own_runners_can_be_terminated(templates: Templates, name: str) -> None:
    (row,) = granting(grants(templates["orchestrator"], name), "ec2:TerminateInstances")
    assert row["Condition"] == {"StringEquals": {"aws:ResourceTag/relight:name": "relight"}}


def test_nobody_else_can_terminate(templates: Templates) -> None:
    rows = [of_type(templates[name], "AWS::IAM::Policy") for name in ("orchestrator", "runner", "triggers")]
    assert text(rows).count("ec2:TerminateInstances") == 3


def test_an_instance_can_only_be_launched_as_one_of_our_runners(templates: Templates) -> None:
    rows = grants(templates["orchestrator"], "launch")
    instance = [row for row in granting(rows, "ec2:RunInstances") if "instance/*" in text(row["Resource"])]
    (condition,) = [row["Condition"] for row in instance]
    assert condition["StringEquals"] == {"aws:RequestTag/relight:name": "relight"}
    (template,) = [row for row in granting(rows, "ec2:RunInstances") if "launch-template/" in text(row["Resource"])]
    assert text(condition["ArnEquals"]["ec2:LaunchTemplate"]) in text(template["Resource"])
    (passed,) = granting(rows, "iam:PassRole")
    assert "iam:PassedToService" in text(passed["Condition"])
    (tagged,) = granting(rows, "ec2:CreateTags")
    assert tagged["Condition"] == {"StringEquals": {"ec2:CreateAction": "RunInstances"}}


def test_only_promotion_and_its_undoing_write_to_an_apps_storage(templates: Templates) -> None:
    writers = {
        name
        for name in SPECS
        for row in granting(grants(templates["orchestrator"], name), "s3:PutObject")
        if "relight-sample" in text(row["Resource"])
    }
    assert writers == {"promote", "failback", "teardown"}
    (row,) = [
        row
        for row in granting(grants(templates["orchestrator"], "promote"), "s3:PutObject")
        if "relight-sample" in text(row)
    ]
    assert "relight-sample/sample/site/active.json" in text(row["Resource"])


def test_a_runner_reads_its_own_partition_and_no_other(templates: Templates) -> None:
    (role,) = of_type(templates["runner"], "AWS::IAM::Role")
    rows = list(statements(templates["runner"], role))
    reads, says = [row for row in rows if "dynamodb" in text(row["Action"])]
    own = {"dynamodb:LeadingKeys": ["${aws:userid}"]}
    assert (reads["Action"], reads["Condition"]) == ("dynamodb:Query", {"ForAllValues:StringEquals": own})
    only = {"dynamodb:Attributes": ["pk", "sk", "vitals", "ttl"]}  # not what an order, a task or a lease is made of
    assert (says["Action"], says["Condition"]) == ("dynamodb:UpdateItem", {"ForAllValues:StringEquals": own | only})
    assert not [row for row in rows if "s3:PutObject" in text(row["Action"]) and "relight-sample" in text(row["Resource"])]


def test_a_runner_cannot_write_backups_but_for_keys_that_serve_and_tend_alone_may_give_it(
    templates: Templates,
) -> None:
    (runner,) = of_type(templates["runner"], "AWS::IAM::Role")
    rows = list(statements(templates["runner"], runner))
    assert not [row for row in rows if "s3:PutObject" in text(row["Action"]) and "/backups/" in text(row["Resource"])]
    assert not [row for row in rows if "sts:" in text(row["Action"])]
    (keeper,) = [
        one
        for one in of_type(templates["orchestrator"], "AWS::IAM::Role").values()
        if one.get("RoleName") == "relight-keeper"
    ]
    trusted = text([row["Principal"]["AWS"] for row in keeper["AssumeRolePolicyDocument"]["Statement"]])
    assert trusted.count("Fn::GetAtt") == 2 and "ServeRole" in trusted and "TendRole" in trusted
    givers = {name for name in SPECS if granting(grants(templates["orchestrator"], name), "sts:AssumeRole")}
    assert givers == {"serve", "tend"}


def test_only_the_report_signs(templates: Templates) -> None:
    signers = {name for name in SPECS if granting(grants(templates["orchestrator"], name), "kms:Sign")}
    assert signers == {"report"}
