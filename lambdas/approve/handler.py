"""Approve: asks people for the decision. The token stays in the table; the message names the run, never the token."""

import time
from contextlib import suppress
from typing import Any

from relight.adapters import parameters
from relight.adapters.notify import Notifier
from relight.adapters.table import Approval
from relight.adapters.workflow import Workflow
from relight.config import App
from relight.errors import RelightError, TaskGone
from relight.evidence.step import Step, log, step
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
        if decided(this):
            return answer
        tell(this, *message(this, parameters.app(this.run.app), plan, validation, until))
        return answer


def decided(this: Step) -> bool:
    """A person who answered an earlier try, whose token nobody waits for any more, is not asked again."""
    approval = this.table.approval(this.run.run_id)
    if approval is None or approval.decision is None:
        return False
    with suppress(TaskGone):
        Workflow().succeed(this.token, approval.decision)
    return True


def tell(this: Step, subject: str, text: str) -> None:
    """That nobody could be told must not end a recovery that waits for its approval: the console shows it too."""
    try:
        Notifier(this.settings.topic).publish(subject, text)
    except RelightError as error:
        log.error("nobody was told that a decision is wanted; relight status shows it", extra={"error": str(error)})


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
