"""Plan: takes the app's lease, chooses and verifies the backup, and writes down what the restore will do."""

import time
from typing import Any

from lambdas.plan.bundle import Planning
from lambdas.plan.lease import Claim
from relight.adapters import parameters
from relight.adapters.compute import Compute
from relight.adapters.table import Lease
from relight.adapters.workflow import Workflow
from relight.config import App
from relight.errors import NothingHeld
from relight.evidence.step import Step, step
from relight.model import Deadlines, Order, Phase, PlanRef, Runner, Tag, encode
from relight.records import replace
from relight.times import from_epoch, lifetime

REPLANNED = {Phase.LAUNCH, Phase.RESTORE}  # at any other start, what stands on the runner is what its own plan says


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.PLAN, event) as now:
        app = parameters.app(now.run.app)
        deadlines = deadlines_of(app)
        until = int(time.time()) + (now.settings.runner_hold or lifetime(deadlines))
        claim = Claim(now.table, Workflow(), now.run, until)
        if now.run.start_at == Phase.LAUNCH:
            claim.take()
            plan = Planning(now, app, deadlines).make()
        else:
            plan = adopted(now, app, claim.adopt(), deadlines, until)
        now.table.update_lease(now.run, plan=plan)
        return now.answer(plan)


def deadlines_of(app: App) -> Deadlines:
    """Bounded by the app's own objectives; each validator may take what it was given, one after the other."""
    return Deadlines(
        launch_heartbeat=app.silence,
        restore=max(app.rto, 2 * app.silence),
        restore_heartbeat=app.silence,
        validate=max(sum(one.deadline for one in app.validators) + 60, 2 * app.silence),
        approve=app.approval_window,
        hold=app.request_hold,
    )


def adopted(now: Step, app: App, held: Lease, deadlines: Deadlines, until: int) -> PlanRef:
    """The plan on a held runner, which from now on is this run's: its tags, its order and its expiry say so."""
    if held.runner is None or (held.plan is None and now.run.start_at not in REPLANNED):
        raise NothingHeld(
            f"start_at {now.run.start_at}", f"{now.run.app} has no plan on a runner", "start at launch instead"
        )
    runner = replace(held.runner, expires_at=from_epoch(until))
    check_alive(now, runner)
    again = held.plan is None or now.run.start_at in REPLANNED
    plan = Planning(now, app, deadlines).make() if again or held.plan is None else held.plan
    plan = replace(plan, adopted=runner)
    tags = {Tag.RUN: now.run.run_id, Tag.MODE: now.run.mode.value, Tag.EXPIRES: str(until)}
    Compute().set_tags(runner.instance_id, {str(name): value for name, value in tags.items()})
    now.table.put_order(runner.principal, Order(run=now.run, plan=plan, evidence_prefix=now.prefix, app=encode(app)))
    now.table.put_runner_lease(runner.principal, until)
    now.table.update_lease(now.run, runner=runner)
    return plan


def check_alive(now: Step, runner: Runner) -> None:
    """Raises NothingHeld when the held runner has died meanwhile; giving it up goes on even then."""
    found = Compute().find({Tag.NAME: now.settings.name, Tag.APP: now.run.app})
    alive = any(one.instance_id == runner.instance_id and one.live for one in found)
    if not alive and now.run.start_at != Phase.TEARDOWN:
        raise NothingHeld(f"start_at {now.run.start_at}", f"runner {runner.instance_id} is gone", "start at launch instead")
