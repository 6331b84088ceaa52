"""A promoted runner as people see it: how it is, how long it lives, how old its newest backup is. Never its keys."""

from dataclasses import dataclass
from typing import Any

from lambdas.console.desk import Desk
from relight.adapters.table import Lease
from relight.model import Run, Runner, Vitals, encode
from relight.times import from_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    lease: Lease
    runner: Runner
    vitals: Vitals | None


def serving(desk: Desk, run: Run) -> Serving | None:
    """None where the run's runner is not production."""
    lease = desk.table.lease(run.app)
    if lease is None or lease.run_id != run.run_id or lease.runner is None or not lease.promoted:
        return None
    return Serving(lease=lease, runner=lease.runner, vitals=desk.table.vitals(lease.runner.principal))


def shown(desk: Desk, run: Run) -> dict[str, Any] | None:
    found = serving(desk, run)
    if found is None:
        return None
    watched = desk.table.watched(run.run_id)
    return {
        "runner": found.runner.instance_id,
        "until": from_epoch(found.lease.expires_at),
        "state": watched.state if watched else "",
        "since": from_epoch(watched.began_at) if watched else None,
        "objectives": encode(found.lease.plan.objectives) if found.lease.plan else None,
        "vitals": encode(found.vitals),
    }
