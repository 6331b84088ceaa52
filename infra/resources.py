"""What grants are on, by name: ARNs of a deployment's resources, and the conditions that narrow a grant further."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws

from infra.arns import (
    arn,
    asks,
    buckets,
    has_backup_age,
    keeper_arn,
    keys,
    locking,
    pointers,
    promoted,
    state_machine_arn,
    storage,
)
from infra.grant import CHECKED
from relight.config import Config
from relight.model import Tag


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
    escalation: str = ""
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
    "every backup's metadata": lambda r: storage(r.config.apps, "backups/*/metadata.json"),
    "backups": lambda r: storage(r.config.apps, "backups/*"),
    "keys of backups": lambda r: keys(r.config.apps),
    "keys of backups whose age is a signal": lambda r: keys(filter(has_backup_age, r.config.apps)),
    "apps' data keys": lambda r: [key for app in r.config.apps if app.encryption for key in app.encryption.readable],
    "storage buckets": lambda r: buckets(r.config.apps),
    "signal pointers": lambda r: pointers(r.config, "signals"),
    "promote pointers": lambda r: pointers(r.config, "promote"),
    "promote zones": lambda r: [
        f"arn:{Aws.PARTITION}:route53:::hostedzone/{one}" for one in promoted(r.config, "route53", "zone")
    ],
    "Route 53's changes": lambda r: (
        [f"arn:{Aws.PARTITION}:route53:::change/*"] if promoted(r.config, "route53", "zone") else []
    ),
    "promote parameters": lambda r: [
        arn("ssm", f"parameter/{one.lstrip('/')}") for one in promoted(r.config, "ssm", "parameter")
    ],
    "promote functions": lambda r: [arn("lambda", f"function:{one}") for one in promoted(r.config, "lambda", "function")],
    "roles to fence": lambda r: promoted(r.config, "fence_role", "role"),
    "kubeconfigs of primaries": lambda r: promoted(r.config, "fence_cronjobs", "kubeconfig"),
    "apps' parameters": lambda r: [arn("ssm", f"parameter/{r.config.name}/apps/*")],
    "the console's parameter": lambda r: [arn("ssm", f"parameter/{r.config.name}/console")],
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
    "the keeper's role": lambda r: [keeper_arn(r.config)],
    "buckets that lock": lambda r: buckets(locking(r.config)),
    "backups that are locked": lambda r: storage(locking(r.config), "backups/*"),
    "keys of seals": lambda r: [key for app in r.config.apps if app.encryption for key in app.encryption.kms_keys],
    "the topic": lambda r: [r.topic],
    "the topics": lambda r: [r.topic, r.escalation],
    "the deployment's parameter": lambda r: [arn("ssm", f"parameter/{r.config.name}/deployment")],
    "alarms that signals name": lambda r: ["*"] if asks(r.config, "alarm") else [],
    "metrics that signals name": lambda r: ["*"] if asks(r.config, "metric") else [],
    "AWS Backup's jobs": lambda r: ["*"] if asks(r.config, "aws_backup") else [],
    "AWS Health's events in the table": lambda r: [r.table] if asks(r.config, "aws_health") else [],
    "the signing key": lambda r: [r.signing_key],
    **CHECKED,
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
    "it is a record that an app names": lambda r: {
        "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
                one.replace("*", "\\052") for one in promoted(r.config, "route53", "record")
            ],
            "route53:ChangeResourceRecordSetsRecordTypes": promoted(r.config, "route53", "type"),
            "route53:ChangeResourceRecordSetsActions": ["CREATE", "DELETE"],
        }
    },
    "it is AWS's deny-all": lambda _: {"ArnEquals": {"iam:PolicyARN": f"arn:{Aws.PARTITION}:iam::aws:policy/AWSDenyAll"}},
    "it is passed to EC2": lambda _: {"StringEquals": {"iam:PassedToService": f"ec2.{Aws.URL_SUFFIX}"}},
    "it opens a backup of a sealed app": lambda r: {
        "StringEquals": {"kms:EncryptionContext:app": [app.name for app in r.config.apps if app.encryption]}
    },
    "the partition is its own": lambda _: {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:userid}"]}},
    "it says how it is itself": lambda _: {
        "ForAllValues:StringEquals": {
            "dynamodb:LeadingKeys": ["${aws:userid}"],
            "dynamodb:Attributes": ["pk", "sk", "vitals", "ttl"],
        }
    },
}
