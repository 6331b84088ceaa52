"""Launch: one instance for the run, from the first rung of the ladder that has capacity."""

from typing import Any

from lambdas.launch.ladder import Ladder
from relight.adapters import parameters
from relight.adapters.compute import Compute
from relight.evidence.step import step
from relight.model import Order, Phase, PlanRef, encode
from relight.times import epoch


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.LAUNCH, event) as now:
        plan, lease = now.given("plan", PlanRef), now.lease()
        ladder = Ladder(compute=Compute(), settings=now.settings, run=now.run)
        ladder.clear(lease.runner, int(event.get("rung") or 0))
        runner = ladder.climb(int(event.get("rung") or 0), plan)
        # The order is what the machine looks for as it boots: it comes before anything else.
        app = encode(parameters.app(now.run.app))
        now.table.put_order(runner.principal, Order(run=now.run, plan=plan, evidence_prefix=now.prefix, app=app))
        now.table.put_runner_lease(runner.principal, epoch(runner.expires_at))
        now.table.update_lease(now.run, runner=runner, expires_at=epoch(runner.expires_at))
        return now.answer(runner)
