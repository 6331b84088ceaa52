"""The fault matrix: whatever breaks, wherever, the run ends by name, leaves nothing, and its receipts say why."""

import signal
import time
from collections.abc import Callable

import pytest

from relight.errors import RunInProgress, RunnerGone
from relight.model import Phase
from tests.runs.invariants import holds
from tests.runs.stage import Stage

BEFORE_APPROVAL = [Phase.DETECT, Phase.PLAN, Phase.LAUNCH, Phase.RESTORE, Phase.VALIDATE]


def failed_by_name(stage: Stage, run_id: str, phase: str) -> None:
    ended = stage.ended(run_id)
    assert (ended["end"], ended["status"]) == ("Failed", "FAILED")
    holds(stage, run_id)
    last = next(receipt for receipt in reversed(stage.receipts(run_id)) if receipt["phase"] == phase)
    assert last["error"], f"{phase}'s receipt does not say why it failed"
    shown = stage.see(run_id)
    assert shown["outcome"] == "Failed"
    assert phase in shown["summary"].lower()


@pytest.mark.parametrize("phase", BEFORE_APPROVAL)
def test_a_phase_whose_function_is_broken_fails_the_run_by_name(stage: Stage, phase: Phase) -> None:
    with stage.broken(phase):
        run_id = stage.start(mode="drill")
        failed_by_name(stage, run_id, phase)


def test_a_broken_approve_fails_the_run_and_leaves_nothing(stage: Stage) -> None:
    with stage.broken(Phase.APPROVE):
        run_id = stage.start(mode="incident", break_glass="rehearsing a fault")
        failed_by_name(stage, run_id, Phase.APPROVE)


def test_a_broken_promote_leaves_production_where_it_was(stage: Stage) -> None:
    with stage.broken(Phase.PROMOTE):
        run_id = stage.start(mode="incident", break_glass="rehearsing a fault")
        stage.approve(run_id)
        failed_by_name(stage, run_id, Phase.PROMOTE)
    assert stage.site() == "primary"


def test_when_teardown_itself_is_broken_the_run_says_so_and_reap_ends_the_runner(stage: Stage) -> None:
    with stage.broken(Phase.TEARDOWN):
        run_id = stage.start(mode="drill")
        assert stage.ended(run_id)["end"] == "Failed"
    (runner,) = stage.runners(run_id)
    stage.expire(runner)
    stage.reap()
    stage.until(lambda: stage.runners(run_id) == [], "reap has ended the runner")


def test_when_report_itself_is_broken_the_run_fails_by_name_and_nothing_is_left(stage: Stage) -> None:
    with stage.broken(Phase.REPORT):
        run_id = stage.start(mode="drill")
        ended = stage.ended(run_id)
    assert (ended["end"], ended["error"]) == ("ReportFailed", "ReportFailed")
    assert stage.runners(run_id) == []
    assert stage.lease() is None


def test_an_agent_that_is_killed_comes_back_and_the_run_succeeds(stage: Stage) -> None:
    run_id = stage.start(mode="drill")
    stage.in_phase(run_id, "Restore")
    (runner,) = stage.until(lambda: stage.runners(run_id), "there is a runner")
    stage.kill(runner, "relight.agent")
    assert stage.ended(run_id)["end"] == "Succeeded"
    holds(stage, run_id)


def terminated(stage: Stage, runner: str) -> None:
    stage.aws("ec2").terminate_instances(InstanceIds=[runner])


def powered_down(stage: Stage, runner: str) -> None:
    stage.kill(runner, "")


@pytest.mark.parametrize("end", [terminated, powered_down])
def test_an_instance_that_dies_while_restoring_is_replaced_by_the_next_rung(
    stage: Stage, end: Callable[[Stage, str], None]
) -> None:
    run_id = stage.start(mode="drill")
    stage.in_phase(run_id, "Restore")
    (runner,) = stage.until(lambda: stage.runners(run_id), "there is a runner")
    end(stage, runner)
    assert stage.ended(run_id)["end"] == "Succeeded"
    assert stage.entered(run_id).count("Launch") == 2
    holds(stage, run_id)


def test_a_runner_that_goes_silent_is_ended_and_replaced(stage: Stage) -> None:
    run_id = stage.start(mode="drill")
    stage.in_phase(run_id, "Restore")
    (runner,) = stage.until(lambda: stage.runners(run_id), "there is a runner")
    stage.kill(runner, "relight.agent", signal.SIGSTOP)
    assert stage.ended(run_id)["end"] == "Succeeded"
    assert stage.entered(run_id).count("Launch") == 2
    holds(stage, run_id)


def test_an_instance_that_dies_while_people_decide_cannot_be_promoted(stage: Stage) -> None:
    run_id = stage.start(mode="incident", break_glass="rehearsing a fault")
    stage.asked(run_id)
    stage.aws("ec2").terminate_instances(InstanceIds=stage.runners(run_id))
    stage.until(lambda: stage.runners(run_id) == [], "the runner is gone")
    with pytest.raises(RunnerGone, match="nothing was approved, and the run ends as failed; start another run"):
        stage.approve(run_id)
    failed_by_name(stage, run_id, Phase.APPROVE)
    assert stage.site() == "primary"


def test_without_capacity_in_the_first_instance_type_the_next_one_is_launched(stage: Stage) -> None:
    first, *_ = stage.ladder
    with stage.no_capacity(first):
        run_id = stage.start(mode="drill")
        assert stage.ended(run_id)["end"] == "Succeeded"
    receipt = next(one for one in stage.receipts(run_id) if one["phase"] == "launch")
    assert receipt["outputs"]["instance_type"] != first
    holds(stage, run_id)


def test_without_any_capacity_the_run_fails_by_name(stage: Stage) -> None:
    with stage.no_capacity(*stage.ladder):
        run_id = stage.start(mode="drill")
        failed_by_name(stage, run_id, Phase.LAUNCH)


def test_a_damaged_copy_must_not_pass(stage: Stage) -> None:
    run_id = stage.start(mode="drill", negative_control=True)
    stage.ended(run_id)
    (validated,) = [one for one in stage.receipts(run_id) if one["phase"] == "validate"]
    assert validated["outputs"]["verdict"] == "FAILED"
    holds(stage, run_id)


def test_a_backup_whose_bytes_changed_is_refused_and_named(stage: Stage) -> None:
    with stage.damaged_backup() as uri:
        run_id = stage.start(mode="drill", backup=uri)
        failed_by_name(stage, run_id, Phase.RESTORE)
    assert "DigestMismatch" in str(stage.receipts(run_id))


def test_an_execution_that_is_stopped_by_hand_leaves_a_runner_that_ends_itself(stage: Stage) -> None:
    run_id = stage.start(mode="drill")
    stage.in_phase(run_id, "Restore")
    (runner,) = stage.until(lambda: stage.runners(run_id), "there is a runner")
    stage.aws("stepfunctions").stop_execution(executionArn=stage.arn(run_id))
    stage.until(lambda: stage.processes(runner, "deadman.sh"), "the dead man's switch is armed")
    stage.shorten_life(runner, int(time.time()))
    stage.until(lambda: stage.runners(run_id) == [], "the dead man's switch has ended the runner")
    assert stage.ended(stage.start(mode="drill"))["end"] == "Succeeded"  # its lease holds up nobody


def test_one_run_an_app(stage: Stage) -> None:
    first = stage.start(mode="drill")
    stage.in_phase(first, "Launch")
    with pytest.raises(RunInProgress):
        stage.start(mode="drill")
    second = stage.start_around_the_console(mode="drill")
    assert stage.ended(second)["end"] == "Failed"
    assert "LeaseHeld" in str(stage.receipts(second))
    assert stage.ended(first)["end"] == "Succeeded"
    holds(stage, first)


def test_an_incident_preempts_a_drill(stage: Stage) -> None:
    drill = stage.start(mode="drill", rehearse_approval=True)
    stage.asked(drill)
    incident = stage.start(mode="incident", break_glass="the primary is gone")
    assert stage.ended(drill)["end"] == "Preempted"
    stage.asked(incident)
    assert stage.runners(drill) == []
    stage.decide(incident, "reject", reason="a rehearsal")
    assert stage.ended(incident)["end"] == "Rejected"
    holds(stage, incident)
