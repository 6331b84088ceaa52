"""Every call is checked against the caller's role and recorded: a grant that is missing here is missing on AWS."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from relight.local.engine import Engine
from tests.engine.conftest import Account, allow, policy, unique
from tests.engine.test_workflow import ANSWERS, task
from tests.support import eventually

pytestmark = pytest.mark.engine

Calls = Callable[[str], list[dict[str, Any]]]
READS = """
import boto3

def handler(event, context):
    return boto3.client("ssm").get_parameter(Name=event["name"])["Parameter"]["Value"]
"""
LAUNCHES = """
import boto3

def handler(event, context):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "relight:run-id", "Value": "r1"}]}]
    template = {"LaunchTemplateName": event["template"]}
    ec2 = boto3.client("ec2")
    made = ec2.run_instances(MinCount=1, MaxCount=1, LaunchTemplate=template, TagSpecifications=tags)
    return made["Instances"][0]["InstanceId"]
"""


def invoke(aws: Account, function: str, event: Any) -> tuple[str | None, Any]:
    """(error type or None, answer)."""
    answer = getattr(aws, "lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    body = json.loads(answer["Payload"].read())
    return (body["errorType"] if "FunctionError" in answer else None), body


def test_a_function_may_do_what_its_role_grants_and_no_more(aws: Account, calls: Calls) -> None:
    aws.ssm.put_parameter(Name="/relight/apps/ledger", Value="{}", Type="String")
    aws.ssm.put_parameter(Name="/other", Value="secret", Type="String")
    function = aws.function(READS, grants=(allow("ssm:GetParameter", "arn:aws:ssm:*:*:parameter/relight/apps/*"),))
    assert invoke(aws, function, {"name": "/relight/apps/ledger"}) == (None, "{}")
    error, body = invoke(aws, function, {"name": "/other"})
    assert error == "AccessDeniedException"
    assert "not authorized to perform: ssm:GetParameter" in body["errorMessage"]
    recorded = [
        (call["action"], call["resource"].rpartition(":")[2], call["allowed"]) for call in calls(function.split(":")[-1])
    ]
    assert ("ssm:GetParameter", "parameter/relight/apps/ledger", True) in recorded
    assert ("ssm:GetParameter", "parameter/other", False) in recorded


def test_the_record_names_role_and_function(aws: Account, calls: Calls) -> None:
    function = aws.function(READS)
    invoke(aws, function, {"name": "/other"})
    name = function.split(":")[-1]
    assert {call["principal"] for call in calls(f"/{name}")} == {
        f"arn:aws:sts::000000000000:assumed-role/{name}-role/{name}"
    }


def launcher(aws: Account, *without: str) -> tuple[str, dict[str, Any]]:
    """A function with all that RunInstances of its template needs, except the actions ``without``; and its event."""
    name = unique("ladder")
    passed = aws.role(name)
    aws.iam.create_instance_profile(InstanceProfileName=name)
    aws.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    data = {
        "ImageId": "ami-1",
        "InstanceType": "t4g.large",
        "IamInstanceProfile": {"Name": name},
        "InstanceInitiatedShutdownBehavior": "terminate",
    }
    aws.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    grants = {
        "ec2:RunInstances": allow("ec2:RunInstances", "*"),
        "ec2:CreateTags": allow(
            "ec2:CreateTags", "arn:aws:ec2:*:*:instance/*", StringEquals={"ec2:CreateAction": "RunInstances"}
        ),
        "iam:PassRole": allow("iam:PassRole", passed, StringEquals={"iam:PassedToService": "ec2.amazonaws.com"}),
    }
    function = aws.function(LAUNCHES, grants=tuple(grant for action, grant in grants.items() if action not in without))
    return function, {"template": name}


@pytest.mark.parametrize("missing", ["ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"])
def test_a_launch_needs_every_grant_that_aws_asks_for(aws: Account, calls: Calls, missing: str) -> None:
    function, event = launcher(aws, missing)
    error, _ = invoke(aws, function, event)
    assert error == "ClientError"
    assert [
        call["action"]
        for call in calls(function.split(":")[-1])
        if not call["allowed"] and call["action"][:3] in ("ec2", "iam")
    ] == [missing]


def test_a_launch_with_every_grant_succeeds_and_termination_is_bound_to_a_tag(aws: Account) -> None:
    function, event = launcher(aws)
    error, iid = invoke(aws, function, event)
    assert error is None
    ends = "import boto3\ndef handler(event, context):\n    boto3.client('ec2').terminate_instances(InstanceIds=[event])"
    other = aws.function(
        ends, grants=(allow("ec2:TerminateInstances", "*", StringEquals={"aws:ResourceTag/relight:run-id": "r2"}),)
    )
    ours = aws.function(
        ends, grants=(allow("ec2:TerminateInstances", "*", StringEquals={"aws:ResourceTag/relight:run-id": "r1"}),)
    )
    assert invoke(aws, other, iid)[0] == "ClientError"
    assert invoke(aws, ours, iid)[0] is None


def test_an_instance_reads_only_its_own_partition_of_the_table(aws: Account) -> None:
    table = unique("table")
    aws.dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )  # fmt: skip
    own = allow("dynamodb:Query", "*", **{"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:userid}"]}})
    source = """
        import boto3
        def handler(event, context):
            user = boto3.client("sts").get_caller_identity()["UserId"]
            table, keys = boto3.client("dynamodb"), {":pk": {"S": event or user}}
            asked = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": keys}
            return table.query(TableName="%s", **asked)["Count"]
    """
    function = aws.function(source % table, grants=(own,))
    assert invoke(aws, function, "") == (None, 0)
    assert invoke(aws, function, "AROAOTHER:i-0123")[0] == "ClientError"


# ---------------------------------------------------------------- services acting for us
def test_a_state_machine_invokes_only_what_its_role_grants(aws: Account, calls: Calls) -> None:
    function = aws.function(ANSWERS)
    machine = aws.machine({"Detect": task(function)})
    assert aws.ended(aws.start(machine))["status"] == "SUCCEEDED"
    role = aws.stepfunctions.describe_state_machine(stateMachineArn=machine)["roleArn"].rpartition("/")[2]
    aws.iam.put_role_policy(
        RoleName=role, PolicyName="grants", PolicyDocument=policy(allow("lambda:InvokeFunction", "arn:aws:lambda:::other"))
    )
    ended = aws.ended(aws.start(machine, name="refused"))
    assert ended["error"] == "Lambda.AWSLambdaException"
    assert "not authorized to perform: lambda:InvokeFunction" in ended["cause"]
    assert [call["allowed"] for call in calls(f"{role}/refused")] == [False]


@pytest.mark.parametrize(("granted", "arrives"), [("states:StartExecution", True), ("states:StopExecution", False)])
def test_a_rule_starts_a_machine_only_with_its_roles_grant(aws: Account, granted: str, arrives: bool) -> None:
    machine = aws.machine({"End": {"Type": "Succeed"}})
    rule, queue = unique("rule"), aws.sqs.create_queue(QueueName=unique("dead"))["QueueUrl"]
    dead = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    role = aws.role(unique("rule-role"), allow([granted, "sqs:SendMessage"], "*"))
    aws.events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    target = {"Id": "1", "Arn": machine, "RoleArn": role, "Input": '{"app": "ledger"}', "DeadLetterConfig": {"Arn": dead}}
    aws.events.put_targets(Rule=rule, Targets=[target])
    aws.events.put_events(Entries=[{"Source": rule, "DetailType": "test", "Detail": "{}"}])
    if arrives:
        eventually(lambda: aws.stepfunctions.list_executions(stateMachineArn=machine)["executions"])
    else:
        eventually(lambda: aws.sqs.receive_message(QueueUrl=queue).get("Messages"))
        assert aws.stepfunctions.list_executions(stateMachineArn=machine)["executions"] == []


# ---------------------------------------------------------------- people
def test_a_person_calls_the_console_under_their_own_name(aws: Account, engine: Engine) -> None:
    """The HTTP API with IAM authorizer: the function sees who signed; nobody unsigned gets in."""
    from relight.adapters.console import Console

    told = """
        import json
        def handler(event, context):
            caller = event["requestContext"]["authorizer"]["iam"]["userArn"]
            return {"statusCode": 200, "body": json.dumps({"runs": [caller]})}
    """
    api = aws.apigatewayv2.create_api(Name=unique("console"), ProtocolType="HTTP")["ApiId"]
    integration = aws.apigatewayv2.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=aws.function(told), PayloadFormatVersion="2.0"
    )["IntegrationId"]
    aws.apigatewayv2.create_route(
        ApiId=api, RouteKey="GET /runs", AuthorizationType="AWS_IAM", Target=f"integrations/{integration}"
    )
    aws.apigatewayv2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    address = f"{engine.endpoint}/_aws/execute-api/{api}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in engine.environment("alice").items():
            patch.setenv(name, value)
        runs: list[Any] = Console(address, "eu-central-1").runs("ledger")
        assert runs == ["arn:aws:iam::000000000000:user/alice"]
    import urllib3

    assert urllib3.request("GET", f"{address}/runs?app=ledger").status == 403


def test_wrong_keys_are_nobody(engine: Engine) -> None:
    stranger = Account({**engine.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"})
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.sts.get_caller_identity()


WRITES = """
import boto3

def handler(event, context):
    return boto3.client("s3").put_object(Body=b"x", **event)["ETag"]
"""


def test_a_write_that_its_bucket_wants_to_be_a_creation_is_refused_unless_it_says_so(aws: Account) -> None:
    bucket = unique("receipts").lower()
    place = {"LocationConstraint": "eu-central-1"}
    aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*/??-plan.json",
    }
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=policy({**deny, "Condition": {"Null": {"s3:if-none-match": "true"}}}))
    function = aws.function(WRITES, grants=(allow("s3:PutObject", "*"),))
    receipt = {"Bucket": bucket, "Key": "shop/run/02-plan.json"}
    assert invoke(aws, function, {**receipt, "IfNoneMatch": "*"})[0] is None
    assert invoke(aws, function, receipt)[0] == "AccessDenied"
    assert invoke(aws, function, {**receipt, "Key": "shop/run/report.json"})[0] is None
