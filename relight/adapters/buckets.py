"""How a bucket keeps what is in it: versions, and Object Lock."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from relight.adapters.aws import error_code, translated
from relight.adapters.s3 import S3, split

NONE = "ObjectLockConfigurationNotFoundError"
UNLOCKED = {"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"}
YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFacts:
    """``days``: how long the bucket's default locks each object, 0 without one; ``mode`` of that default."""

    name: str
    versioned: bool
    lockable: bool
    mode: str = ""
    days: int = 0


def bucket_facts(store: S3, uri: str) -> BucketFacts:
    """Of the bucket that ``uri`` lies in. Raises AccessDenied, ObjectNotFound for no such bucket, and what S3 raises."""
    bucket, _ = split(uri)
    with translated(f"ask how bucket {bucket} keeps versions"):
        versioned = store.client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
    found = _lock_of(store, bucket)
    rule = found.get("Rule", {}).get("DefaultRetention", {})
    return BucketFacts(
        name=bucket,
        versioned=versioned,
        lockable=found.get("ObjectLockEnabled") == "Enabled",
        mode=rule.get("Mode", ""),
        days=rule.get("Days") or YEAR * (rule.get("Years") or 0),
    )


def tells_eventbridge(store: S3, uri: str) -> bool:
    """Whether the bucket that ``uri`` lies in sends its events to EventBridge. Raises AccessDenied, and what S3 raises."""
    bucket, _ = split(uri)
    with translated(f"ask where bucket {bucket} sends its events"):
        return "EventBridgeConfiguration" in store.client.get_bucket_notification_configuration(Bucket=bucket)


def _lock_of(store: S3, bucket: str) -> dict[str, Any]:
    with translated(f"ask for the Object Lock of bucket {bucket}"):
        try:
            answer = store.client.get_object_lock_configuration(Bucket=bucket)
        except ClientError as error:
            if error_code(error) == NONE:
                return {}
            raise
    return dict(answer.get("ObjectLockConfiguration", {}))


def locked_until(store: S3, uri: str) -> datetime | None:
    """When the lock of the object ends, None for no lock; the bucket must be lockable.

    Raises AccessDenied where the caller may not know: then ``head`` is silent too.
    """
    found = store.head(uri)
    if found is None or found.locked_until:
        return found.locked_until if found else None
    bucket, key = split(uri)
    with translated(f"ask for the lock of {uri}"):
        try:
            return store.client.get_object_retention(Bucket=bucket, Key=key)["Retention"].get("RetainUntilDate")
        except ClientError as error:
            if error_code(error) in UNLOCKED:
                return None
            raise
