"""Who may act for an app, and which backup a run takes: also when others are there first."""

import time

import pytest

from lambdas.launch.handler import handler as launch
from lambdas.plan import lease as leases
from lambdas.restore.handler import handler as restore
from lambdas.teardown.handler import handler as teardown
from relight.adapters import aws
from relight.errors import (
    BackupTooOld,
    DrillYielding,
    LeaseHeld,
    LeaseLost,
    NothingHeld,
    NoUsableBackup,
    Preempted,
)
from relight.model import Run, decode
from tests.handlers.conftest import World, backup, run
from tests.handlers.steps import call, launched, planned

OLD = "2026-01-01T00:00:00Z"


# ---------------------------------------------------------------- the lease
def test_a_second_incident_does_not_touch_the_first(world: World) -> None:
    backup(world)
    planned(world)
    with pytest.raises(LeaseHeld, match="run-1"):
        planned(world, run_id="run-2")
    call(teardown, run(run_id="run-2"), outcome="Failed")
    lease = world.table.lease("ledger")
    assert lease is not None
    assert lease.run_id == "run-1"


def test_a_drill_waits_for_nobody(world: World) -> None:
    backup(world)
    planned(world, mode="drill")
    with pytest.raises(LeaseHeld):
        planned(world, mode="drill", run_id="run-2")


def test_the_lease_of_a_run_that_crashed_is_free_once_it_expired(world: World) -> None:
    backup(world)
    planned(world)
    world.table.update_lease(decode(run(), Run), expires_at=int(time.time()) - 1)
    planned(world, run_id="run-2")
    with pytest.raises(LeaseLost):
        call(restore, run(), plan={}, launch={}, task_token="t")


def test_an_incident_makes_a_drill_give_way_and_waits_for_it(world: World) -> None:
    backup(world)
    drill, made, runner = launched(world, mode="drill", run_id="drill-1")
    call(restore, drill, plan=made, launch=runner, task_token="drill-token")
    with pytest.raises(DrillYielding):
        planned(world)
    assert [(what, token) for what, token, _ in world.answered] == [("failure", "drill-token")]
    with pytest.raises(Preempted, match="run-1"):
        call(restore, drill, plan=made, launch=runner, task_token="another")
    call(teardown, drill, outcome="Preempted")
    assert world.live() == []
    planned(world)


def test_a_drill_that_does_not_give_way_loses_its_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    backup(world)
    drill, made, _ = launched(world, mode="drill", run_id="drill-1")
    with pytest.raises(DrillYielding):
        planned(world)
    monkeypatch.setattr(leases, "YIELD_SECONDS", -1)
    _, _, runner = launched(world)
    assert world.live() == [runner["instance_id"]]  # the drill's runner was terminated by the incident's launch
    with pytest.raises(LeaseLost):
        call(launch, drill, plan=made, rung=0)


# ---------------------------------------------------------------- a held runner
def held(world: World) -> str:
    given, made, runner = launched(world, mode="drill", run_id="first", stop_after="launch")
    cleared = call(teardown, given, plan=made, launch=runner, outcome="Held")
    assert cleared["held"]
    assert list(cleared["left"]) == [runner["instance_id"]]
    return str(runner["instance_id"])


@pytest.mark.parametrize("phase", ["restore", "validate", "teardown"])
def test_a_held_runner_is_taken_on_by_the_run_that_asks_for_it(world: World, phase: str) -> None:
    backup(world)
    instance = held(world)
    given, made = planned(world, mode="drill", run_id="second", start_at=phase)
    assert made["adopted"]["instance_id"] == instance
    order = world.table.mailbox(made["adopted"]["principal"]).order
    assert order is not None
    assert (order.run.run_id, order.plan.hash) == ("second", made["hash"])
    call(teardown, given, plan=made, launch=made["adopted"], outcome="Succeeded")
    assert world.live() == []
    assert world.table.lease("ledger") is None


def test_taking_on_a_held_runner_again_changes_nothing(world: World) -> None:
    backup(world)
    held(world)
    first = planned(world, mode="drill", run_id="second", start_at="restore")[1]
    assert planned(world, mode="drill", run_id="second", start_at="restore")[1]["adopted"] | {"expires_at": ""} == first[
        "adopted"
    ] | {"expires_at": ""}


def test_nothing_is_held_when_nothing_was_held_or_it_died(world: World) -> None:
    backup(world)
    with pytest.raises(NothingHeld):
        planned(world, start_at="restore")
    aws.client("ec2").terminate_instances(InstanceIds=[held(world)])
    with pytest.raises(NothingHeld, match="is gone"):
        planned(world, run_id="second", start_at="restore")


def test_production_is_not_given_up_by_the_way(world: World) -> None:
    backup(world)
    given, made, runner = launched(world)
    call(teardown, given, plan=made, launch=runner, promotion={"promoted_at": "t", "actions": []}, outcome="Failed")
    world.table.update_lease(decode(given, Run), promoted=True)
    with pytest.raises(LeaseHeld, match="production"):
        planned(world, run_id="second", start_at="teardown")
    planned(world, run_id="second", start_at="teardown", break_glass="the primary is back")


# ---------------------------------------------------------------- the backup
def test_an_incident_takes_an_old_backup_with_a_warning_and_a_drill_does_not(world: World) -> None:
    backup(world, created=OLD)
    planned(world)
    [rpo] = [row for row in world.receipts()[0]["verdicts"] if row["check"] == "rpo"]
    assert rpo["verdict"] == "FAILED"
    call(teardown, run(), outcome="Failed")
    with pytest.raises(BackupTooOld, match="RPO"):
        planned(world, mode="drill", run_id="drill-1")


def test_an_image_that_nobody_saw_on_the_runners_platform_could_not_be_verified_and_stops_nothing(world: World) -> None:
    container = {"name": "main", "image": f"registry.example/ledger@sha256:{'a' * 64}"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
    backup(world, "b1", None, pod)
    planned(world)
    rows = {row["check"]: row for row in world.receipts()[0]["verdicts"]}
    assert rows["platforms"]["verdict"] == "COULD_NOT_VERIFY" and "is unknown" in rows["platforms"]["detail"]
    assert "platform:" not in rows["forecast"]["detail"]


def test_a_damaged_backup_is_passed_over_and_said_so(world: World) -> None:
    backup(world, "b1", created="2026-11-20T00:00:00Z")
    newest = backup(world, "b2")
    world.store.delete(f"{newest}/state.tar.zst")
    assert planned(world)[1]["backup_id"] == "b1"
    assert "b2" in world.receipts()[0]["verdicts"][0]["detail"]


def test_without_a_usable_backup_the_plan_fails_with_its_receipt_and_the_lease_is_given_back(world: World) -> None:
    with pytest.raises(NoUsableBackup):
        planned(world)
    assert world.receipts()[0]["error"]["type"] == "NoUsableBackup"
    call(teardown, run(), outcome="Failed", failure={"phase": "Plan", "error": "NoUsableBackup", "cause": ""})
    assert world.table.lease("ledger") is None


def test_the_plan_covers_the_whole_ladder(world: World) -> None:
    backup(world)
    assert planned(world)[1]["rungs"] == 4
