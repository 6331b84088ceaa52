"""Promote: checks once more that this may happen, moves the pointers, and hands the agent the lifting of the quarantine."""

import time
from typing import Any

from lambdas.promote.proof import check_proof
from relight import pointers
from relight.adapters import parameters
from relight.adapters.compute import Compute
from relight.errors import RunnerLost
from relight.evidence.step import Step, step
from relight.model import ActionResult, Phase, PlanRef, Runner, Tag, encode
from relight.times import from_epoch


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.PROMOTE, event) as now:
        plan, runner = now.given("plan", PlanRef), now.given("launch", Runner)
        now.lease()
        evidence = check_proof(now, plan)
        compute = Compute()
        check_alive(compute, now, runner)
        outlast(compute, now, runner, plan.deadlines.serve)
        moved = move_pointers(now, runner)
        deadlines, bound = plan.deadlines, {"evidence_hash": evidence, "pointers": encode(moved)}
        return now.give_task(runner, deadlines.promote, deadlines.restore_heartbeat, **bound)


def check_alive(compute: Compute, now: Step, runner: Runner) -> None:
    """Raises RunnerLost unless EC2 shows the runner alive under this run's tag."""
    found = compute.find({Tag.NAME: now.settings.name, Tag.RUN: now.run.run_id})
    if not any(one.instance_id == runner.instance_id and one.live for one in found):
        raise RunnerLost(f"runner {runner.instance_id}: is not alive; nothing was promoted; start another run")


def outlast(compute: Compute, now: Step, runner: Runner, serve: int) -> None:
    """Production must not be ended by a guard against leaks: runner and lease last as long as Serve may wait."""
    until = int(time.time()) + serve
    now.table.update_lease(now.run, expires_at=until, runner=encode(runner) | {"expires_at": from_epoch(until)})
    now.table.put_runner_lease(runner.principal, until)
    compute.set_expiry(runner.instance_id, until)


def move_pointers(now: Step, runner: Runner) -> list[ActionResult]:
    app = parameters.app(now.run.app)
    return [pointers.move(now.store, now.table, app, now.run, runner, action) for action in app.promote]
