"""A backup that is told to end, as a pod is ended: what it stopped runs again before it goes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight import configfile
from relight.adapters.kube import Cluster
from relight.local.cluster import start
from relight.records import replace
from relight.recovery.quiesce import WAS
from tests.recovery.test_backup_on_cluster import ready, shop
from tests.support import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
SAMPLE = Path(__file__).parents[2] / "examples/sample/relight.toml"
STUBBORN = "trap '' TERM; while :; do sleep 0.1; done"  # a writer that lets the backup wait


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Cluster]:
    started = start(tmp_path / "data", "primary", host_paths=[tmp_path])
    try:
        cluster = Cluster(started.kubeconfig)
        for item in shop():
            if item["kind"] == "Deployment":
                pod = item["spec"]["template"]["spec"]
                pod["containers"][0]["command"], pod["terminationGracePeriodSeconds"] = ["sh", "-c", STUBBORN], 30
            cluster.apply(item)
        eventually(lambda: ready(cluster) == 1, "the writer runs")
        yield cluster
    finally:
        started.stop()


def test_a_backup_that_is_told_to_end_starts_again_what_it_stopped(primary: Cluster, tmp_path: Path) -> None:
    config = configfile.load(SAMPLE)
    app = replace(config.app("sample"), namespace="shop", quiesce=True)
    (tmp_path / "relight.toml").write_text(configfile.written(replace(config, apps=(app,))), encoding="utf-8")
    command = [sys.executable, "-m", "relight.cli", "backup", "--config", str(tmp_path / "relight.toml")]
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    backup = subprocess.Popen(
        [*command, "--kubeconfig", str(tmp_path / "data/kubeconfig")], stderr=subprocess.PIPE, text=True,
        env=os.environ | keys,
    )  # fmt: skip
    try:
        eventually(lambda: annotation(primary), "the writer is stopped", 60)
        for _ in range(8):  # an impatient one
            backup.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        assert backup.wait(30) == 130
        assert backup.stderr and backup.stderr.read() == "relight: interrupted\n"
    finally:
        backup.kill()
    assert not annotation(primary)
    assert (primary.get("apps/v1", "Deployment", "shop", "writer") or {})["spec"]["replicas"] == 1


def annotation(cluster: Cluster) -> str | None:
    found = cluster.get("apps/v1", "Deployment", "shop", "writer") or {}
    value = (found["metadata"].get("annotations") or {}).get(WAS)
    return str(value) if value else None
