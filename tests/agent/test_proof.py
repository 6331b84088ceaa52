"""Validation and promotion: only what was restored is proven, and only what was proven is promoted."""

import json

import pytest

from relight.adapters.s3 import S3
from relight.model import ActionResult, Check, Phase, Verdict
from tests.agent.rig import Runner, make_order
from tests.agent.steps import answer, ask, restore
from tests.agent.world import a_task
from tests.support import eventually


def test_a_negative_control_is_seen_to_fail(runner: Runner) -> None:
    agent = restore(runner, negative_control=True)
    assert answer(runner)[0] == "succeeded"
    _, validated = ask(runner, "validate", 2)
    agent.stop()
    verdicts = {check["validator"]: check["verdict"] for check in validated["checks"]}
    assert validated["verdict"] == "FAILED" and set(verdicts.values()) == {"FAILED"}
    document = json.loads(S3().get(validated["evidence"]["uri"]))
    assert document["negative_control"] is True and document["unnoticed"] == []


def test_validation_of_something_else_than_the_plan_is_refused(runner: Runner) -> None:
    runner.order(make_order())
    runner.give(a_task("validate"))
    agent = runner.start()
    error, cause = answer(runner)
    agent.stop()
    assert error == "PlanDrifted" and "restore first" in cause


def test_validation_of_another_plan_than_the_one_restored_is_refused(runner: Runner) -> None:
    agent = restore(runner)
    answer(runner)
    runner.order(make_order("run-2", namespace="elsewhere", start_at=Phase.VALIDATE))
    error, cause = ask(runner, "validate", 2)
    agent.stop()
    assert error == "PlanDrifted" and "of run run-1" in cause


def test_a_held_runner_is_validated_by_a_later_run_of_the_same_plan_without_fetching_volumes(runner: Runner) -> None:
    agent = restore(runner)
    answer(runner)
    runner.order(make_order("run-2", start_at=Phase.VALIDATE))
    kind, validated = ask(runner, "validate", 2)
    agent.stop()
    assert (kind, validated["verdict"]) == ("succeeded", "PASSED")
    assert "/run-2/" in validated["evidence"]["uri"] and list((runner.data / "staging").glob("*")) == []


def test_what_was_proven_before_a_new_restore_is_proven_no_more(runner: Runner) -> None:
    agent = restore(runner)
    answer(runner)
    ask(runner, "validate", 2)
    ask(runner, "restore", 3)
    error, _ = ask(runner, "promote", 4)
    agent.stop()
    assert error == "NotProven"


@pytest.mark.parametrize("validated", [False, True])
def test_nothing_is_promoted_without_its_own_passed_validation(runner: Runner, validated: bool) -> None:
    agent = restore(runner, negative_control=validated)
    answer(runner)
    number = 2
    if validated:
        ask(runner, "validate", number)
        number = 3
    error, _ = ask(runner, "promote", number)
    agent.stop()
    assert error == "NotProven"
    left = [cronjob["spec"]["suspend"] for cronjob in runner.cluster.list("batch/v1", "CronJob", "ledger")]
    assert left == ([] if validated else [True]), "the negative control's is gone, the other's is still suspended"


def test_nothing_is_promoted_by_an_approval_of_other_evidence(runner: Runner) -> None:
    agent = restore(runner)
    answer(runner)
    ask(runner, "validate", 2)
    error, _ = ask(runner, "promote", 3, evidence_hash="e" * 64)
    agent.stop()
    assert error == "NotProven"
    assert runner.cluster.objects["CronJob", "ledger", "publish"]["spec"]["suspend"] is True


def test_a_failback_that_cannot_be_done_ends_nothing(runner: Runner) -> None:
    runner.order(make_order())
    runner.give(a_task("serve", action="dance", requested_by="ada"))
    agent = runner.start()
    (receipt,) = eventually(lambda: runner.receipts("serve"))
    agent.stop()
    assert (receipt["error"]["type"], runner.line.answers) == ("FailbackStopped", [])
    assert "dance" in receipt["error"]["message"]


def test_a_promotion_of_thousands_of_objects_answers_with_a_few_and_lists_them_all(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the state machine carries would never be answered, and end in a rollback of what was promoted."""
    lifted = [
        ActionResult(action="lift", target=f"CronJob ledger/job-{n}", done=True, detail="as it was") for n in range(5000)
    ]
    monkeypatch.setattr("relight.agent.tasks.promote.lift", lambda *_: tuple(lifted))
    agent = restore(runner)
    answer(runner)
    _, validated = ask(runner, "validate", 2)
    kind, promoted = ask(runner, "promote", 3, evidence_hash=validated["evidence_hash"])
    agent.stop()
    assert kind == "succeeded"
    assert len(json.dumps(promoted)) < 60_000
    where = promoted["actions"][-1]["detail"].removeprefix("listed in ")
    assert len(json.loads(S3().get(where))) == 5000


def test_a_key_that_the_app_logs_is_in_no_evidence(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    found = Check(
        validator="j", kind="job", verdict=Verdict.PASSED, detail=f"ran as {key}", seconds=1.0, evidence={"t": key}
    )
    monkeypatch.setattr("relight.agent.tasks.validate.run_all", lambda *_: (found,))
    agent = restore(runner)
    answer(runner)
    ask(runner, "validate", 2)
    agent.stop()
    assert key.encode() not in b"".join(runner.evidence().values()) + json.dumps(runner.line.answers).encode()
