"""Who may do what, and why: one table for functions and runner. docs/permissions.md is printed from it."""

from collections.abc import Iterator

from aws_cdk import aws_iam as iam

from infra.grant import ARMED, CHECK, Grant
from infra.resources import CONDITIONS, Resources

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
OPEN = Grant("kms:Decrypt", "apps' data keys", "the data key of a sealed backup", "it opens a backup of a sealed app")
TELL = (
    Grant("sns:Publish", "the topics", "people hear what became of a run and what is wanted of them; never a token"),
    Grant("ssm:GetParameter", "the deployment's parameter", "where the run's page is that a message links to"),
)
STILL = (
    Grant("s3:GetObject", "every backup's metadata", "whether the backup is still the one that was approved"),
    DECRYPT,
)
KEYS = Grant("sts:AssumeRole", "the keeper's role", "keys for an app's backups, for a runner that is production")
RUNNERS = Grant("ec2:DescribeInstances", "everything", "runners are found by tags alone; EC2 has no narrower resource")
TERMINATE = Grant("ec2:TerminateInstances", "instances", "a runner that is no longer needed", "it is one of our runners")
RETAG = Grant("ec2:CreateTags", "instances", "a new expiry, or a held runner's new run", "it is one of our runners")
MOVE = Grant("s3:GetObject s3:PutObject", "promote pointers", "which site is production, by compare-and-swap")
LOOK = (
    Grant("route53:ListResourceRecordSets", "promote zones", "what a record says before and after it is moved"),
    Grant("ssm:GetParameter", "promote parameters", "what a parameter says before and after it is moved"),
    Grant("iam:ListAttachedRolePolicies", "roles to fence", "whether the old primary's role is denied everything"),
)
# Whoever promotes, and whoever takes it back.
ACT = (
    MOVE,
    *LOOK,
    Grant(
        "route53:ChangeResourceRecordSets",
        "promote zones",
        "a record that clients follow",
        "it is a record that an app names",
    ),
    Grant("route53:GetChange", "Route 53's changes", "whether a change is everywhere"),
    Grant("ssm:PutParameter", "promote parameters", "a value that production goes by"),
    Grant("lambda:InvokeFunction", "promote functions", "the app's own part in a promotion"),
    Grant("iam:AttachRolePolicy iam:DetachRolePolicy", "roles to fence", "the old primary's role", "it is AWS's deny-all"),
    Grant("secretsmanager:GetSecretValue", "kubeconfigs of primaries", "the old primary's CronJobs are suspended by it"),
)

FUNCTIONS: dict[str, tuple[Grant, ...]] = {
    "detect": (*RECORD, APP, LIST, *FRESHNESS),
    "plan": (
        *RECORD,
        APP,
        LIST,
        RUNNERS,
        RETAG,
        Grant("dynamodb:PutItem", "the table", "a new order and lease for a held runner"),
        OPEN,
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
        LIST,
        Grant("s3:GetObject", "promote pointers", "what a promotion would change, before anybody decides"),
        *LOOK,
        *TELL,
        Grant("states:SendTaskSuccess", "everything", f"a decision that came before a retry ends it; {NO_NARROWER}"),
    ),
    "promote": (*RECORD, APP, HAND_OVER, LIST, *ACT, RUNNERS, RETAG, *STILL),
    "serve": (*RECORD, APP, HAND_OVER, RETAG, KEYS, *TELL),
    "failback": (*RECORD, APP, LIST, *ACT, RUNNER_LEASE, RETAG, *FRESHNESS),
    "teardown": (
        *RECORD,
        LIST,
        *ACT,
        RUNNERS,
        TERMINATE,
        RUNNER_LEASE,
        RETAG,
        Grant("dynamodb:DeleteItem", "the table", "lease and pending tokens are given back"),
    ),
    "report": (
        *RECORD,
        Grant("kms:Sign kms:GetPublicKey", "the signing key", "the head of the evidence chain is signed"),
        *TELL,
    ),
    "console": (
        APP,
        Grant("ssm:GetParameter", "the console's parameter", "who has which role, and where people sign in"),
        Grant("dynamodb:GetItem dynamodb:Query dynamodb:UpdateItem", "the table", "runs, approvals, decisions, sign-ins"),
        Grant("dynamodb:BatchGetItem", "the table", "a page of the list of runs"),
        Grant("dynamodb:PutItem", "the table", "the agent's task to freeze, and who asked for it; sign-ins"),
        Grant("s3:GetObject", "promote pointers", "failback: whether somebody else moved one"),
        Grant("s3:GetObject", "signal pointers", "failback: what was published since the promotion"),
        RUNNERS,
        Grant("ssm:GetParametersByPath", "the apps' path", "GET /runs without an app, and the page of the apps"),
        Grant("s3:GetObject", "receipts", "readiness, plans, checks, ledgers: what is decided on, and what pages link to"),
        LIST,
        *STILL,
        *TELL,
        Grant("s3:ListBucket", "the evidence bucket", LIST.why),
        Grant("cloudwatch:DescribeAlarms", "everything", "the apps' health on their page; as for the watch"),
        ARMED,
        Grant("scheduler:GetSchedule", "the schedules", "whether drills are"),
        Grant("states:StartExecution", "the state machine", "POST /runs: a person asks for a run"),
        Grant("states:SendTaskSuccess", "everything", f"a person's decision ends Approve; {NO_NARROWER}"),
        Grant("states:SendTaskFailure", "everything", f"a run whose runner died is not waited for; {NO_NARROWER}"),
        Grant(
            "states:DescribeExecution", "its executions", "a repeated POST /runs; whether a run without an outcome is over"
        ),
    ),
    "check": (APP, LIST, DECRYPT, OPEN, *CHECK),
    "catalog": (
        APP,
        LIST,
        Grant("ssm:GetParametersByPath", "the apps' path", "which apps a new backup belongs to"),
        Grant("s3:GetObject", "backups", "every byte of a backup is proven"),
        DECRYPT,
        OPEN,
        Grant("dynamodb:GetItem dynamodb:Query dynamodb:UpdateItem", "the table", "entries and marks of the catalog"),
        Grant("dynamodb:DeleteItem", "the table", "a mark that names no backup any more"),
        Grant("events:DescribeRule", "the alarms' rules", "whether an app is armed that no drill has proven"),
    ),
    "probe": (APP, LIST, *FRESHNESS),
    "arrive": (
        Grant("dynamodb:GetItem dynamodb:Query", "the table", "whether a run is at it already"),
        Grant("dynamodb:PutItem dynamodb:UpdateItem", "the table", "whose the incident is, and what each trigger last did"),
        Grant("states:StartExecution", "the state machine", "an alarm or a schedule asks for a run"),
        Grant("states:DescribeExecution", "its executions", "a run that was stopped holds up no other"),
        Grant(
            "cloudwatch:DescribeAlarms",
            "everything",
            "the watch: an alarm that stays, and nobody is at it; CloudWatch asks for the right to see them all",
        ),
        *TELL,
    ),
    "reap": (RUNNERS, TERMINATE),
    "tend": (
        APP,
        Grant("dynamodb:GetItem dynamodb:UpdateItem", "the table", "who is production, how it says it is, its lease"),
        Grant("dynamodb:PutItem", "the table", "how long it lives, its keys, and what people were told of it"),
        RUNNERS,
        RETAG,
        KEYS,
        *TELL,
    ),
}

RUNNER = (
    Grant("s3:GetObject", "the pinned artifacts", "k3s, its images and the agent's bundle, checked by digest at boot"),
    Grant("s3:GetObject", "backups", "the backup that is restored"),
    DECRYPT,
    OPEN,
    Grant("s3:ListBucket", "storage buckets", LIST.why),
    Grant("s3:GetObject s3:PutObject", "receipts", "plan, ledger, checks and receipts of the phases the agent does"),
    Grant("s3:ListBucket", "the evidence bucket", "the number of the next receipt"),
    Grant("dynamodb:Query", "the table", "its order, tasks and lease, and nobody else's", "the partition is its own"),
    Grant("dynamodb:UpdateItem", "the table", "how it is, while it is production", "it says how it is itself"),
    Grant(
        "states:SendTaskSuccess states:SendTaskFailure states:SendTaskHeartbeat", "everything", f"its answers; {NO_NARROWER}"
    ),
)

# What writes the backups of an app while it runs on a runner. Taken for an hour at a time, narrowed to the one app.
KEEPER = (
    Grant("s3:GetObject s3:PutObject", "backups", "the backup's objects, each written once"),
    Grant("s3:ListBucket", "storage buckets", LIST.why),
    Grant(
        "s3:GetBucketVersioning s3:GetBucketObjectLockConfiguration",
        "buckets that lock",
        "whether it can lock, for how long",
    ),
    Grant("s3:PutObjectRetention", "backups that are locked", "each object is written under its lock"),
    Grant("kms:GenerateDataKey kms:Decrypt", "keys of backups", "S3 encrypts with it; Decrypt for uploads in parts"),
    Grant("kms:Encrypt", "keys of seals", "the data key of a sealed backup is wrapped for each"),
)


def statements(grants: tuple[Grant, ...], resources: Resources) -> Iterator[iam.PolicyStatement]:
    """A policy statement for each grant that has a resource in this deployment."""
    for grant in grants:
        if arns := resources.arns(grant.on):
            conditions = CONDITIONS[grant.only](resources)
            yield iam.PolicyStatement(actions=grant.actions.split(), resources=arns, conditions=conditions)
