"""An agent killed, stopped or overtaken by a new try: one answer, nothing done twice."""

import errno
import time
from threading import Event
from typing import Any

import pytest

from relight.adapters.s3 import S3
from relight.errors import ServiceUnavailable
from relight.records import replace
from tests.agent.fake_cluster import FakeCluster
from tests.agent.rig import Runner, make_order
from tests.agent.steps import answer, ask, restore
from tests.agent.world import TOKEN, RecordingLine, a_task
from tests.support import eventually

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("phase", ["restore", "validate", "promote"])
def test_a_lost_connection_to_s3_spoils_one_try_and_not_the_next(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    """The agent was started again before the phase, so that it fetches plan and backup anew."""
    number, inputs = {"restore": 0, "validate": 1, "promote": 2}[phase], {}
    runner.order(make_order())
    if number:
        agent = restore(runner)
        answer(runner)
        if phase == "promote":
            inputs = {"evidence_hash": ask(runner, "validate", 2)[1]["evidence_hash"]}
        agent.stop()
    real, lost = S3.get, [2]

    def unreachable(self: S3, uri: str, *more: Any, **options: Any) -> bytes:
        if lost[0] and ("/plan/" in uri or uri.endswith("metadata.json")):
            lost[0] -= 1
            raise ServiceUnavailable(f"read {uri}: connection reset")
        return real(self, uri, *more, **options)

    monkeypatch.setattr(S3, "get", unreachable)
    runner.start()
    said = ask(runner, phase, number + 1, **inputs)
    if said[0] == "ServiceUnavailable":  # what the state machine tries again
        said = ask(runner, phase, number + 2, **inputs)
    assert said[0] == "succeeded", said


def test_a_full_disk_keeps_no_task_from_being_answered(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("relight.agent.expiry.write_atomically", full)
    runner.table.put_runner_lease(runner.principal, 1_900_000_000)
    agent = restore(runner)
    assert answer(runner)[0] == "succeeded"
    agent.stop()


def test_an_agent_that_is_started_again_while_it_validates_answers_once(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = restore(runner)
    answer(runner)
    real, begun, go_on = FakeCluster.list, Event(), Event()

    def slow(self: FakeCluster, *given: Any, **more: Any) -> Any:
        begun.set()
        go_on.wait(20)
        return real(self, *given, **more)

    monkeypatch.setattr(FakeCluster, "list", slow)
    runner.give(a_task("validate", token=f"{TOKEN}-2"))
    assert begun.wait(20)
    killed, runner.line = runner.line, RecordingLine()
    killed.gone = frozenset({f"{TOKEN}-2"})  # a killed agent answers nothing any more
    again = runner.start()
    eventually(lambda: runner.line.beats)
    go_on.set()
    kind, validated = answer(runner)
    time.sleep(0.3)
    for one in (agent, again):
        one.stop()
    assert (kind, validated["verdict"]) == ("succeeded", "PASSED")
    assert len(runner.line.answers) == 1
    assert [receipt["attempt"] for receipt in runner.receipts("validate")] == [0]
