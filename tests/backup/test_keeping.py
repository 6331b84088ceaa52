"""Backups under Object Lock and a KMS key: asked for as configured, refused in time, spared when others go."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from relight.adapters.s3 import S3
from relight.backup.catalog import list_backups, select
from relight.backup.keeping import keeping_of, lock_of
from relight.backup.retention import judge, spare_locked
from relight.backup.upload import Sender
from relight.backup.writer import write_backup
from relight.config import App, Retention, Signal, Validator
from relight.errors import BucketUnlockable, KmsKeyUnusable, NoUsableBackup
from tests.backup.conftest import source
from tests.support import memory_aws, own_clients

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-1111-1111-111111111111"
NAMES = ("manifests.tar.zst", "metadata.json", "state.frames.json", "state.tar.zst")
STORAGE = "s3://locked-backups/shop"
URI = f"{STORAGE}/backups/2026-11-23"


@pytest.fixture
def locked() -> Iterator[S3]:
    with own_clients(), memory_aws():
        boto3.client("s3").create_bucket(Bucket="locked-backups", ObjectLockEnabledForBucket=True)
        yield S3()


def app(storage: str = STORAGE, kms_key: str | None = None, **retention: Any) -> App:
    return App(
        name="shop",
        namespace="shop",
        storage=storage,
        signals=(Signal(name="age", kind="backup_age"),),
        validators=(Validator(name="ready", kind="ready"),),
        retention=Retention(**retention),
        kms_key=kms_key,
    )


def test_every_object_is_locked_and_under_the_key(locked: S3, volume: Path) -> None:
    chosen = app(lock="governance", lock_days=30, kms_key=KEY)
    write_backup(locked, URI, source({("shop", "data"): volume}), Sender(locked, keeping_of(locked, chosen)))
    found = [locked.head(one.uri) for one in locked.list(URI)]
    assert [one.uri.rpartition("/")[2] for one in found if one] == list(NAMES)
    assert {one.kms_key for one in found if one} == {KEY}
    (until,) = {one.locked_until for one in found if one}
    assert until and timedelta(days=29) < until - datetime.now(UTC) <= timedelta(days=30)


def test_without_days_the_buckets_default_says_how_long(locked: S3) -> None:
    with pytest.raises(BucketUnlockable, match="for how long.*set lock_days"):  # noqa: RUF043
        keeping_of(locked, app(lock="compliance"))
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}
    boto3.client("s3").put_object_lock_configuration(
        Bucket="locked-backups",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},  # type: ignore[typeddict-item]
    )
    at = datetime(2026, 11, 23, tzinfo=UTC)
    keeping = keeping_of(locked, app(lock="compliance"), at)
    assert (keeping.mode, keeping.until) == ("COMPLIANCE", at + timedelta(days=3))


def test_a_bucket_that_locks_nothing_is_refused_before_anything_is_written(locked: S3) -> None:
    boto3.client("s3").create_bucket(Bucket="plain-backups")
    with pytest.raises(BucketUnlockable, match="bucket plain-backups has no Object Lock; enable"):
        keeping_of(locked, app("s3://plain-backups/shop", lock="governance", lock_days=1))


def test_what_a_lock_holds_is_kept_and_says_until_when(locked: S3, volume: Path) -> None:
    keeping = keeping_of(locked, app(lock="governance", lock_days=30))
    write_backup(locked, URI, source({("shop", "data"): volume}), Sender(locked, keeping))
    (found,) = list_backups(locked, STORAGE)
    gone = [replace(one, kept=False, why="no rule keeps it") for one in judge([found], Retention(), (), datetime.now(UTC))]
    (fate,) = spare_locked(locked, gone)
    assert keeping.until and lock_of(locked, URI) == keeping.until
    assert fate.kept and fate.why == f"locked until {keeping.until:%Y-%m-%dT%H:%M:%SZ}; no rule keeps it"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("KMS.DisabledException", "the key is disabled"),
        ("AccessDenied", f"User: arn:aws:iam::1:role/plan is not authorized to perform: kms:Decrypt on resource: {KEY}"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_before_anything_is_launched(
    locked: S3, volume: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    write_backup(locked, URI, source({("shop", "data"): volume}))

    def refuse(**_: Any) -> Any:
        answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(answer, "GetObject")  # type: ignore[arg-type]

    monkeypatch.setattr(locked.client, "get_object", refuse)
    with pytest.raises(KmsKeyUnusable, match="its KMS key cannot be used"):
        locked.get(f"{URI}/metadata.json")
    (found,) = list_backups(locked, STORAGE)
    assert message in found.problem
    with pytest.raises(NoUsableBackup, match="its KMS key cannot be used"):
        select(locked, STORAGE)
