"""A recovery from restore to freeze, and what its evidence says of it."""

import json
import time

import pytest

from relight.adapters.s3 import S3
from relight.model import Taken, Task
from relight.records import replace
from tests.agent.rig import BACKUP_URI, Runner, make_order
from tests.agent.steps import answer, ask, restore
from tests.agent.world import TOKEN, a_task


def test_an_order_is_restored_validated_promoted_and_frozen(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = restore(runner)
    kind, restored = answer(runner)
    assert kind == "succeeded", restored
    assert restored["outcome"] == "COMPLETE" and restored["volume_files"] == 21
    assert restored["forecast"].endswith("objects as predicted (100 %)") and not restored["surprises"]
    assert restored["cluster"] == "v1.32.0+emulated"
    assert (runner.data / "volumes/ledger/state/ledger.db").read_bytes().startswith(b"SQLite format 3")
    assert runner.cluster.objects["CronJob", "ledger", "publish"]["spec"]["suspend"] is True
    volume = runner.cluster.list("v1", "PersistentVolume")[0]
    assert volume["spec"]["hostPath"]["path"] == str(runner.data / "volumes/ledger/state")

    kind, validated = ask(runner, "validate", 2)
    assert (kind, validated["verdict"]) == ("succeeded", "PASSED"), validated
    assert {check["validator"] for check in validated["checks"]} == {"bytes", "up"}

    pointer = {"action": "site", "target": "s3://b/site.json", "done": True, "detail": "moved", "verdict": "PASSED"}
    kind, promoted = ask(runner, "promote", 3, evidence_hash=validated["evidence_hash"], actions=[pointer])
    assert kind == "succeeded", promoted
    assert promoted["actions"][0] == pointer and len(promoted["actions"]) > 1
    assert not runner.cluster.objects["CronJob", "ledger", "publish"]["spec"].get("suspend")

    taken = Taken(backup_id="b1", uri=BACKUP_URI, created_at="2026-11-23T02:00:00Z")
    monkeypatch.setattr("relight.agent.taking.Taking.take", lambda *_: taken)
    kind, frozen = ask(runner, "serve", 4, action="freeze", requested_by="ada")
    assert kind == "succeeded" and (frozen["requested_by"], frozen["frozen"]) == ("ada", True), frozen
    assert runner.cluster.objects["CronJob", "ledger", "publish"]["spec"]["suspend"] is True
    agent.stop()
    phases = [json.loads(data)["phase"] for key, data in sorted(runner.evidence().items()) if key.count("/") == 2]
    assert phases == ["restore", "validate", "promote", "serve"]
    assert runner.receipts("validate")[0]["verdicts"] == list(validated["checks"])


def test_the_evidence_hash_covers_plan_backup_and_the_checks_document(runner: Runner) -> None:
    from relight.evidence.binding import digest, evidence_hash

    agent = restore(runner)
    answer(runner)
    _, validated = ask(runner, "validate", 2)
    agent.stop()
    document = S3().get(validated["evidence"]["uri"])
    plan = make_order().plan
    assert digest(document) == validated["evidence"]["sha256"]
    assert validated["evidence_hash"] == evidence_hash(plan.hash, plan.metadata_sha256, digest(document))


def test_a_task_names_its_attempt_in_its_receipt(runner: Runner) -> None:
    task: Task = replace(a_task("restore"), attempt=3)
    runner.order(make_order())
    runner.give(task)
    agent = runner.start()
    answer(runner)
    agent.stop()
    assert runner.receipts("restore")[0]["attempt"] == 3


def test_the_token_is_nowhere_but_in_the_table(runner: Runner, caplog: pytest.LogCaptureFixture) -> None:
    agent = restore(runner)
    answer(runner)
    ask(runner, "validate", 2)
    time.sleep(0.2)
    agent.stop()
    disk = b"".join(path.read_bytes() for path in runner.disk.rglob("*") if path.is_file())
    said = (caplog.text + "".join(str(record.__dict__) for record in caplog.records)).encode()
    assert b"taken" in said
    assert TOKEN.encode() not in b"".join(runner.evidence().values()) + disk + said
