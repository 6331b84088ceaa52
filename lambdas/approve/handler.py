"""Approve: asks people for the decision. The token stays in the table; the message names the run, never the token."""

import time
from typing import Any

from relight.adapters import parameters
from relight.adapters.notify import Notifier
from relight.adapters.table import Approval
from relight.config import App
from relight.evidence.step import Step, step
from relight.model import Mode, Phase, PlanRef, Runner, Validation, now
from relight.times import from_epoch


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.APPROVE, event) as this:
        this.lease()
        plan, validation = this.given("plan", PlanRef), this.given("validation", Validation)
        until = int(time.time()) + plan.deadlines.approve
        asked = Approval(token=this.token, evidence_hash=validation.evidence_hash, requested_at=now(), expires_at=until)
        this.table.ask_approval(this.run.run_id, asked)
        answer = this.hand_over("a person")
        Notifier(this.settings.topic).publish(*message(this, parameters.app(this.run.app), plan, validation, until))
        return answer


def message(this: Step, app: App, plan: PlanRef, validation: Validation, until: int) -> tuple[str, str]:
    """(subject, text): what a person needs to decide, and how."""
    run, runner = this.run, this.maybe("launch", Runner)
    what = "promote the recovered" if run.mode == Mode.INCIDENT else "rehearse the approval of"
    checks = "\n".join(f"  {check.verdict:18} {check.validator}: {check.detail}" for check in validation.checks)
    where = f"{runner.instance_type} {runner.instance_id} in {runner.zone}" if runner else "the runner"
    text = (
        f"{run.app} was restored and validated on {where}. Decide whether to {what} {run.app}.\n\n"
        f"run        {run.run_id} ({run.mode}, asked for by {run.initiator})\n"
        f"reason     {run.reason or '-'}\n"
        f"backup     {plan.backup_id} of {plan.created_at}\n"
        f"namespace  {run.namespace or app.namespace}\n"
        f"evidence   {validation.evidence_hash}\n"
        f"           {this.prefix}\n"
        f"checks\n{checks}\n\n"
        f"Until {from_epoch(until)}, by somebody other than the initiator:\n"
        f"  relight approve {run.run_id}\n"
        f"  relight reject {run.run_id} --reason '...'\n"
    )
    return f"Relight: {run.app}: approval wanted for {run.mode} {run.run_id}", text
