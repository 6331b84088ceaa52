"""``relight plan``: what will become of each object, from S3 alone or asked of a cluster, and nothing changed."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relight.adapters import aws
from relight.adapters.s3 import S3
from relight.backup.writer import BackupSource, write_backup
from tests.cli.conftest import Terminal
from tests.recovery.api import Api, kubeconfig
from tests.recovery.shop import IMAGE, config, deployment, obj

STORE = "s3://relight-sample/sample"
PLAN = ("plan", "--run-id", "r1", "--output-dir", "bundle")


@pytest.fixture
def backup(account: None, tmp_path: Path) -> str:
    aws.client("s3").create_bucket(
        Bucket="relight-sample", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    objects = [
        obj("v1", "Namespace", "sample", None),
        {**config("sample-settings"), "metadata": {"name": "sample-settings", "namespace": "sample"}},
        {**deployment(image=IMAGE), "metadata": {"name": "web", "namespace": "sample"}},
        {**obj("example.com/v1", "Widget", "one", "sample", spec={})},
        {**obj("networking.k8s.io/v1beta1", "Ingress", "old", "sample", spec={})},
    ]
    source = BackupSource(backup_id="b1", app="sample", namespace="sample", manifests=objects, volumes=())
    write_backup(S3(), f"{STORE}/backups/b1", source)
    return f"{STORE}/backups/b1"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def fates(found: dict[str, Any]) -> dict[str, str]:
    return {row["object"]: row["fate"] for row in found["forecast"]["objects"]}
