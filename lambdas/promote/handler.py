"""Promote: checks once more that this may happen, does the app's actions, and hands the agent the lifting of quarantine."""

from typing import Any

from lambdas.promote.proof import check_proof
from relight.adapters import parameters
from relight.adapters.compute import Compute
from relight.adapters.notes import Production
from relight.config import App
from relight.errors import AlreadyPromoted, RunnerLost
from relight.evidence.step import Step, step
from relight.model import Phase, PlanRef, Runner, Tag, encode
from relight.production import live_for
from relight.promotion.acting import promote, unfenced
from relight.promotion.kind import Scene
from relight.times import MARGIN


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.PROMOTE, event) as now:
        plan, runner = now.given("plan", PlanRef), now.given("launch", Runner)
        now.lease()
        app = parameters.app(now.run.app)
        evidence = check_proof(now, plan)
        compute = Compute()
        check_alive(compute, now, runner)
        # It becomes production in Serve; a run that is cut off in here leaves no runner for days.
        live_for(now, compute, runner, plan.deadlines.promote + MARGIN)
        become_production(now, compute, runner)
        done = (*promote(scene(now, app, runner), app.promote), *unfenced(app.promote))
        now.record.verdicts = encode(done)
        deadlines, bound = plan.deadlines, {"evidence_hash": evidence, "actions": encode(done)}
        return now.give_task(runner, deadlines.promote, deadlines.restore_heartbeat, **bound)


def check_alive(compute: Compute, now: Step, runner: Runner) -> None:
    """Raises RunnerLost unless EC2 shows the runner alive under this run's tag."""
    found = compute.find({Tag.NAME: now.settings.name, Tag.RUN: now.run.run_id})
    if not any(one.instance_id == runner.instance_id and one.live for one in found):
        raise RunnerLost(f"runner {runner.instance_id}: is not alive; nothing was promoted; start another run")


def become_production(now: Step, compute: Compute, runner: Runner) -> None:
    """Raises AlreadyPromoted where another run's runner is production for this app, and lives."""
    other = now.table.production(now.run.app)
    beside = other is not None and lives_beside(other, now, compute)
    if beside or not now.table.become_production(now.run, runner, other):
        whose = f"run {other.run_id}, runner {other.instance_id}" if other else "another run"
        raise AlreadyPromoted(
            f"{now.run.app}: is production already ({whose}); nothing was promoted; fail that one back, or give it up, first"
        )


def lives_beside(other: Production, now: Step, compute: Compute) -> bool:
    if other.ended or other.run_id == now.run.run_id:
        return False
    found = compute.find({Tag.NAME: now.settings.name, Tag.APP: now.run.app})
    return any(one.instance_id == other.instance_id and one.live for one in found)


def scene(now: Step, app: App, runner: Runner) -> Scene:
    return Scene(
        store=now.store,
        table=now.table,
        run=now.run,
        runner=runner,
        storage=app.storage,
        namespace=app.namespace,
    )
