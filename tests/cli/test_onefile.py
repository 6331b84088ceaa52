"""``relight backup get``: the one file that a person wants back, and nothing else."""

from pathlib import Path

import boto3
import pytest

from relight.adapters.s3 import S3
from relight.backup.writer import BackupSource, write_backup
from tests.cli.conftest import Terminal

URI = "s3://relight-sample/sample/backups/b1"


@pytest.fixture
def backup(account: None, tmp_path: Path) -> str:
    volume = tmp_path / "volume"
    volume.mkdir()
    for number in range(50):
        (volume / f"{number:02}.txt").write_text(f"voucher {number}\n")
    boto3.client("s3").create_bucket(
        Bucket="relight-sample", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    source = BackupSource(
        backup_id="b1",
        app="sample",
        namespace="sample",
        created_at="2026-11-23T03:00:00Z",
        manifests=[],
        volumes={("sample", "ledger"): volume},
    )
    write_backup(S3(), URI, source)
    return URI


def test_one_file_comes_back_where_it_was_wanted(terminal: Terminal, backup: str, tmp_path: Path) -> None:
    said = terminal("backup", "get", backup, "volumes/sample/ledger/07.txt", "--to", str(tmp_path / "seven"))
    assert said.status == 0 and (tmp_path / "seven").read_text() == "voucher 7\n"


@pytest.mark.parametrize(
    ("path", "output"), [("volumes/sample/ledger/99.txt", "new"), ("volumes/sample/ledger/07.txt", "there")]
)
def test_what_is_not_there_or_would_be_overwritten_is_one_line_and_changes_nothing(
    terminal: Terminal, backup: str, tmp_path: Path, path: str, output: str
) -> None:
    (tmp_path / "there").write_text("mine")
    said = terminal("backup", "get", backup, path, "--to", str(tmp_path / output))
    assert said.status == 2 and len(said.err.strip().splitlines()) == 1
    assert (tmp_path / "there").read_text() == "mine" and not (tmp_path / "new").exists()
