"""A freeze that is given up: the runner goes on as production, unless it has handed that back already."""

from typing import Any

import pytest

from relight.agent.site import Site
from relight.model import ActionResult
from relight.records import replace
from relight.recovery.release import BEFORE
from tests.agent.rig import Runner
from tests.agent.test_serving import Takings, freeze, server, serving, takings, vitals
from tests.agent.world import a_task
from tests.support import eventually

__all__ = ["takings"]  # a fixture


def unfreeze(attempt: int) -> Any:
    return replace(a_task("serve", action="unfreeze", requested_by="ada"), attempt=attempt)


def test_a_freeze_that_is_given_up_leaves_production_as_it_was_and_backed_up_again(runner: Runner, takings: Takings) -> None:
    runner.cluster.objects["Deployment", "ledger", "web"] = server()
    serving(runner)
    held = freeze()
    runner.give(replace(held, inputs=held.inputs | {"hold": True}))
    agent = runner.start()
    vitals(runner, lambda vitals: len(vitals.failback) == 2)
    assert runner.cluster.objects["Deployment", "ledger", "web"]["spec"]["replicas"] == 0
    runner.give(unfreeze(1))
    vitals(runner, lambda vitals: not vitals.failback)
    agent.stop()
    assert runner.cluster.objects["Deployment", "ledger", "web"]["spec"]["replicas"] == 2
    assert runner.line.answers == [], "Serve goes on"


def test_an_unfreeze_that_fails_says_why_and_the_site_counts_as_frozen(
    runner: Runner, takings: Takings, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving(runner)
    held = freeze()
    runner.give(replace(held, inputs=held.inputs | {"hold": True}))
    agent = runner.start()
    vitals(runner, lambda vitals: len(vitals.failback) == 2)
    refused = ActionResult(action="unfreeze", target="Deployment web", done=False, detail="forbidden")
    monkeypatch.setattr("relight.agent.tasks.serve.unfreeze", lambda *_: (refused,))
    runner.give(unfreeze(1))
    steps = vitals(runner, lambda vitals: len(vitals.failback) == 3).failback
    agent.stop()
    assert [(step.action, step.done) for step in steps] == [
        ("freeze", True), ("final backup", True), ("unfreeze", False)
    ]  # fmt: skip


def test_once_it_has_answered_nothing_is_unfrozen_any_more(runner: Runner, takings: Takings) -> None:
    runner.cluster.objects["Deployment", "ledger", "web"] = server()
    serving(runner)
    answered = ActionResult(action="answer", target="ledger", done=True, detail="the pointers may go back")
    Site(runner.data).fail_back((answered,))
    runner.cluster.objects["Deployment", "ledger", "web"]["metadata"]["annotations"] = {BEFORE: '{"replicas": 9}'}
    runner.give(unfreeze(1))
    agent = runner.start()
    eventually(lambda: runner.receipts("serve"), "it has put the task down")
    agent.stop()
    assert runner.cluster.objects["Deployment", "ledger", "web"]["spec"]["replicas"] == 2
