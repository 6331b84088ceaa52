"""What writing an app's backups needs of AWS, as a policy: for whoever runs ``relight backup`` and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from relight.adapters.s3 import split
from relight.config import App


@dataclass(frozen=True, slots=True)
class Row:
    """``on``: a name of RESOURCES; a row whose resources the app has none of is no part of its policy."""

    actions: str
    on: str
    why: str


WRITER = (
    Row("s3:PutObject", "backups", "the backup's objects, in parts too"),
    Row("s3:GetObject", "backups", "whether the backup is committed already, so that none is overwritten"),
    Row("s3:ListBucket", "bucket", "without it S3 answers 403, not 404, for a backup that is not there yet"),
    Row("s3:GetBucketVersioning s3:GetBucketObjectLockConfiguration", "locked bucket", "whether it can lock, for how long"),
    Row("s3:PutObjectRetention", "locked backups", "each object is written under its lock"),
    Row("kms:GenerateDataKey kms:Decrypt", "key of S3", "S3 encrypts with it; Decrypt for uploads in parts"),
    Row("kms:Encrypt", "keys of seals", "the data key of a sealed backup is wrapped for each"),
)


def _bucket(app: App) -> list[str]:
    return [f"arn:aws:s3:::{split(app.storage)[0]}"]


def _backups(app: App) -> list[str]:
    bucket, prefix = split(app.storage)
    return [f"arn:aws:s3:::{'/'.join(filter(None, (bucket, prefix.strip('/'), 'backups/*')))}"]


RESOURCES: dict[str, Callable[[App], list[str]]] = {
    "backups": _backups,
    "bucket": _bucket,
    "locked bucket": lambda app: _bucket(app) if app.retention.lock else [],
    "locked backups": lambda app: _backups(app) if app.retention.lock else [],
    "key of S3": lambda app: [app.kms_key] if app.kms_key else [],
    "keys of seals": lambda app: list(app.encryption.kms_keys) if app.encryption else [],
}


def policy(app: App) -> dict[str, Any]:
    """The least policy for writing the app's backups, as IAM's JSON document."""
    rows = [(row.actions.split(), RESOURCES[row.on](app)) for row in WRITER]
    statements = [{"Effect": "Allow", "Action": actions, "Resource": on} for actions, on in rows if on]
    return {"Version": "2012-10-17", "Statement": statements}
