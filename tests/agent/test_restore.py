"""A restore: fetched at once, of what was agreed or not at all, and clean however often it is asked for."""

import errno
import json
from typing import Any

import pytest

from relight.adapters.s3 import S3
from relight.records import replace
from tests.agent.rig import BACKUP_URI, Runner, make_order
from tests.agent.steps import answer, ask, restore
from tests.agent.world import a_task
from tests.support import eventually


def test_fetching_begins_with_the_order_and_does_not_wait_for_the_cluster(runner: Runner) -> None:
    runner.cluster.up = False
    runner.order(make_order())
    agent = runner.start()
    unpacked = eventually(lambda: list((runner.data / "staging").glob("*/volumes/ledger/state/ledger.db")))
    assert unpacked and not runner.line.answers and not (runner.data / "volumes").exists()
    runner.give(a_task("restore"))
    eventually(lambda: runner.line.beats)
    runner.cluster.up = True
    assert answer(runner)[0] == "succeeded"
    agent.stop()


def test_a_cluster_that_does_not_come_up_ends_the_restore_by_name(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relight.agent.job.CLUSTER_SECONDS", 0.5)
    runner.cluster.up = False
    agent = restore(runner)
    error, cause = answer(runner)
    agent.stop()
    assert error == "ClusterNotReady" and "not ready within" in cause
    assert runner.receipts("restore")[0]["error"]["type"] == "ClusterNotReady"


def test_a_backup_replaced_after_planning_is_refused_and_leaves_no_volume(runner: Runner) -> None:
    order = make_order()
    runner.order(replace(order, plan=replace(order.plan, metadata_sha256="f" * 64)))
    runner.give(a_task("restore"))
    agent = runner.start()
    error, cause = answer(runner)
    agent.stop()
    assert error == "DigestMismatch" and "the plan was made for" in cause
    assert not (runner.data / "volumes").exists() and not runner.cluster.objects
    assert runner.receipts("restore")[0]["error"]["type"] == "DigestMismatch"


def test_state_that_is_not_what_was_backed_up_is_refused_and_leaves_no_volume(runner: Runner) -> None:
    store = S3()
    data = bytearray(store.get(f"{BACKUP_URI}/state.tar.zst"))
    data[len(data) // 2] ^= 0xFF
    store.put(f"{BACKUP_URI}/state.tar.zst", bytes(data))
    agent = restore(runner)
    error, _ = answer(runner)
    agent.stop()
    assert error == "DigestMismatch"
    assert not (runner.data / "volumes").exists() and not runner.cluster.objects
    assert list((runner.data / "staging").glob("*")) == []


def test_a_plan_that_is_not_the_agreed_one_is_refused(runner: Runner) -> None:
    order = make_order()
    S3().put(f"{order.plan.uri}/objects.jsonl", b"{}\n")
    runner.order(order)
    runner.give(a_task("restore"))
    agent = runner.start()
    error, _ = answer(runner)
    agent.stop()
    assert error == "PlanDrifted" and not runner.cluster.objects


def test_an_object_that_the_cluster_refuses_makes_the_restore_partial_and_fails_validation(runner: Runner) -> None:
    runner.cluster.refuse = {"settings"}
    agent = restore(runner)
    kind, restored = answer(runner)
    assert kind == "succeeded" and restored["outcome"] == "PARTIAL" and restored["counts"]["failed"] == 1
    ledger = [json.loads(line) for line in S3().get(restored["ledger"]["uri"]).splitlines()]
    assert [row["name"] for row in ledger if row["fate"] == "failed"] == ["settings"]
    _, validated = ask(runner, "validate", 2)
    agent.stop()
    assert validated["verdict"] == "FAILED"


def test_a_second_restore_on_the_same_runner_starts_clean(runner: Runner) -> None:
    agent = restore(runner)
    answer(runner)
    runner.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stray", "namespace": "ledger"}})
    (runner.data / "volumes/ledger/state/written-by-the-app").write_text("x")
    kind, restored = ask(runner, "restore", 2)
    agent.stop()
    assert kind == "succeeded" and restored["counts"]["unchanged"] == 0
    assert ("Namespace", "ledger") in runner.cluster.deleted and runner.cluster.names("Pod") == ()
    assert not (runner.data / "volumes/ledger/state/written-by-the-app").exists()
    assert (runner.data / "volumes/ledger/state/ledger.db").exists()


def test_a_full_disk_is_named_and_answered(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("relight.backup.reader.Backup.restore_volumes", full)
    monkeypatch.setattr("relight.agent.journal.write_atomically", full)
    agent = restore(runner)
    error, cause = answer(runner)
    agent.stop()
    assert error == "RestoreFailed" and "No space left" in cause and "disk_gib" in cause
