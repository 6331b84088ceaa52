"""Serve: the runner is production. The token waits in the table until somebody asks for failback."""

from typing import Any

from relight.evidence.step import step
from relight.model import Phase, PlanRef


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.SERVE, event) as now:
        now.given("plan", PlanRef)
        now.table.update_lease(now.run, promoted=True)
        return now.hand_over("whoever asks for failback")
