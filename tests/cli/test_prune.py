"""``relight backup prune``: it says what may go and why, and changes nothing until it is told to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from relight.adapters.parts import Uploads
from relight.adapters.s3 import S3, split
from relight.backup.writer import BackupSource, write_backup
from relight.errors import AccessDenied
from relight.model import timestamp
from tests.cli.conftest import Terminal
from tests.cli.stub import Stub

ROOT = "s3://relight-sample/sample/backups"


@pytest.fixture
def old_backups(api: Stub) -> None:
    """Forty backups, one a hundred days; a run has proven the oldest."""
    boto3.client("s3").create_bucket(
        Bucket="relight-sample", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    for number in range(40):
        made = timestamp(datetime.now(UTC) - timedelta(days=100 * number))
        source = BackupSource(
            backup_id=f"b{number:02}", app="sample", namespace="sample", created_at=made, manifests=[], volumes={}
        )
        write_backup(S3(), f"{ROOT}/b{number:02}", source)
    api.on(
        "GET /apps/sample/backups",
        {"entries": [{"backup_id": "b39", "proven_by": "drill-1"}, {"backup_id": "b38", "proven_by": None}]},
    )


def there() -> set[str]:
    return {found.uri.split("/")[-2] for found in S3().list(ROOT)}


@pytest.mark.usefixtures("old_backups")
def test_what_may_go_is_shown_first_and_goes_when_told_but_never_the_last_proven(terminal: Terminal) -> None:
    shown = terminal("backup", "prune")
    assert shown.status == 0 and "may go" in shown.out and "relight backup prune --delete" in shown.out
    assert len(there()) == 40
    document = terminal("backup", "prune", "--delete", "-o", "json").document
    kept = {fate["backup"]["backup_id"] for fate in document["fates"] if fate["kept"]}
    assert there() == kept and "b39" in kept and "b38" not in kept
    assert "nothing may go" in terminal("backup", "prune").out


@pytest.mark.usefixtures("old_backups")
def test_nothing_goes_where_it_cannot_be_said_what_was_proven(terminal: Terminal, api: Stub) -> None:
    api.refuse("GET /apps/sample/backups", 403, "NotPermitted", "no")
    said = terminal("backup", "prune", "--delete")
    assert said.status == 2 and len(there()) == 40


@pytest.mark.usefixtures("old_backups")
def test_one_that_may_not_be_deleted_holds_up_no_other_and_is_not_called_deleted(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, really = there(), S3.delete

    def delete(self: S3, uri: str) -> None:
        if "/b20/" in uri:
            raise AccessDenied(f"delete {uri}: not allowed")
        really(self, uri)

    monkeypatch.setattr(S3, "delete", delete)
    said = terminal("backup", "prune", "--delete")
    assert said.status == 1 and "not deleted" in said.out and "b20" in there()
    gone = before - there()
    assert {"b19", "b21"} <= gone and f"{len(gone)} backups" in said.out
    (row,) = [line for line in said.out.splitlines() if line.startswith("b20 ")]
    assert "refused" in row and "kept" not in row


@pytest.fixture
def uploads(api: Stub, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two uploads of a backup; to what is asked, the one began two days ago and the other an hour later."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="relight-sample", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    api.on("GET /apps/sample/backups", {"entries": []})
    keys = [f"sample/backups/{name}/state.tar.zst" for name in ("old", "young")]
    began = dict(zip(keys, (datetime.now(UTC) - timedelta(hours=hours) for hours in (48, 47)), strict=True))
    for key in keys:
        s3.create_multipart_upload(Bucket="relight-sample", Key=key)
    really = Uploads.below
    told = lambda self, uri: (replace(one, begun=began[split(one.uri)[1]]) for one in really(self, uri))  # noqa: E731
    monkeypatch.setattr(Uploads, "below", told)
    return keys


def open_now() -> list[str]:
    return [split(one.uri)[1] for one in Uploads(S3()).below(ROOT)]


def test_uploads_of_two_days_ago_are_shown_and_swept_when_told_and_younger_ones_stay(
    terminal: Terminal, uploads: list[str]
) -> None:
    shown = terminal("backup", "prune")
    assert "1 upload begun two days ago or more and never finished: sweep them: relight backup prune --delete" in shown.out
    assert sorted(open_now()) == uploads
    swept = terminal("backup", "prune", "--delete")
    assert swept.status == 0 and "never finished: swept" in swept.out and open_now() == uploads[1:]


def test_an_upload_that_may_not_be_ended_is_not_called_swept(
    terminal: Terminal, uploads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Uploads, "abort", lambda *_: None)  # as one that S3 refuses
    said = terminal("backup", "prune", "--delete")
    assert said.status == 1 and "1 could not be swept: that needs s3:AbortMultipartUpload" in said.out
    assert sorted(open_now()) == uploads
