"""Promote: checks once more that this may happen, moves the pointers, and hands the agent the lifting of the quarantine."""

from typing import Any

from lambdas.promote.proof import check_proof
from relight import pointers
from relight.adapters import parameters
from relight.adapters.compute import Compute
from relight.errors import RunnerLost
from relight.evidence.step import Step, step
from relight.model import ActionResult, Phase, PlanRef, Runner, Tag, encode
from relight.production import live_for
from relight.times import MARGIN


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.PROMOTE, event) as now:
        plan, runner = now.given("plan", PlanRef), now.given("launch", Runner)
        now.lease()
        evidence = check_proof(now, plan)
        compute = Compute()
        check_alive(compute, now, runner)
        # It becomes production in Serve; a run that is cut off in here leaves no runner for a year.
        live_for(now, compute, runner, plan.deadlines.promote + MARGIN)
        moved = move_pointers(now, runner)
        deadlines, bound = plan.deadlines, {"evidence_hash": evidence, "pointers": encode(moved)}
        return now.give_task(runner, deadlines.promote, deadlines.restore_heartbeat, **bound)


def check_alive(compute: Compute, now: Step, runner: Runner) -> None:
    """Raises RunnerLost unless EC2 shows the runner alive under this run's tag."""
    found = compute.find({Tag.NAME: now.settings.name, Tag.RUN: now.run.run_id})
    if not any(one.instance_id == runner.instance_id and one.live for one in found):
        raise RunnerLost(f"runner {runner.instance_id}: is not alive; nothing was promoted; start another run")


def move_pointers(now: Step, runner: Runner) -> list[ActionResult]:
    app = parameters.app(now.run.app)
    return [pointers.move(now.store, now.table, app, now.run, runner, action) for action in app.promote]
