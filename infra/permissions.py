"""``python -m infra.permissions``: docs/permissions.md, printed from the table that the roles are made of."""

from collections.abc import Iterable, Iterator

from infra import node  # noqa: F401  # before aws_cdk
from infra.functions import SPECS
from infra.grant import Grant
from infra.grants import FUNCTIONS, KEEPER, RUNNER

HEAD = """# Permissions

Made by `python -m infra.permissions > docs/permissions.md` from `infra/grants.py`, the table that the roles are made of; a
test holds the two together. Every function has a role of its own, and so has the runner.

## What a person needs

| to | needs |
|---|---|
| deploy | what the CDK CLI needs: to assume the roles of `cdk bootstrap` |
| use the CLI | `ssm:GetParameter` on `parameter/<name>/deployment` and `parameter/<name>/apps/*` |
| see runs | `execute-api:Invoke` on `<api>/*/GET/*` |
| check readiness | `lambda:InvokeFunction` on `function:<name>-check` |
| start runs, fail back | `execute-api:Invoke` on `<api>/*/POST/runs`, and below `<api>/*/POST/runs/*/` on `failback`, |
| | `restored` and `unfreeze` |
| approve, reject | `execute-api:Invoke` on `<api>/*/POST/runs/*/approve` and `<api>/*/POST/runs/*/reject` |
| open the pages, as viewer, operator or approver | `execute-api:Invoke` on `<api>/*/POST/sign-in/<role>` |
| ask again after an expiry | `execute-api:Invoke` on `<api>/*/POST/runs/*/request` |
| see triggers | `events:DescribeRule`, `scheduler:GetSchedule`, `cloudwatch:DescribeAlarms` |
| arm, disarm | these, and `events:EnableRule`, `events:DisableRule`, `scheduler:UpdateSchedule`, |
| | and `iam:PassRole` on the scheduler's role |
| back up | on the app's bucket `s3:ListBucket`, on its `backups/*` `s3:GetObject` and `s3:PutObject` |
| resume a backup | also `s3:ListBucketMultipartUploads`, `s3:ListMultipartUploadParts`, `s3:AbortMultipartUpload` |
| lock backups | also `s3:GetBucketVersioning`, `s3:GetBucketObjectLockConfiguration`, `s3:PutObjectRetention` |
| back up under `kms_key` | also `kms:GenerateDataKey` and, as S3 asks it for uploads in parts, `kms:Decrypt` on that key |
| verify, get, list backups | `s3:ListBucket`, `s3:GetObject`, and `kms:Decrypt` on the app's `kms_key` |
| list backups with what broke off | also `s3:ListBucketMultipartUploads` |
| prune | `s3:ListBucket`, `s3:GetObject`, `s3:DeleteObject`, `s3:GetObjectRetention`, `s3:GetBucketVersioning`, |
| | `s3:GetBucketObjectLockConfiguration`, `s3:ListBucketMultipartUploads`, `s3:AbortMultipartUpload` |
| read evidence | `s3:GetObject` and `s3:ListBucket` on the evidence bucket, `kms:GetPublicKey` on its key |

Give starting and approving to different people: a run's initiator may not approve it, unless break-glass is stated, and that
is reported. Nobody needs `states:SendTaskSuccess`: who has it can end any callback whose token they know.

Where an app names its `kms_key`, the roles that read its backups (Plan and the runner; Detect and Probe where the backup's
age is a signal) may `kms:Decrypt` with exactly that key. Its key policy must leave that to IAM, as the default one does, or
name them. An app's bucket whose other objects are encrypted with a KMS key of yours: allow `kms:Decrypt` in that key's
policy to the roles of Detect, Plan, Probe, Promote, Failback, Teardown and the runner, and `kms:GenerateDataKey` to those
that move pointers.
"""


def page() -> str:
    """The whole page."""
    runner = section(
        "The runner", "the instance profile; nothing else on the instance has rights, pods do not reach it", RUNNER
    )
    keeper = section(
        "The keeper",
        "the role whose keys, for an hour and one app, Serve and tend hand to a runner that is production; nobody else may",
        KEEPER,
    )
    return "\n".join([HEAD, "## Functions", "", *functions(), *runner, *keeper]).rstrip() + "\n"


def functions() -> Iterator[str]:
    for name, spec in SPECS.items():
        yield from section(name, spec.does, FUNCTIONS[name])


def section(title: str, does: str, grants: Iterable[Grant]) -> Iterator[str]:
    yield from (f"### {title}", f"{does[0].upper()}{does[1:]}.", "", "| may | on | only if | because |", "|---|---|---|---|")
    for grant in grants:
        actions = ", ".join(f"`{action}`" for action in grant.actions.split())
        yield f"| {actions} | {grant.on} | {grant.only or '-'} | {grant.why} |"
    yield ""


if __name__ == "__main__":
    print(page(), end="")
