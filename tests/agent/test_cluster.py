"""The whole of it: the agent as a process, AWS over HTTP, and the local cluster with its volumes and jobs."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.local.cluster import start
from tests.agent.front import Front
from tests.agent.process import Process
from tests.agent.rig import Runner, make_order
from tests.agent.test_serving import KEYS
from tests.agent.world import TOKEN, a_task
from tests.support import eventually

pytestmark = pytest.mark.slow
JOB = {"name": "publishes", "kind": "job", "cronjob": "publish", "deadline": 30}


@pytest.fixture
def cluster(runner: Runner) -> Iterator[Cluster]:
    runner.data.mkdir(parents=True)
    process = start(runner.disk / "cluster", "runner", host_paths=[runner.data])
    runner.kubeconfig = process.kubeconfig
    yield Cluster(process.kubeconfig)
    process.stop()


def answers(front: Front, number: int) -> tuple[str, dict[str, Any]]:
    def there() -> list[tuple[str, dict[str, Any]]]:
        found = [callback for callback in front.callbacks if callback[0] != "heartbeat"]
        return found if len(found) >= number else []

    found: list[tuple[str, dict[str, Any]]] = eventually(there, seconds=60)
    return found[number - 1]


def outputs(front: Front, number: int) -> dict[str, Any]:
    kind, said = answers(front, number)
    assert kind == "succeeded", said
    return dict(json.loads(said["output"]))


def test_a_recovery_runs_its_job_on_the_restored_state(
    runner: Runner, cluster: Cluster, front: Front, started: list[Process]
) -> None:
    runner.order(make_order(validators=(JOB,)))
    runner.give(a_task("restore"))
    started.append(agent := Process(runner, front))
    restored = outputs(front, 1)
    assert restored["outcome"] == "COMPLETE" and "emulated" in restored["cluster"], restored

    runner.give(a_task("validate", token=f"{TOKEN}-2"))
    validated = outputs(front, 2)
    assert validated["verdict"] == "PASSED", validated["checks"]
    assert {check["validator"] for check in validated["checks"]} == {"bytes", "up", "publishes"}

    runner.give(a_task("promote", token=f"{TOKEN}-3", evidence_hash=validated["evidence_hash"]))
    assert outputs(front, 3)["actions"]
    assert not (cluster.get("batch/v1", "CronJob", "ledger", "publish") or {})["spec"].get("suspend")

    runner.table.put_keys(runner.principal, KEYS)
    runner.give(a_task("serve", token=f"{TOKEN}-4", action="freeze", requested_by="ada"))
    frozen = outputs(front, 4)
    assert frozen["frozen"] is True
    assert agent.end() == 0
    metadata = json.loads(S3().get(f"{frozen['taken']['uri']}/metadata.json"))
    assert metadata["source"]["site"] == "relight/run-1"
    assert [volume["claim"] for volume in metadata["volumes"]] == ["state"]
    said = agent.output.read_bytes() + b"".join(runner.evidence().values())
    assert not [secret for secret in (TOKEN, KEYS.secret_access_key) if secret.encode() in said]


def test_killed_in_the_middle_and_started_again_it_restores_from_a_clean_cluster(
    runner: Runner, cluster: Cluster, front: Front, started: list[Process]
) -> None:
    runner.order(make_order())
    runner.give(a_task("restore"))
    started.append(killed := Process(runner, front))
    eventually(lambda: (runner.data / "restored.json").exists(), seconds=40)
    killed.end(signal.SIGKILL)
    started.append(again := Process(runner, front))
    restored = outputs(front, 1)
    again.end()
    assert restored["outcome"] == "COMPLETE" and restored["counts"]["failed"] == 0
    assert (runner.data / "volumes/ledger/state/ledger.db").exists()
    assert len([callback for callback in front.callbacks if callback[0] != "heartbeat"]) == 1


def test_a_second_restore_finds_a_clean_cluster_and_passes_again(
    runner: Runner, cluster: Cluster, front: Front, started: list[Process]
) -> None:
    runner.order(make_order(validators=(JOB,)))
    runner.give(a_task("restore"))
    started.append(agent := Process(runner, front))
    outputs(front, 1)
    runner.give(a_task("restore", token=f"{TOKEN}-2"))
    assert outputs(front, 2)["outcome"] == "COMPLETE"
    runner.give(a_task("validate", token=f"{TOKEN}-3"))
    validated = outputs(front, 3)
    agent.end()
    assert validated["verdict"] == "PASSED", validated["checks"]


def test_a_negative_control_fails_also_the_job(
    runner: Runner, cluster: Cluster, front: Front, started: list[Process]
) -> None:
    runner.order(make_order(validators=(JOB,), negative_control=True))
    runner.give(a_task("restore"))
    started.append(agent := Process(runner, front))
    outputs(front, 1)
    runner.give(a_task("validate", token=f"{TOKEN}-2"))
    validated = outputs(front, 2)
    agent.end()
    verdicts = {check["validator"]: check["verdict"] for check in validated["checks"]}
    assert (verdicts["bytes"], verdicts["publishes"], validated["verdict"]) == ("FAILED", "FAILED", "FAILED")
