"""Serve: the runner is production, and may live so long. The token waits in the table until somebody asks for failback."""

from typing import Any

from relight.adapters.compute import Compute
from relight.evidence.step import step
from relight.messages import Kind
from relight.model import Phase, PlanRef, Runner
from relight.production import live_for
from relight.telling import About, Teller


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.SERVE, event) as now:
        plan, runner = now.given("plan", PlanRef), now.given("launch", Runner)
        live_for(now, Compute(), runner, plan.deadlines.serve, promoted=True)
        about = About(run=now.run, approval=now.table.approval(now.run.run_id), variables=now.payload)
        Teller(deployment=now.settings).tell(Kind.PROMOTED, about)
        return now.hand_over("whoever asks for failback")
