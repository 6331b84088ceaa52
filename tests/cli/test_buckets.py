"""``relight doctor`` on the buckets of backups, and ``relight backups`` on what broke off in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from relight.backup.upload import Tally
from relight.cli.backups import broken_off
from relight.errors import AccessDenied
from tests.cli.conftest import Terminal

NAME = "relight-sample"
KEY = "sample/backups/b1/state.tar.zst"
LOCKED = '\n[apps.retention]\nlock = "governance"\nlock_days = 30\n'

pytestmark = pytest.mark.usefixtures("api")


def make(**fields: Any) -> Any:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}, **fields)
    return s3


def versioned() -> None:
    make().put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})


def locked() -> None:
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
    about = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    make(ObjectLockEnabledForBucket=True).put_object_lock_configuration(Bucket=NAME, ObjectLockConfiguration=about)


def bucket_line(terminal: Terminal) -> dict[str, str]:
    findings = terminal("doctor", "-o", "json").document["findings"]
    return next(finding for finding in findings if finding["check"] == "backups of sample")


@pytest.mark.parametrize(
    ("bucket", "state", "said"),
    [
        (make, "warning", "not versioned: what is deleted or overwritten there is gone; no Object Lock"),
        (versioned, "ok", "versioned; no Object Lock"),
        (locked, "ok", "versioned; Object Lock, each object 30 days in COMPLIANCE mode"),
        (lambda: None, "failed", "NoSuchBucket"),
    ],
    ids=["neither", "versioned", "locked", "not there"],
)
def test_doctor_says_how_the_bucket_keeps_what_is_in_it(
    terminal: Terminal, bucket: Callable[[], object], state: str, said: str
) -> None:
    bucket()
    found = bucket_line(terminal)
    assert found["state"] == state and said in found["detail"]
    assert bool(found["fix"]) == (state != "ok")


def test_doctor_that_may_not_ask_says_so_and_claims_nothing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AccessDenied("ask how bucket relight-sample keeps versions: not allowed; allow s3:GetBucketVersioning")

    monkeypatch.setattr("relight.cli.doctor.bucket_facts", refuse)
    found = bucket_line(terminal)
    assert (
        found["state"] == "warning" and "not allowed" in found["detail"] and found["fix"] == "allow s3:GetBucketVersioning"
    )


def test_doctor_finds_that_no_backup_can_be_locked_in_a_bucket_without_object_lock(terminal: Terminal) -> None:
    versioned()
    toml = Path("relight.toml")
    toml.write_text(toml.read_text() + LOCKED)
    found = bucket_line(terminal)
    assert found["state"] == "failed" and "R230" in found["detail"] and "enable Object Lock" in found["fix"]


def test_what_broke_off_is_listed_with_the_way_on(terminal: Terminal) -> None:
    make().create_multipart_upload(Bucket=NAME, Key=KEY)
    said = terminal("backups")
    assert said.status == 0 and "not finished: b1" in said.out
    assert "relight backup --app sample --resume --backup-id b1" in said.out
    assert [one["backup_id"] for one in terminal("backups", "-o", "json").document["unfinished"]] == ["b1"]


def test_backups_are_listed_also_where_uploads_may_not_be(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    make()

    def refuse(*_: object) -> None:
        raise AccessDenied("list the uploads: not allowed")

    monkeypatch.setattr("relight.cli.listing.unfinished", refuse)
    said = terminal("backups")
    assert said.status == 0 and "whether one broke off cannot be said: list the uploads: not allowed" in said.out


def test_who_goes_on_as_told_backs_up_the_same_directories() -> None:
    said = broken_off("shop", "b1", Tally(sent=[10]), ["data=/mnt/my data"])
    assert said.endswith("relight backup --app shop --resume --backup-id b1 --volume 'data=/mnt/my data'")
    assert broken_off("shop", "b1", Tally(sent=[10])).endswith("--backup-id b1")


def events_line(terminal: Terminal) -> dict[str, str]:
    findings = terminal("doctor", "-o", "json").document["findings"]
    return next(finding for finding in findings if finding["check"] == "events of sample")


def test_doctor_says_whether_a_new_backup_is_told_of_and_how_to_have_it_told(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    found = events_line(terminal)
    assert found["state"] == "warning" and "noticed up to an hour late" in found["detail"]
    assert "put-bucket-notification-configuration --bucket relight-sample" in found["fix"]
    monkeypatch.setattr("relight.cli.watching.tells_eventbridge", lambda *_: True)  # moto keeps it, and does not tell
    assert events_line(terminal)["state"] == "ok"


def test_doctor_that_may_not_ask_where_events_go_claims_nothing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bool:
        raise AccessDenied("ask where bucket b sends its events: AWS refused it; grant this action")

    make()
    monkeypatch.setattr("relight.cli.watching.tells_eventbridge", refuse)
    found = events_line(terminal)
    assert (found["state"], found["fix"]) == ("warning", "grant this action") and "AWS refused it" in found["detail"]
