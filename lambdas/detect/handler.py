"""Detect: is the app really unwell? Reads its signals again, since an alarm is minutes old when it gets here."""

from datetime import UTC, datetime
from typing import Any

from relight import health
from relight.adapters import parameters
from relight.evidence.step import Step, step, strict_run
from relight.model import Detection, Health, Mode, Phase, Run


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.DETECT, event) as now:
        strict_run(event.get("run"))
        now.table.list_run(now.run)
        return now.answer(detect(now))


def detect(now: Step) -> Detection:
    app = parameters.app(now.run.app)
    readings, state, said = health.look(app, now.store, lambda: datetime.now(UTC))
    insists = insistence(now.run) or died(now)
    proceed = state != Health.HEALTHY or insists is not None
    reason = f"{said}; {insists}" if insists else said if proceed else f"{said}: healthy, nothing to do"
    return Detection(proceed=proceed, health=state, reason=reason, readings=readings)


def died(now: Step) -> str | None:
    """Signals of a site that is gone may be fresh for hours: what is known of its runner goes before them."""
    lease = now.table.lease(now.run.app)
    if lease is None or not lease.promoted:
        return None
    watched = now.table.watched(lease.run_id)
    return f"production of run {lease.run_id} is gone" if watched and watched.state == "gone" else None


def insistence(run: Run) -> str | None:
    """Why the run goes on even when the app is healthy, or None. Unknown health goes on too: a person decides later."""
    if run.mode == Mode.DRILL:
        return "a drill always proceeds"
    if run.start_at != Phase.LAUNCH:
        return f"a person asked to start at {run.start_at} on the runner being held"
    return f"break-glass: {run.break_glass}" if run.break_glass else None
