"""What writing a backup needs of AWS, as a policy: for whoever runs ``relight backup`` and nothing else."""

from dataclasses import dataclass
from typing import Any

from relight.adapters.s3 import split


@dataclass(frozen=True, slots=True)
class Row:
    """``on``: ``backups``, the objects of the app's backups; ``bucket``, as far as their keys go."""

    action: str
    on: str
    why: str


WRITER = (
    Row("s3:PutObject", "backups", "the backup's objects, in parts too"),
    Row("s3:AbortMultipartUpload", "backups", "an upload that fails leaves nothing"),
    Row("s3:GetObject", "backups", "whether the backup is committed already, so that none is overwritten"),
    Row("s3:ListBucket", "bucket", "without it S3 answers 403, not 404, for a backup that is not there yet"),
)


def policy(storage: str) -> dict[str, Any]:
    """The least policy for the backups below ``storage`` (s3://bucket/prefix), as IAM's JSON document."""
    bucket, prefix = split(storage)
    below = "/".join(filter(None, (prefix.strip("/"), "backups/*")))
    objects = [row.action for row in WRITER if row.on == "backups"]
    listing = [row.action for row in WRITER if row.on == "bucket"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": objects, "Resource": f"arn:aws:s3:::{bucket}/{below}"},
            {"Effect": "Allow", "Action": listing, "Resource": f"arn:aws:s3:::{bucket}"},
        ],
    }
