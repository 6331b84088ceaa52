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

PLAN = ("plan", "--run-id", "r1", "--output-dir", "bundle")
CONFIG_MAPS = "/api/v1/namespaces/sample/configmaps"


@pytest.fixture
def backup(account: None) -> str:
    """A backup with something to foretell: a kind that nobody serves, a version that is gone."""
    region = {"LocationConstraint": "eu-central-1"}
    aws.client("s3").create_bucket(Bucket="relight-sample", CreateBucketConfiguration=region)
    objects = [
        obj("v1", "Namespace", "sample", None),
        config("sample-settings") | {"metadata": {"name": "sample-settings", "namespace": "sample"}},
        deployment(image=IMAGE) | {"metadata": {"name": "web", "namespace": "sample"}},
        obj("example.com/v1", "Widget", "one", "sample", spec={}),
        obj("networking.k8s.io/v1beta1", "Ingress", "old", "sample", spec={}),
    ]
    source = BackupSource(
        backup_id="b1", app="sample", namespace="sample", created_at="2026-11-23T03:00:00Z", manifests=objects, volumes={}
    )
    write_backup(S3(), uri := "s3://relight-sample/sample/backups/b1", source)
    return uri


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Api]:
    server = Api()
    for path in ("/api/v1/namespaces", CONFIG_MAPS, "/apis/apps/v1/namespaces/sample/deployments"):
        server.answers[path] = (200, {"items": []})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    kubeconfig(tmp_path, server.server_address[1])
    yield server
    server.shutdown()
    server.server_close()


def fates(document: dict[str, Any]) -> dict[str, str]:
    return {row["object"]: row["fate"] for row in document["forecast"]["objects"]}


def test_each_objects_fate_is_told_from_s3_alone(terminal: Terminal, backup: str, tmp_path: Path) -> None:
    said = terminal(*PLAN, "-o", "json")
    assert said.status == 0, said.err
    found = fates(said.document)
    assert found["ConfigMap sample/sample-settings"] == "transformed" and found["Widget.example.com sample/one"] == "failed"
    assert found["Ingress.networking.k8s.io sample/old"] == "refused"
    kept = json.loads((tmp_path / "bundle/plan.json").read_text())["forecast"]
    assert kept["fates"] == said.document["forecast"]["fates"] and kept["target"] == "empty"


def test_a_person_reads_what_will_fail_and_why(terminal: Terminal, backup: str) -> None:
    out = " ".join(terminal(*PLAN).out.split())
    assert "Widget.example.com sample/one will be failed: nothing serves example.com/v1 Widget" in out
    assert "Ingress" in out and "convert it and back up again" in out
    assert "Deployment.apps sample/web needs ConfigMap sample/settings" in out


@pytest.mark.parametrize(("said_in_toml", "typed"), [("keep", ()), ("update", ("--existing", "keep"))])
def test_against_a_cluster_what_is_there_counts_and_nothing_is_changed(
    said_in_toml: str, typed: tuple[str, ...], terminal: Terminal, backup: str, cluster: Api, tmp_path: Path
) -> None:
    there = {"metadata": {"name": "sample-settings", "resourceVersion": "7"}}
    cluster.answers[CONFIG_MAPS] = (200, {"items": [there]})
    toml = tmp_path / "relight.toml"
    toml.write_text(toml.read_text().replace('name = "sample"\n', f'name = "sample"\nexisting = "{said_in_toml}"\n', 1))
    said = terminal(*PLAN, "--against", "kubeconfig", *typed, "-o", "json")
    assert said.status == 0, said.err
    found = fates(said.document)
    assert found["ConfigMap sample/sample-settings"] == "kept"
    assert found["Deployment.apps sample/web"] == "created"
    assert {method for method, *_ in cluster.asked} == {"GET"}


def test_the_bundle_is_the_same_whatever_it_is_held_against(
    terminal: Terminal, backup: str, cluster: Api, tmp_path: Path
) -> None:
    empty = terminal(*PLAN, "-o", "json").document["hash"]
    held = terminal("plan", "--run-id", "r1", "--output-dir", "other", "--against", "kubeconfig", "-o", "json")
    assert held.document["hash"] == empty


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("--against", "nowhere"), "R214: --against nowhere: is no file; say empty, or name a kubeconfig"),
        (("--server-dry-run",), "R214: --server-dry-run: has no server to ask; name a cluster: --against KUBECONFIG"),
    ],
)
def test_a_target_that_cannot_be_asked_is_one_line(
    terminal: Terminal, backup: str, typed: tuple[str, ...], says: str
) -> None:
    said = terminal(*PLAN, *typed)
    assert said.status == 2 and says in said.err


def test_a_cluster_that_does_not_answer_is_one_line(terminal: Terminal, backup: str, tmp_path: Path) -> None:
    kubeconfig(tmp_path, 9)
    said = terminal(*PLAN, "--against", "kubeconfig")
    assert said.status == 2 and "--against kubeconfig: its cluster cannot be asked" in said.err
    assert not (tmp_path / "bundle").exists()
