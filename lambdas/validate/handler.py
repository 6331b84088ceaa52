"""Validate: hands the agent its validate task. The agent answers with one verdict a validator."""

from typing import Any

from relight.evidence.step import step
from relight.model import Phase, PlanRef, Runner


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.VALIDATE, event) as now:
        now.lease()
        deadlines = now.given("plan", PlanRef).deadlines
        return now.give_task(now.given("launch", Runner), deadlines.validate, deadlines.restore_heartbeat)
