"""The agent killed with SIGKILL in the middle of a restore, and started again as systemd does."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3
from relight.agent.shelf import Shelf, Unpacked
from relight.backup.unpack import Limits
from relight.errors import ServiceUnavailable
from relight.local.cluster import ClusterProcess, start
from tests.agent.front import Front
from tests.agent.process import Process
from tests.agent.rig import Runner, make_order
from tests.agent.steps import answer, restore
from tests.agent.world import a_task
from tests.support import eventually

STATE, LIMITS = "state.tar.zst", Limits()


@pytest.fixture
def clusters(runner: Runner) -> Iterator[Callable[[], Cluster]]:
    """Starts the runner's cluster when it is called."""
    runner.data.mkdir(parents=True)
    runner.kubeconfig = runner.disk / "cluster" / "kubeconfig"
    running: list[ClusterProcess] = []

    def up() -> Cluster:
        running.append(start(runner.disk / "cluster", "runner", host_paths=[runner.data]))
        return Cluster(running[0].kubeconfig)

    yield up
    for one in running:
        one.stop()


def says(agent: Process, words: str) -> None:
    eventually(lambda: words in agent.output.read_text(), f"the agent says {words}", seconds=60)


def objects(cluster: Cluster) -> set[str]:
    kinds = (("v1", "ConfigMap"), ("v1", "PersistentVolumeClaim"), ("batch/v1", "CronJob"))
    return {
        f"{kind}/{found['metadata']['name']}" for version, kind in kinds for found in cluster.list(version, kind, "ledger")
    }


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while it downloads", "when all is unpacked", "while it applies"])
def test_killed_and_started_again_it_ends_with_the_same_cluster_and_one_ledger(
    runner: Runner, clusters: Callable[[], Cluster], front: Front, started: list[Process], moment: str
) -> None:
    front.held = STATE if moment == "while it downloads" else ""
    cluster = clusters() if moment == "while it applies" else None
    runner.order(make_order())
    runner.give(a_task("restore"))
    started.append(killed := Process(runner, front))
    said = {"while it downloads": "taken", "when all is unpacked": "volumes fetched and verified"}
    says(killed, said.get(moment, "volumes in place, cluster ready"))
    killed.end(signal.SIGKILL)
    fetched, front.held = front.paths.count(next((p for p in front.paths if STATE in p), "")), ""
    cluster = cluster or clusters()
    started.append(Process(runner, front))
    eventually(lambda: front.count("succeeded"), "it answers", seconds=60)
    (restored,) = [json.loads(body["output"]) for what, body in front.callbacks if what == "succeeded"]
    made = {fate: count for fate, count in restored["counts"].items() if count}
    assert (restored["outcome"], made) == ("COMPLETE", {"created": 4, "transformed": 2})
    assert objects(cluster) >= {"ConfigMap/settings", "PersistentVolumeClaim/state", "CronJob/publish"}
    assert (runner.data / "volumes/ledger/state/ledger.db").stat().st_size == 16 + 7000
    assert len([name for name in runner.evidence() if "/ledger-" in name]) == 1
    assert len(runner.receipts("restore")) == 1
    if moment == "when all is unpacked":
        again = front.paths.count(next(p for p in front.paths if STATE in p))
        assert again == fetched, "what was proven is taken up, not fetched again"
    assert list((runner.data / "staging").glob("*")) == []


def test_volumes_proven_before_a_kill_are_taken_up_without_s3(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    runner.cluster.up = False
    restore(runner)  # never stopped: like a killed one, it leaves no answer
    eventually(lambda: list((runner.data / "staging").glob("*.json")), "the volumes are proven")
    killed, runner.line = runner.line, type(runner.line)()
    killed.gone = frozenset({a_task("restore").token})
    real = S3.read_into

    def gone(self: S3, uri: str, *given: Any, **more: Any) -> None:
        if uri.endswith(STATE):
            raise ServiceUnavailable("the state archive was fetched a second time")
        real(self, uri, *given, **more)

    monkeypatch.setattr(S3, "read_into", gone)
    fresh, runner.cluster = runner.cluster, type(runner.cluster)()
    runner.start()
    kind, restored = answer(runner)
    assert (kind, restored["outcome"]) == ("succeeded", "COMPLETE")
    assert restored["volume_files"] == 21 and (runner.data / "volumes/ledger/state/ledger.db").exists()
    assert fresh.objects == {}


# ---------------------------------------------------------------- what lies in the staging directory
def shelved(staging: Path, name: str = "tree") -> Unpacked:
    (staging / name).mkdir(parents=True)
    found = Unpacked(tree=staging / name, bytes=7, files=1)
    Shelf(staging).keep("d" * 64, LIMITS, found)
    return found


def test_only_what_is_proven_outlives_a_restart(tmp_path: Path) -> None:
    found = shelved(tmp_path)
    for partial in (".half.restoring/tree", "half"):
        (tmp_path / partial).mkdir(parents=True)
    (tmp_path / ".record.json.tmp").write_text("{")
    Shelf(tmp_path).clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{'d' * 64}-{LIMITS.bytes}-{LIMITS.files}.json", "tree"]
    assert Shelf(tmp_path).find("d" * 64, LIMITS) == found


def test_another_backup_or_other_limits_take_nothing_up(tmp_path: Path) -> None:
    shelved(tmp_path)
    assert Shelf(tmp_path).find("e" * 64, LIMITS) is None
    assert Shelf(tmp_path).find("d" * 64, Limits(bytes=1)) is None


def test_what_is_on_its_way_into_use_is_never_taken_up_again(tmp_path: Path) -> None:
    """A kill between two renames leaves half a tree: what it lacks must be fetched again."""
    found = shelved(tmp_path)
    Shelf(tmp_path).forget(found.tree)
    assert found.tree.is_dir() and Shelf(tmp_path).find("d" * 64, LIMITS) is None
