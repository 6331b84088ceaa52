"""Restore: hands the agent its restore task. The agent's heartbeats say that it lives; its answer ends the state."""

from typing import Any

from relight.evidence.step import step
from relight.model import Phase, PlanRef, Runner


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.RESTORE, event) as now:
        now.lease()
        deadlines = now.given("plan", PlanRef).deadlines
        return now.give_task(now.given("launch", Runner), deadlines.restore, deadlines.launch_heartbeat)
