"""Who may do what, and why: one table for functions and runner. docs/permissions.md is printed from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from infra.arns import arn, asks, buckets, has_backup_age, keys, pointers, state_machine_arn, storage
from relight.config import Config
from relight.model import Tag


@dataclass(frozen=True, slots=True)
class Grant:
    """``actions`` (separated by spaces) on the resources that ``on`` names, ``only`` under the condition of that name."""

    actions: str
    on: str
    why: str
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """ARNs behind the names that grants use; empty where a stack has none of the kind."""

    config: Config
    table: str = ""
    evidence: str = ""
    artifacts: tuple[str, ...] = ()
    launch_template: str = ""
    network: tuple[str, ...] = ()
    runner_role: str = ""
    topic: str = ""
    signing_key: str = ""

    def arns(self, name: str) -> list[str]:
        """Without repetition, in the order of the configuration: an order by digest would change with every bundle.

        An app without pointers has no resource, and so no statement.
        """
        return list(dict.fromkeys(NAMED[name](self)))


NAMED: dict[str, Callable[[Resources], list[str]]] = {
    "the table": lambda r: [r.table],
    "receipts": lambda r: [f"{r.evidence}/*"],
    "the evidence bucket": lambda r: [r.evidence],
    "the pinned artifacts": lambda r: list(r.artifacts),
    "metadata of backups": lambda r: storage(filter(has_backup_age, r.config.apps), "backups/*/metadata.json"),
    "backups": lambda r: storage(r.config.apps, "backups/*"),
    "keys of backups": lambda r: keys(r.config.apps),
    "keys of backups whose age is a signal": lambda r: keys(filter(has_backup_age, r.config.apps)),
    "storage buckets": lambda r: buckets(r.config),
    "signal pointers": lambda r: pointers(r.config, "signals"),
    "promote pointers": lambda r: pointers(r.config, "promote"),
    "apps' parameters": lambda r: [arn("ssm", f"parameter/{r.config.name}/apps/*")],
    "the apps' path": lambda r: [arn("ssm", f"parameter/{r.config.name}/apps{end}") for end in ("", "/")],
    "the image parameter": lambda _: [f"arn:{Aws.PARTITION}:ssm:{Aws.REGION}::parameter/aws/service/canonical/*"],
    "the state machine": lambda r: [state_machine_arn(r.config)],
    "its executions": lambda r: [arn("states", f"execution:{r.config.name}-recovery:*")],
    "instances": lambda _: [arn("ec2", "instance/*")],
    "instances and volumes": lambda _: [arn("ec2", "instance/*"), arn("ec2", "volume/*")],
    "what an instance is made of": lambda r: [
        r.launch_template,
        *r.network,
        arn("ec2", "volume/*"),
        arn("ec2", "network-interface/*"),
        f"arn:{Aws.PARTITION}:ec2:{Aws.REGION}::image/*",
    ],
    "the runner's role": lambda r: [r.runner_role],
    "the topic": lambda r: [r.topic],
    "alarms that signals name": lambda r: ["*"] if asks(r.config, "alarm") else [],
    "metrics that signals name": lambda r: ["*"] if asks(r.config, "metric") else [],
    "AWS Backup's jobs": lambda r: ["*"] if asks(r.config, "aws_backup") else [],
    "AWS Health's events in the table": lambda r: [r.table] if asks(r.config, "aws_health") else [],
    "its own alarms": lambda r: [arn("cloudwatch", f"alarm:{r.config.name}-{app.name}-unhealthy") for app in r.config.apps],
    "the signing key": lambda r: [r.signing_key],
    "everything": lambda _: ["*"],
}

Condition = dict[str, dict[str, Any]]
CONDITIONS: dict[str, Callable[[Resources], Condition]] = {
    "": lambda _: {},
    "it is one of our runners": lambda r: {"StringEquals": {f"aws:ResourceTag/{Tag.NAME}": r.config.name}},
    "it is tagged as one of our runners and made from our launch template": lambda r: {
        "StringEquals": {f"aws:RequestTag/{Tag.NAME}": r.config.name},
        "ArnEquals": {"ec2:LaunchTemplate": r.launch_template},
    },
    "it is being launched": lambda _: {"StringEquals": {"ec2:CreateAction": "RunInstances"}},
    "it is passed to EC2": lambda _: {"StringEquals": {"iam:PassedToService": f"ec2.{Aws.URL_SUFFIX}"}},
    "the partition is its own": lambda _: {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:userid}"]}},
}

NO_NARROWER = "AWS knows no narrower resource, the task's token is what narrows it"

# The same right, given by name to those that share the reason.
APP = Grant("ssm:GetParameter", "apps' parameters", "the app's configuration")
LIST = Grant("s3:ListBucket", "storage buckets", "S3 says 'no such key', and not 'access denied', only to who may list")
RECORD = (
    Grant(
        "dynamodb:GetItem dynamodb:Query dynamodb:UpdateItem", "the table", "lease, status, and what the run noted before"
    ),
    Grant("s3:GetObject s3:PutObject", "receipts", "the phase's receipt, chained to the one before"),
    Grant("s3:ListBucket", "the evidence bucket", "the number of the next receipt"),
)
HAND_OVER = Grant("dynamodb:PutItem", "the table", "the task that somebody else ends, and its token")
RUNNER_LEASE = Grant("dynamodb:PutItem", "the table", "how long a runner lives that is production, or is no more")
FRESHNESS = (
    Grant("s3:GetObject", "signal pointers", "signals: when the app last published"),
    Grant("s3:GetObject", "metadata of backups", "signals: how old the newest backup is"),
    Grant("kms:Decrypt", "keys of backups whose age is a signal", "their metadata, where an app names its kms_key"),
    Grant(
        "cloudwatch:DescribeAlarms",
        "alarms that signals name",
        "signals: AWS shows composite alarms only to who may see every alarm",
    ),
    Grant("cloudwatch:GetMetricStatistics", "metrics that signals name", "signals: CloudWatch has no narrower resource"),
    Grant("backup:ListBackupJobs", "AWS Backup's jobs", "signals: AWS Backup has no narrower resource"),
    Grant("dynamodb:Query", "AWS Health's events in the table", "signals: which of its services' events are open"),
)
DECRYPT = Grant("kms:Decrypt", "keys of backups", "backups are read, where an app names its kms_key")
RUNNERS = Grant("ec2:DescribeInstances", "everything", "runners are found by tags alone; EC2 has no narrower resource")
TERMINATE = Grant("ec2:TerminateInstances", "instances", "a runner that is no longer needed", "it is one of our runners")
RETAG = Grant("ec2:CreateTags", "instances", "a new expiry, or a held runner's new run", "it is one of our runners")
MOVE = Grant("s3:GetObject s3:PutObject", "promote pointers", "which site is production, by compare-and-swap")

FUNCTIONS: dict[str, tuple[Grant, ...]] = {
    "detect": (*RECORD, APP, LIST, *FRESHNESS),
    "plan": (
        *RECORD,
        APP,
        LIST,
        RUNNERS,
        RETAG,
        Grant("dynamodb:PutItem", "the table", "a new order and lease for a held runner"),
        Grant("s3:GetObject", "backups", "the backup's contract is verified before a machine is launched"),
        DECRYPT,
        Grant("states:SendTaskFailure", "everything", f"an incident preempts a drill; {NO_NARROWER}"),
        Grant("states:DescribeExecution", "its executions", "a run that was stopped holds up no other"),
        Grant("ec2:DescribeInstanceTypeOfferings", "everything", "preflight; EC2 has no narrower resource"),
    ),
    "launch": (
        *RECORD,
        APP,
        Grant("dynamodb:PutItem", "the table", "the runner's order and lease"),
        RUNNERS,
        TERMINATE,
        Grant("ec2:RunInstances", "what an instance is made of", "the runner, from our launch template"),
        Grant(
            "ec2:RunInstances",
            "instances",
            "the runner itself",
            "it is tagged as one of our runners and made from our launch template",
        ),
        Grant("ec2:CreateTags", "instances and volumes", "tags that guards go by", "it is being launched"),
        Grant("iam:PassRole", "the runner's role", "the instance profile of the launch template", "it is passed to EC2"),
        Grant("ssm:GetParameters", "the image parameter", "the launch template names its image by parameter"),
    ),
    "restore": (*RECORD, HAND_OVER),
    "validate": (*RECORD, HAND_OVER),
    "approve": (
        *RECORD,
        APP,
        HAND_OVER,
        Grant("sns:Publish", "the topic", "people hear that a decision is wanted; never its token"),
        Grant("states:SendTaskSuccess", "everything", f"a decision that came before a retry ends it; {NO_NARROWER}"),
    ),
    "promote": (*RECORD, APP, HAND_OVER, LIST, MOVE, RUNNERS, RETAG),
    "serve": (*RECORD, HAND_OVER, RETAG),
    "failback": (*RECORD, LIST, MOVE, RUNNER_LEASE, RETAG),
    "teardown": (
        *RECORD,
        LIST,
        MOVE,
        RUNNERS,
        TERMINATE,
        RUNNER_LEASE,
        RETAG,
        Grant("dynamodb:DeleteItem", "the table", "lease and pending tokens are given back"),
    ),
    "report": (
        *RECORD,
        Grant("kms:Sign kms:GetPublicKey", "the signing key", "the head of the evidence chain is signed"),
        Grant("sns:Publish", "the topic", "how the run ended"),
    ),
    "console": (
        APP,
        Grant("dynamodb:GetItem dynamodb:Query dynamodb:UpdateItem", "the table", "runs, approvals, decisions"),
        Grant("dynamodb:PutItem", "the table", "the agent's task to freeze"),
        RUNNERS,
        Grant("ssm:GetParametersByPath", "the apps' path", "GET /runs without an app"),
        Grant("states:StartExecution", "the state machine", "POST /runs: a person asks for a run"),
        Grant("states:SendTaskSuccess", "everything", f"a person's decision ends Approve; {NO_NARROWER}"),
        Grant(
            "states:DescribeExecution", "its executions", "a repeated POST /runs; whether a run without an outcome is over"
        ),
    ),
    "probe": (APP, LIST, *FRESHNESS),
    "arrive": (
        Grant("dynamodb:GetItem dynamodb:Query", "the table", "whether a run is at it already"),
        Grant("dynamodb:PutItem dynamodb:UpdateItem", "the table", "whose the incident is, and what each trigger last did"),
        Grant("states:StartExecution", "the state machine", "an alarm or a schedule asks for a run"),
        Grant("states:DescribeExecution", "its executions", "a run that was stopped holds up no other"),
        Grant("cloudwatch:DescribeAlarms", "its own alarms", "the watch: an alarm that stays, and nobody is at it"),
        Grant("sns:Publish", "the topic", "who decides hears that the app is healthy again"),
    ),
    "reap": (RUNNERS, TERMINATE),
}

RUNNER = (
    Grant("s3:GetObject", "the pinned artifacts", "k3s, its images and the agent's bundle, checked by digest at boot"),
    Grant("s3:GetObject", "backups", "the backup that is restored"),
    DECRYPT,
    Grant("s3:ListBucket", "storage buckets", LIST.why),
    Grant("s3:GetObject s3:PutObject", "receipts", "plan, ledger, checks and receipts of the phases the agent does"),
    Grant("s3:ListBucket", "the evidence bucket", "the number of the next receipt"),
    Grant("dynamodb:Query", "the table", "its order, tasks and lease, and nobody else's", "the partition is its own"),
    Grant(
        "states:SendTaskSuccess states:SendTaskFailure states:SendTaskHeartbeat", "everything", f"its answers; {NO_NARROWER}"
    ),
)


def statements(grants: tuple[Grant, ...], resources: Resources) -> Iterator[iam.PolicyStatement]:
    """A policy statement for each grant that has a resource in this deployment."""
    for grant in grants:
        if arns := resources.arns(grant.on):
            conditions = CONDITIONS[grant.only](resources)
            yield iam.PolicyStatement(actions=grant.actions.split(), resources=arns, conditions=conditions)
