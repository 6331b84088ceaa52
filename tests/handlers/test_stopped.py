"""A run that was stopped by hand gives nothing back: its lease must not keep an incident from the app for hours."""

import pytest

from lambdas.restore.handler import handler as restore
from relight.adapters.workflow import Execution, Workflow
from relight.errors import LeaseHeld, LeaseLost, ServiceUnavailable
from tests.handlers.conftest import World, backup, run
from tests.handlers.steps import call, planned
from tests.handlers.test_plan import held


@pytest.mark.parametrize(("status", "taken"), [("ABORTED", True), ("FAILED", True), ("RUNNING", False), ("", False)])
def test_a_run_whose_execution_was_stopped_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, status: str, taken: bool
) -> None:
    """``""``: it cannot be said."""

    def describe(self: Workflow, arn: str) -> Execution:
        if not status:
            raise ServiceUnavailable("no answer")
        assert arn == "arn:aws:states:x:1:execution:relight-recovery:run-1"
        return Execution(arn=arn, status=status)

    backup(world)
    planned(world)
    monkeypatch.setattr(Workflow, "describe", describe)
    if taken:
        planned(world, run_id="run-2")
        with pytest.raises(LeaseLost):
            call(restore, run(), plan={}, launch={}, task_token="t")
    else:
        with pytest.raises(LeaseHeld):
            planned(world, run_id="run-2")


def test_a_runner_that_is_held_is_not_taken_for_a_stopped_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    backup(world)
    held(world)
    monkeypatch.setattr(Workflow, "describe", lambda self, arn: Execution(arn=arn, status="SUCCEEDED"))
    with pytest.raises(LeaseHeld):
        planned(world, run_id="run-2", mode="drill")
