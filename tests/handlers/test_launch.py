"""How a run's runner comes to be: by the next rung where one is scarce or silent, and never twice."""

import time
from typing import Any

import pytest

from lambdas.launch.handler import handler as launch
from lambdas.restore.handler import handler as restore
from lambdas.teardown.handler import handler as teardown
from relight.adapters import compute
from relight.adapters.calls import Refused
from relight.errors import (
    CapacityUnavailable,
    RelightError,
)
from tests.handlers.conftest import World, backup
from tests.handlers.steps import call, launched


@pytest.fixture
def scarce(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Instance types that cannot be had."""
    missing: set[str] = set()
    real = compute.call

    def call_ec2(service: str, operation: str, expected: Any = (), **arguments: Any) -> Any:
        if operation == "run_instances" and arguments["InstanceType"] in missing:
            raise Refused({"Error": {"Code": "InsufficientInstanceCapacity", "Message": "none left"}})
        return real(service, operation, expected, **arguments)

    monkeypatch.setattr(compute, "call", call_ec2)
    return missing


def test_the_next_rung_is_tried_when_one_has_no_capacity(world: World, scarce: set[str]) -> None:
    backup(world)
    scarce.add("m7g.large")
    _, _, runner = launched(world)
    assert (runner["instance_type"], runner["rung"]) == ("t4g.large", 2)


def test_no_capacity_anywhere_is_one_error_that_names_each_rung(world: World, scarce: set[str]) -> None:
    backup(world)
    scarce |= {"m7g.large", "t4g.large"}
    with pytest.raises(CapacityUnavailable, match=r"m7g.large.*t4g.large"):
        launched(world)
    assert world.live() == []


def test_a_silent_runner_is_terminated_before_the_next_rung_is_launched(world: World) -> None:
    backup(world)
    given, made, silent = launched(world)
    failure = {"phase": "Restore", "error": "States.HeartbeatTimeout", "cause": ""}
    call(restore, given, plan=made, launch=silent, task_token="t")
    runner = launch({"run": given, "attempt": 10, "plan": made, "rung": 1, "failure": failure}, None)
    assert world.live() == [runner["instance_id"]] != [silent["instance_id"]]
    assert [r["error"]["type"] for r in world.receipts() if r["phase"] == "restore"] == ["States.HeartbeatTimeout"]


def test_the_runner_finds_its_order_and_its_expiry(world: World) -> None:
    backup(world)
    given, made, runner = launched(world)
    mailbox = world.table.mailbox(runner["principal"])
    assert mailbox.order is not None
    assert (mailbox.order.run.run_id, mailbox.order.plan.hash) == (given["run_id"], made["hash"])
    assert mailbox.lease_expires_at == pytest.approx(time.time() + 3600, abs=60)
    [instance] = compute.Compute().find({"relight:run-id": given["run_id"]})
    assert instance.expires_at == mailbox.lease_expires_at


def test_client_tokens_fit_ec2_and_differ() -> None:
    tokens = {compute.client_token(name, rung) for name in ("run", "r" * 80, "r" * 79 + "x") for rung in (0, 1, 12)}
    assert len(tokens) == 9
    assert max(map(len, tokens)) <= 64


def test_a_teardown_that_sees_its_runner_alive_does_not_call_it_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    backup(world)
    given, made, runner = launched(world)
    monkeypatch.setattr(compute.Compute, "terminate", lambda self, ids: None)
    with pytest.raises(RelightError, match=runner["instance_id"]):
        call(teardown, given, plan=made, launch=runner, outcome="Failed")
    assert world.table.lease("ledger") is not None
