"""An agent killed, stopped or overtaken by a new try: one answer, nothing done twice."""

import time
from dataclasses import replace

from tests.agent.rig import Runner, make_order
from tests.agent.steps import answer, ask, restore
from tests.agent.world import TOKEN, a_task
from tests.support import eventually


def test_killed_in_the_middle_of_a_restore_the_agent_starts_again_and_answers_once(runner: Runner) -> None:
    runner.cluster.hold.set()
    killed = runner.line
    restore(runner)  # this agent is never stopped: like a killed one, it leaves no answer
    eventually(runner.cluster.applying.is_set)
    killed.gone = frozenset({TOKEN})
    runner.line = type(killed)()
    fresh, runner.cluster = runner.cluster, type(runner.cluster)()
    runner.cluster.objects = fresh.objects
    again = runner.start()
    kind, restored = answer(runner)
    time.sleep(0.3)
    again.stop()
    fresh.hold.clear()
    assert kind == "succeeded" and restored["outcome"] == "COMPLETE"
    assert len(runner.line.answers) == 1 and killed.answers == []


def test_a_restart_after_the_answer_does_nothing_twice(runner: Runner) -> None:
    agent = restore(runner)
    answer(runner)
    eventually(lambda: runner.receipts("restore"))
    agent.stop()
    before = dict(runner.cluster.objects)
    again = runner.start()
    time.sleep(0.5)
    again.stop()
    assert len(runner.line.answers) == 1 and runner.cluster.objects == before and runner.cluster.deleted == []


def test_after_a_restart_validation_knows_what_was_restored(runner: Runner) -> None:
    agent = restore(runner)
    answer(runner)
    time.sleep(0.2)
    agent.stop()
    again = runner.start()
    kind, validated = ask(runner, "validate", 2)
    again.stop()
    assert (kind, validated["verdict"]) == ("succeeded", "PASSED")
    assert list((runner.data / "staging").glob("*")) == [], "what stands here is not fetched again"


def test_a_new_try_waits_for_the_given_up_one_to_end(runner: Runner) -> None:
    runner.cluster.hold.set()
    runner.order(make_order())
    runner.give(a_task("restore", heartbeat=3))
    agent = runner.start()
    eventually(runner.cluster.applying.is_set)
    runner.line.gone = frozenset({TOKEN})
    runner.give(replace(a_task("restore", token=f"{TOKEN}-2", heartbeat=3), attempt=1))
    time.sleep(1.5)
    assert runner.cluster.deleted == [], "two restores at once would remove each other's work"
    runner.cluster.hold.clear()
    kind, restored = answer(runner)
    agent.stop()
    assert kind == "succeeded" and restored["outcome"] == "COMPLETE" and len(runner.line.answers) == 1
    assert [receipt["attempt"] for receipt in runner.receipts("restore")] == [1]


def test_stopping_the_agent_at_work_answers_runner_lost_with_a_receipt(runner: Runner) -> None:
    runner.cluster.hold.set()
    agent = restore(runner)
    eventually(runner.cluster.applying.is_set)
    agent.stop()
    runner.cluster.hold.clear()
    assert [error for error, _ in runner.line.answers] == ["RunnerLost"]
    assert runner.receipts("restore")[0]["error"]["type"] == "RunnerLost"
