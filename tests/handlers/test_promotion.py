"""Promotion in the machine: what the approver is told, what is checked at the last moment, and all of it or nothing."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from relight.adapters import aws
from relight.errors import AlreadyPromoted, Throttled
from relight.model import Run, Tag, decode
from relight.promotion import acting
from tests.handlers.cast import Cast
from tests.handlers.conftest import RUN_ID, backup, run
from tests.handlers.machine import Fault, Machine
from tests.handlers.site import AFTER, BEFORE, RUNNER, Site

KINDS = ("fence_role", "pointer", "route53", "ssm", "lambda")
CHANGED = tuple(kind for kind in KINDS if kind != "lambda")


@pytest.fixture
def broken(site: Site) -> Site:
    """The app last published long ago, has one good backup, and promotes by several actions."""
    site.world.publish("2026-01-01T03:05:00Z")
    backup(site.world)
    site.configure(*KINDS)
    return site


def play(site: Site, fault: Fault | None = None, at: str = "promote", **request: Any) -> Machine:
    machine = Machine(site.world, Cast(site.world), fault, at)
    machine.end = machine.play(initiator="arn:aws:iam::1:user/ann", **request)  # type: ignore[attr-defined]
    return machine


def seen(site: Site) -> dict[str, Any]:
    return {kind: site.now[kind] for kind in CHANGED}


def report(site: Site) -> dict[str, Any]:
    return dict(json.loads(site.world.store.get(f"s3://evidence/ledger/{RUN_ID}/report.json")))


def test_all_is_promoted_and_all_goes_back_with_failback(broken: Site) -> None:
    during: list[Any] = []

    def look(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
        during.append(seen(broken))

    machine = play(broken, Fault(name="looked at", before=look), at="serve")
    assert machine.entered[-1] == "Succeeded"
    (there,) = during
    assert there["route53"] == AFTER["route53"]
    assert there["fence_role"]
    assert there["pointer"] == "relight/run-1"
    assert seen(broken) == {kind: BEFORE[kind] for kind in CHANGED}
    undone = machine.known["handback"]["actions"]
    assert [one["action"] for one in undone][-1] == "fence-role"
    assert all(one["done"] for one in undone)


def test_a_failure_in_the_last_action_takes_the_others_back_in_reverse_and_the_run_ends_as_failed(broken: Site) -> None:
    broken.function.answers["do"] = {"done": False, "detail": "the cache is locked"}
    machine = play(broken)
    assert machine.entered[-1] == "Failed"
    assert seen(broken) == {kind: BEFORE[kind] for kind in CHANGED}
    assert [one["action"] for one in machine.known["cleared"]["undone"]] == [
        "lambda", "ssm", "route53", "pointer", "fence-role",
    ]  # fmt: skip
    assert "the cache is locked" in report(broken)["summary"]
    assert not broken.world.live()


@pytest.mark.slow
def test_what_can_not_be_undone_is_said_in_receipt_and_report(broken: Site) -> None:
    broken.function.answers |= {"do": {"done": False, "detail": "locked"}, "undo": {"done": False, "detail": "still locked"}}
    play(broken)
    assert any("not undone: function purge" in line and "still locked" in line for line in report(broken)["warnings"])
    (teardown,) = [one for one in broken.world.receipts() if one["phase"] == "teardown"]
    assert [one["action"] for one in teardown["outputs"]["undone"] if not one["done"]] == ["lambda"]


@pytest.mark.slow
def test_a_throttled_action_is_tried_again_and_nothing_is_done_twice(broken: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = acting.KINDS["lambda"], []

    class Once:
        essential, asks = True, False

        def do(self, *arguments: Any) -> str:
            tries.append(arguments)
            if len(tries) == 1:
                raise Throttled("slow down")
            return real.do(*arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(acting, "KINDS", {**acting.KINDS, "lambda": Once()})
    assert play(broken).entered[-1] == "Succeeded"
    assert len(tries) == 2
    assert broken.function.asked.count("do") == 1


@pytest.mark.slow
def test_a_drill_never_promotes(broken: Site) -> None:
    machine = play(broken, mode="drill", rehearse_approval=True)
    assert "promote" not in machine.phases
    assert seen(broken) == {kind: BEFORE[kind] for kind in CHANGED}
    assert broken.function.asked == []


# ---------------------------------------------------------------- at the last moment
def other_production(site: Site, alive: bool) -> str:
    """Another run's runner is production for the app."""
    tags = [{"Key": Tag.NAME, "Value": "relight"}, {"Key": Tag.APP, "Value": "ledger"}, {"Key": Tag.RUN, "Value": "old"}]
    made = aws.client("ec2").run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )
    instance = str(made["Instances"][0]["InstanceId"])
    if not alive:
        aws.client("ec2").terminate_instances(InstanceIds=[instance])
    other = decode({**run(), "run_id": "old"}, Run)
    assert site.world.table.become_production(other, replace(RUNNER, instance_id=instance), None)
    return instance


@pytest.mark.slow
def test_nothing_is_promoted_beside_another_run_that_is_production(broken: Site) -> None:
    other_production(broken, alive=True)
    machine = play(broken)
    assert machine.known["failure"]["error"] == AlreadyPromoted.__name__
    assert seen(broken) == {kind: BEFORE[kind] for kind in CHANGED}


@pytest.mark.slow
def test_a_run_whose_lease_has_expired_promotes_nothing(broken: Site) -> None:
    """Another one may have begun to act for the app."""

    def expire(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
        broken.world.table.update_lease(decode(payload["run"], Run), expires_at=1)

    machine = play(broken, Fault(name="expired", before=expire))
    assert machine.known["failure"]["error"] == "LeaseLost"
    assert machine.entered[-1] == "Failed"
    assert broken.function.asked == []
    assert seen(broken) == {kind: BEFORE[kind] for kind in CHANGED}


@pytest.mark.slow
def test_production_that_has_died_is_in_nobodys_way(broken: Site) -> None:
    other_production(broken, alive=False)
    assert play(broken).entered[-1] == "Succeeded"


@pytest.mark.slow
def test_once_failed_back_an_app_may_be_promoted_again(broken: Site) -> None:
    play(broken)
    found = broken.world.table.production("ledger")
    assert found is not None and found.ended


@pytest.mark.slow
def test_a_promotion_that_fails_leaves_nobody_as_production(broken: Site) -> None:
    broken.function.answers["do"] = {"done": False, "detail": "no"}
    play(broken)
    found = broken.world.table.production("ledger")
    assert found is not None and found.ended


# ---------------------------------------------------------------- before anybody decides
@pytest.mark.slow
def test_the_approver_is_told_in_the_status_and_in_the_evidence(broken: Site) -> None:
    play(broken)
    record = broken.world.table.run(RUN_ID)
    assert record is not None
    lines = json.loads(record["preview"])["lines"]
    assert any("1.2.3.4 → 5.6.7.8" in line for line in lines)
    assert lines[-1].startswith("last, lift quarantine: ")
    assert "1.2.3.4 → 5.6.7.8" in broken.world.everything()


def test_what_somebody_changed_between_the_approval_and_the_promotion_stops_it(broken: Site) -> None:
    def meddle(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
        broken.point("9.9.9.9")

    machine = play(broken, Fault(name="somebody else", before=meddle))
    assert machine.known["failure"]["error"] == "ActionMoved"
    assert seen(broken) == {kind: BEFORE[kind] for kind in CHANGED} | {"route53": [(300, ["9.9.9.9"])]}


@pytest.mark.slow
def test_that_nothing_fences_the_old_primary_is_said_before_and_after(broken: Site) -> None:
    broken.configure("pointer")
    machine = play(broken)
    record = broken.world.table.run(RUN_ID)
    assert record is not None and acting.NO_FENCE in json.loads(record["preview"])["lines"]
    (task,) = [
        one for one in broken.world.table.mailbox(machine.known["launch"]["principal"]).tasks if one.phase == "promote"
    ]
    assert [one["detail"] for one in task.inputs["actions"] if one["verdict"] == "COULD_NOT_VERIFY"] == [acting.NO_FENCE]
