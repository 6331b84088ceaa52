"""How an app's backups are to be kept, from its configuration and its bucket's."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from relight.adapters.buckets import BucketFacts, bucket_facts, locked_until
from relight.adapters.s3 import S3, Keeping
from relight.config import App, Retention
from relight.errors import BucketUnlockable

MODES: dict[str, Literal["GOVERNANCE", "COMPLIANCE"]] = {"governance": "GOVERNANCE", "compliance": "COMPLIANCE"}


def keeping_of(store: S3, app: App, at: datetime | None = None) -> Keeping:
    """What a backup that begins ``at`` (now) is written with. Raises BucketUnlockable, and what S3 raises."""
    key, kept = app.kms_key or "", app.retention
    if not kept.lock:
        return Keeping(kms_key=key)
    until = (at or datetime.now(UTC)) + timedelta(days=_days(kept, bucket_facts(store, app.storage)))
    return Keeping(kms_key=key, mode=MODES[kept.lock], until=until.replace(microsecond=0))


def _days(kept: Retention, bucket: BucketFacts) -> int:
    given = f"retention.lock {kept.lock!r}"
    if not bucket.lockable:
        fix = "enable Object Lock on the bucket (docs/backup.md), or leave lock out"
        raise BucketUnlockable(given, f"bucket {bucket.name} has no Object Lock", fix)
    if not (days := kept.lock_days or bucket.days):
        raise BucketUnlockable(given, f"for how long? bucket {bucket.name} has no default retention", "set lock_days")
    return days


def lock_of(store: S3, uri: str) -> datetime | None:
    """When the last of the backup's objects is unlocked; None where none is locked. The bucket must be lockable."""
    return max(filter(None, (locked_until(store, found.uri) for found in store.list(f"{uri}/"))), default=None)
