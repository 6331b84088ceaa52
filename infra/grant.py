"""A grant, as the table of ``infra.grants`` lists them; and what the readiness check reads, which is long."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws

from infra.arns import arn


@dataclass(frozen=True, slots=True)
class Grant:
    """``actions`` (separated by spaces) on the resources that ``on`` names, ``only`` under the condition of that name."""

    actions: str
    on: str
    why: str
    only: str = ""


CHECKED: dict[str, Callable[[Any], list[str]]] = {
    "readiness documents": lambda r: [f"{r.evidence}/*/readiness/*"],
    "the permissions' path": lambda r: [arn("ssm", f"parameter/{r.config.name}/permissions{end}") for end in ("", "/")],
    "the roles": lambda r: [f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{r.config.name}-*"],
    "the vCPU quota": lambda _: [arn("servicequotas", "ec2/L-1216C47A")],
    "the dead-letter queue": lambda r: [arn("sqs", f"{r.config.name}-dead-letters")],
    "the alarms' rules": lambda r: [arn("events", f"rule/{r.config.name}-*")],
    "the schedules": lambda r: [arn("scheduler", f"schedule/default/{r.config.name}-*")],
    "image repositories": lambda _: [f"arn:{Aws.PARTITION}:ecr:{Aws.REGION}:*:repository/*"],
}
ARMED = Grant("events:DescribeRule events:ListTagsForResource", "the alarms' rules", "whether the app is armed, and by whom")
CHECK = (
    Grant("ssm:GetParametersByPath", "the permissions' path", "what each role needs, as it was deployed"),
    Grant("iam:SimulatePrincipalPolicy", "the roles", "whether each role may do what it needs; nothing is called"),
    Grant("servicequotas:GetServiceQuota", "the vCPU quota", "whether the account may run another instance"),
    Grant("servicequotas:GetAWSDefaultServiceQuota", "everything", "the same, in an account that never changed it"),
    Grant("ec2:DescribeInstances", "everything", "vCPUs in use; EC2 has no narrower resource"),
    Grant(
        "ec2:DescribeInstanceTypeOfferings ec2:DescribeSubnets ec2:DescribeLaunchTemplateVersions",
        "everything",
        "what each zone offers, and what a runner boots; EC2 has no narrower resource",
    ),
    Grant("s3:GetObject", "the pinned artifacts", "their digests are those that the launch template names"),
    Grant("s3:GetObject", "backups", "the backup that an incident would take, and its manifests"),
    Grant("ecr:BatchGetImage", "image repositories", "whether the app's images are there; they may be of any account"),
    Grant("dynamodb:GetItem dynamodb:Query", "the table", "the lease, the catalog, and when a drill last passed"),
    ARMED,
    Grant("s3:GetBucketNotification", "storage buckets", "whether a new backup is told of"),
    Grant("scheduler:GetSchedule", "the schedules", "whether drills are"),
    Grant("sns:ListSubscriptionsByTopic", "the topic", "whether anybody hears"),
    Grant("sqs:GetQueueUrl sqs:GetQueueAttributes", "the dead-letter queue", "whether something could not be started"),
    Grant("s3:GetObject s3:PutObject", "readiness documents", "what it found, for people and for the report"),
    Grant("s3:ListBucket", "the evidence bucket", "S3 says 'no such key', and not 'access denied', only to who may list"),
)
