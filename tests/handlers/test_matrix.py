"""The fault matrix: each fault at every state that it can strike, and after each all of the design's invariants.

What the world does wrong is a row of FAULTS. A function that is broken before it begins is in tests/runs, for each phase up
to the approval and for Report.
"""

import json
import time
from collections import Counter
from typing import Any

import pytest

from lambdas.plan.handler import handler as plan
from lambdas.reap.handler import handler as reap
from relight.adapters import aws
from relight.adapters.s3 import S3
from relight.errors import DrillYielding, Throttled
from relight.evidence.verify import verify_copy
from relight.model import Phase, Tag
from tests.flow.asl import STATES
from tests.handlers.cast import ANN, Cast
from tests.handlers.conftest import EVIDENCE, RUN_ID, STORAGE, World, backup, run
from tests.handlers.machine import HANDLERS, Fault, Machine, Reported, Stopped

pytestmark = pytest.mark.slow

POINTER = f"s3://{STORAGE}/app/site/active.json"
PRIMARY = b'{"site":"primary"}'
WAITING = ("restore", "validate", "approve", "promote", "serve")
ON_RUNNER = ("restore", "validate", "promote", "serve")
FUNCTIONS = ("detect", "plan", "launch", "failback", "teardown", "report")
PRODUCTION = ("serve", "failback")  # from there on the runner is production, and an error keeps it
HOUR = 3600


def report(name: str) -> Any:
    def strike(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
        raise Reported(name)

    return strike


def stop(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
    raise Stopped


def again(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
    HANDLERS[phase](payload, None)


def kill_instance(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
    aws.client("ec2").terminate_instances(InstanceIds=machine.world.live())


def steal_lease(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
    machine.world.table._update("app#ledger", "lease", {"run_id": "run-2"})


def incident(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
    with pytest.raises(DrillYielding):
        plan({"run": run(run_id="incident-1"), "attempt": 0}, None)


def lose_receipt(machine: Machine, phase: str, payload: dict[str, Any]) -> None:
    real = S3.put

    def refuse(self: S3, uri: str, data: bytes, **more: Any) -> str:
        if uri.endswith(f"-{phase}.json") and "/artifacts/" not in uri:
            S3.put = real  # type: ignore[method-assign]
            raise Throttled(f"write {uri}: slow down")
        return real(self, uri, data, **more)

    S3.put = refuse  # type: ignore[method-assign,assignment]


ALWAYS = 99
ALL = tuple(phase.value for phase in Phase)
FAULTS: dict[Fault, tuple[str, ...]] = {
    Fault(name="its function is broken", before=report("Runtime.ImportModuleError"), times=ALWAYS): (
        *PRODUCTION,
        "teardown",
    ),
    Fault(name="its function is killed when its work is done", after=report("Lambda.ServiceException")): ALL,
    Fault(name="its function takes too long", after=report("States.Timeout"), times=ALWAYS): ALL,
    Fault(name="it is delivered twice", after=again): ("plan", "launch", "approve", "promote", "failback", "teardown"),
    Fault(name="its receipt is not taken at first", before=lose_receipt): FUNCTIONS,
    Fault(name="the agent goes silent once", silent=True): ON_RUNNER,
    Fault(name="the agent goes silent for good", silent=True, times=ALWAYS): ("restore",),
    Fault(name="nobody answers", silent=True): ("approve",),
    Fault(name="the instance dies", after=kill_instance): WAITING,
    Fault(name="another run takes the lease", before=steal_lease): ("launch", *WAITING, "failback", "teardown"),
    Fault(name="the execution is stopped", after=stop): ALL[1:-1],
}
MATRIX = [pytest.param(fault, phase, id=f"{phase}: {fault.name}") for fault, phases in FAULTS.items() for phase in phases]
PASSES = {
    "its function is killed when its work is done", "it is delivered twice", "its receipt is not taken at first",
}  # fmt: skip


def end_of(fault: Fault, phase: str) -> str:
    """The end state that the run must come to."""
    if fault.name in PASSES or (phase == "restore" and fault.name in ("the agent goes silent once", "the instance dies")):
        return "Succeeded"  # the next rung of the ladder
    if (phase, fault.name) == ("serve", "the instance dies"):
        return "Succeeded"  # it writes nothing more: the pointers go back
    if fault.name == "another run takes the lease" and phase in ("failback", "teardown"):
        return "Succeeded"  # its work needs the lease no more
    if fault.name == "the execution is stopped":
        return "Stopped"
    if phase == "approve":
        return {"nobody answers": "Expired", "its function takes too long": "Expired"}.get(fault.name, "Failed")
    return "ReportFailed" if phase == "report" else "Failed"


@pytest.fixture
def broken(world: World) -> World:
    """The app last published long ago; it has one good backup."""
    world.publish("2026-01-01T03:05:00Z")
    backup(world)
    return world


@pytest.mark.parametrize(("fault", "phase"), MATRIX)
def test_whatever_breaks_wherever_the_run_ends_by_name_and_every_invariant_holds(
    broken: World, fault: Fault, phase: str
) -> None:
    machine = Machine(broken, Cast(broken), fault, phase)
    end = machine.play(initiator=ANN)
    assert machine.struck, "the fault did not strike"
    assert end == end_of(fault, phase)
    holds(machine, end)


@pytest.mark.parametrize("phase", ["launch", "restore", "validate", "approve", "teardown"])
def test_an_incident_preempts_a_drill_wherever_it_is(broken: World, phase: str) -> None:
    early = phase in ("approve", "teardown")  # what it does next ends the drill's hold on the app
    fault = Fault(name="an incident", before=incident if early else None, after=None if early else incident)
    machine = Machine(broken, Cast(broken), fault, phase)
    end = machine.play(mode="drill", rehearse_approval=True, initiator=ANN)
    assert (end, machine.struck) == ("Succeeded" if phase == "teardown" else "Preempted", 1)
    holds(machine, end)
    assert plan({"run": run(run_id="incident-1"), "attempt": 1}, None)["backup_id"] == "b1"


@pytest.mark.parametrize("mode", ["drill", "incident"])
@pytest.mark.parametrize("verdict", ["COULD_NOT_VERIFY", "passed", None, "missing"])
def test_only_passed_is_passed(broken: World, verdict: Any, mode: str) -> None:
    machine = Machine(broken, Cast(broken, verdict=verdict))
    end = machine.play(mode=mode, initiator=ANN)
    assert end == "Failed"
    assert "Approve" not in machine.entered
    holds(machine, end)


def test_a_reason_that_would_burst_the_machine_ends_before_anything_is_launched(broken: World) -> None:
    machine = Machine(broken, Cast(broken))
    assert machine.play(reason="x" * 200_000, initiator=ANN) == "Failed"
    assert "Plan" not in machine.entered
    holds(machine, "Failed")


# ---------------------------------------------------------------- the invariants
def holds(machine: Machine, end: str) -> None:
    world = machine.world
    kept = end in ("Failed", "Stopped") and "serve" in machine.phases and not machine.known.get("handback")
    if end == "Stopped" or (machine.at == "teardown" and end == "Failed"):
        the_guards_end_it(world, kept)
    else:
        nothing_is_left(machine, end, kept)
    only_the_proven_is_production(machine, kept)
    every_phase_has_its_receipt(machine, end)
    nothing_was_done_twice(machine)


def nothing_is_left(machine: Machine, end: str, kept: bool) -> None:
    """1 and 3: no runner, no lease; or one that is held by name: production, or undecided and for hours at most."""
    world, lease = machine.world, machine.world.table.lease("ledger")
    if end == "Expired":
        assert lease and lease.undecided and lease.held and lease.expires_at - time.time() < 7 * HOUR
        assert machine.known["cleared"]["left"] == world.live()
        the_guards_end_it(world, kept=False)
        return
    if not kept:
        assert world.live() == []
        assert lease is None or lease.run_id != RUN_ID
        return
    assert len(world.live()) <= 1
    assert machine.known["cleared"]["left"] == world.live()
    if world.live():
        assert lease and (lease.run_id != RUN_ID or (lease.held and lease.promoted))
    else:
        assert lease is None


def the_guards_end_it(world: World, kept: bool) -> None:
    """1: what a run that was cut off leaves has an expiry of a few hours, and is ended by it; 3: so is its lease."""
    for runner in world.live():
        tags = {tag["Key"]: tag["Value"] for tag in instances(runner)[0]["Tags"]}
        left = int(tags[Tag.EXPIRES]) - time.time()
        assert kept or left < 7 * HOUR, "it was not promoted, and would live on"
        aws.client("ec2").create_tags(Resources=[runner], Tags=[{"Key": Tag.EXPIRES, "Value": str(int(time.time()) - HOUR)}])
    reap({}, None)
    assert world.live() == []
    lease = world.table.lease("ledger")
    assert lease is None or kept or lease.expires_at - time.time() < 7 * HOUR


def only_the_proven_is_production(machine: Machine, kept: bool) -> None:
    """2 and 7."""
    world = machine.world
    if not kept and not (machine.at == "teardown" or machine.phases[-1] == "promote"):
        assert world.store.get(POINTER) == PRIMARY
    if world.table.notes(RUN_ID):
        validation, approval = machine.known["validation"], world.table.approval(RUN_ID)
        assert validation["verdict"] == "PASSED"
        assert approval and approval.decision and approval.decision.decided == "approved"
        assert approval.decision.evidence_hash == validation["evidence_hash"]


def every_phase_has_its_receipt(machine: Machine, end: str) -> None:
    """4: and the chain of them verifies, unless the run was cut off before it was closed."""
    there = {receipt["phase"] for receipt in machine.world.receipts()}
    cut = {machine.phases[-1]} if end in ("Stopped", "ReportFailed") else set()
    assert set(machine.phases) - cut <= there
    if not cut:
        assert verify_copy(f"s3://{EVIDENCE}/ledger/{RUN_ID}") == []
        assert json.loads(machine.world.store.get(f"s3://{EVIDENCE}/ledger/{RUN_ID}/report.json"))["outcome"] == end


def nothing_was_done_twice(machine: Machine) -> None:
    """5: one receipt a try, one instance a rung, one move a pointer, one answer a token."""
    tries = Counter((receipt["phase"], receipt["attempt"]) for receipt in machine.world.receipts())
    rungs = Counter(tag["Value"] for one in instances() for tag in one["Tags"] if tag["Key"] == Tag.RUNG)
    answers = Counter(token for what, token, _ in machine.world.answered if what in ("success", "failure"))
    assert [count for count in (tries | rungs | answers).values() if count > 1] == []


def instances(*ids: str) -> list[dict[str, Any]]:
    found = aws.client("ec2").describe_instances(**({"InstanceIds": list(ids)} if ids else {}))
    return [one for group in found["Reservations"] for one in group["Instances"]]


def test_the_matrix_covers_every_phase() -> None:
    assert set(ALL) == {name.lower() for name, state in STATES.items() if state["Type"] == "Task"}
