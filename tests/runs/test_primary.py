"""The way back onto a primary that stands again: shown, confirmed, brought there near its volumes, and given up again."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from relight import configfile
from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.backup.rights import policy
from relight.cli.demo import primary as sample
from relight.cli.main import run
from relight.local.cluster import ClusterProcess, start
from relight.local.cluster.kubelet.sandbox import detect
from tests.runs.invariants import holds
from tests.runs.stage import Stage
from tests.runs.test_serving import promoted, vitals

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not detect().mounts, reason="the kernel refuses what bubblewrap needs, so no container has mounts"),
]
IMAGE = f"registry.example/relight@sha256:{'a' * 64}"
Object = dict[str, Any]


@dataclass
class Primary:
    """The primary, repaired: as it was when it was lost, with its own backups' CronJob in it."""

    stage: Stage
    home: Path
    process: ClusterProcess

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.process.kubeconfig)

    @property
    def volume(self) -> Path:
        return sample.claim_directory(self.cluster)

    def files(self) -> dict[str, bytes]:
        return files(self.volume)

    def relight(self, *words: str, user: str = "operator") -> tuple[int, str]:
        """Status, and what the operator reads."""
        path = self.home / "relight.toml"
        with self.stage.signed_in(user), StringIO() as said, redirect_stdout(said), redirect_stderr(said):
            path.write_text(configfile.written(self.stage.config), encoding="utf-8")
            return run([*words, "--config", str(path)]), said.getvalue()

    def failback(self, run_id: str, *words: str) -> tuple[int, str]:
        return self.relight("failback", run_id, *words)

    def restore(self, run_id: str, *words: str) -> tuple[int, str]:
        return self.failback(run_id, "--restore", "--primary", str(self.process.kubeconfig), *words)

    def code(self, run_id: str) -> str:
        status, said = self.restore(run_id)
        assert status == 0, said
        return said.rpartition("--confirm ")[2].split()[0]

    def server(self) -> Object:
        found = self.cluster.get("apps/v1", "Deployment", "sample", "server")
        assert found is not None
        return dict(found["spec"])


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def primary(stage: Stage, tmp_path: Path) -> Iterator[Primary]:
    process = start(stage._state / "primary", "primary")
    there = Primary(stage, tmp_path, process)
    try:
        equip(there)
        sample.await_server(there.cluster)
        yield there
    finally:
        process.stop()


def equip(there: Primary) -> None:
    """Its backups' CronJob, as ``relight backup cronjob`` prints it; its key may do what ``--policy`` says, and no more."""
    keys = there.stage.engine.environment("writer")
    there.stage.aws("iam").put_user_policy(
        UserName="writer", PolicyName="operator", PolicyDocument=json.dumps(policy(there.stage.app))
    )
    data = {name: keys[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")}
    meta = {"name": "writer", "namespace": "sample"}
    there.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})
    kubeconfig = str(there.process.kubeconfig)
    words = ("--image", IMAGE, "--aws-secret", "writer", "--kubeconfig", kubeconfig, "--schedule", "0 3 1 1 *")
    status, said = there.relight("backup", "cronjob", *words)
    assert status == 0, said
    for obj in yaml.safe_load_all(said[said.index("---") :]):
        there.cluster.apply(obj)


def written_here(stage: Stage, run_id: str) -> dict[str, bytes]:
    """The promoted site's files, one of them newer than the primary was lost."""
    (runner,) = stage.runners(run_id)
    (claim,) = [path for path in stage.engine.state.rglob("volumes/sample/ledger") if runner in str(path)]
    (claim / "vouchers" / "written-here.json").write_text("{}")
    return files(claim)


def frozen(stage: Stage, there: Primary, run_id: str) -> None:
    assert there.failback(run_id, "--freeze")[0] == 0
    stage.until(lambda: len(vitals(stage, run_id).get("failback", [])) == 2, "it is frozen and backed up", 60)


def test_the_last_backup_comes_onto_the_primary_and_production_goes_back_to_it(stage: Stage, primary: Primary) -> None:
    run_id = promoted(stage)
    wanted = written_here(stage, run_id)
    (primary.volume / "only-the-primary-had-this").write_text("old")
    before = primary.files()
    status, said = primary.restore(run_id)
    assert (status, "has no backup of the promoted site yet" in said) == (2, True)

    frozen(stage, primary, run_id)
    status, said = primary.restore(run_id)
    assert status == 0 and "all that is in it is replaced" in said and "nothing was changed" in said
    assert "stopped meanwhile: CronJob publish, CronJob relight-backup, Deployment server" in said
    assert (primary.files(), primary.server()["replicas"]) == (before, 1)

    status, said = primary.restore(run_id, "--confirm", primary.code(run_id))
    assert status == 0, said
    assert primary.files() == wanted
    assert primary.server()["replicas"] == 1
    sample.await_server(primary.cluster)
    cronjobs = {
        one["metadata"]["name"]: one["spec"].get("suspend") for one in primary.cluster.list("batch/v1", "CronJob", "sample")
    }
    assert not any(cronjobs.values()) and "relight-backup" in cronjobs

    (primary.volume / "written-since").write_text("new")
    status, said = primary.restore(run_id, "--confirm", "whatever")
    assert status == 0 and "done before: backup" in said
    assert (primary.volume / "written-since").exists(), "a second time changes nothing"

    status, said = primary.failback(run_id, "--hand-back", "--primary", str(primary.process.kubeconfig), "--cycle", "0")
    assert status == 0, said
    assert stage.site() == "primary"
    holds(stage, run_id)
    steps = {step["action"]: step for step in stage.see(run_id)["facts"]["frozen"]["steps"]}
    assert steps["restore onto the primary"]["verdict"] == "PASSED"
    with stage.signed_in():
        report = S3().get(f"{stage.evidence(run_id)}/report.html").decode()
    assert "restored onto the primary" in report and "1 claim(s) with" in report


def test_a_restore_that_was_killed_or_met_a_damaged_backup_is_gone_on_with(stage: Stage, primary: Primary) -> None:
    run_id = promoted(stage)
    wanted = written_here(stage, run_id)
    frozen(stage, primary, run_id)
    before, code = primary.files(), primary.code(run_id)
    state = f"{vitals(stage, run_id)['taken']['uri']}/state.tar.zst"
    with stage.signed_in():
        sound = S3().get(state)
        S3().put(state, b"\0" * len(sound))
    status, said = primary.restore(run_id, "--confirm", code)
    assert (status, "R486" in said, "has sha256" in said) == (2, True, True), said
    assert (primary.files(), primary.server()["replicas"]) == (before, 0), "stopped, and as it was"
    with stage.signed_in():
        S3().put(state, sound)

    status, said = primary.failback(run_id, "--hand-back")
    assert (status, "is not wholly there" in said) == (2, True), said
    killed_while_it_writes(primary, run_id, code)
    assert primary.failback(run_id, "--hand-back")[0] == 2
    status, said = primary.restore(run_id, "--confirm", code)
    assert status == 0, said
    assert (primary.files(), primary.server()["replicas"]) == (wanted, 1)
    assert primary.failback(run_id, "--hand-back", "--cycle", "0")[0] == 0


def killed_while_it_writes(there: Primary, run_id: str, code: str) -> None:
    words = ("failback", run_id, "--restore", "--primary", str(there.process.kubeconfig), "--confirm", code)
    command = [sys.executable, "-m", "relight.cli", *words, "--config", str(there.home / "relight.toml")]
    environment = os.environ | there.stage.engine.environment("operator")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        there.stage.until(lambda: jobs(there), "its Job is there", 60)
        process.kill()


def jobs(there: Primary) -> list[str]:
    found = there.cluster.list("batch/v1", "Job", "sample")
    return [one["metadata"]["name"] for one in found if one["metadata"]["name"].startswith("relight-restore-")]


def test_a_freeze_that_is_given_up_leaves_production_on_the_runner_and_the_primary_stopped(
    stage: Stage, primary: Primary
) -> None:
    run_id = promoted(stage)
    frozen(stage, primary, run_id)
    status, said = primary.failback(run_id, "--unfreeze")
    assert (status, "production goes on there" in said) == (0, True), said
    stage.until(lambda: vitals(stage, run_id)["well"], "production is well again", 60)
    assert primary.failback(run_id, "--unfreeze")[0] == 0, "nothing is frozen, nothing is changed"

    frozen(stage, primary, run_id)
    assert primary.restore(run_id, "--confirm", primary.code(run_id))[0] == 0
    status, said = primary.failback(run_id, "--unfreeze")
    assert (status, "R487" in said, "--unfreeze --primary FILE" in said) == (2, True, True), said
    status, said = primary.failback(run_id, "--unfreeze", "--primary", str(primary.process.kubeconfig))
    assert status == 0, said
    assert primary.server()["replicas"] == 0
    stage.until(lambda: vitals(stage, run_id)["well"], "production is well again", 60)
    assert stage.site() == f"relight/{run_id}" and stage.execution(run_id)["status"] == "RUNNING"

    primary.process.stop()
    status, said = primary.restore(run_id)
    assert (status, "R487" in said, "cannot be asked" in said) == (2, True, True), said
