"""``relight backup prune``: it says what may go and why, and changes nothing until it is told to."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from relight.adapters.s3 import S3
from relight.backup.writer import BackupSource, write_backup
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
