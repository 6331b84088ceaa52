"""Approve: asks people for the decision. The token stays in the table; the message names the run, never the token."""

import time
from contextlib import suppress
from typing import Any

from relight.adapters import parameters
from relight.adapters.approvals import Approval
from relight.adapters.notify import Notifier
from relight.adapters.workflow import Workflow
from relight.config import App
from relight.errors import NotProven, RelightError, TaskGone
from relight.evidence import binding
from relight.evidence.step import Step, log, step
from relight.model import Decision, Mode, Phase, PlanRef, Runner, Validation, now
from relight.times import from_epoch


def handler(event: dict[str, Any], context: object) -> Any:
    with step(Phase.APPROVE, event) as this:
        this.lease()
        app, plan, validation = (
            parameters.app(this.run.app),
            this.given("plan", PlanRef),
            this.given("validation", Validation),
        )
        stands = this.table.ask_approval(this.run.run_id, wanted(this, app, plan, validation))
        answer = this.hand_over("a person")
        if stands.decision:
            deliver(this.token, stands.decision)
            return answer
        tell(this, *message(this, app, plan, validation, stands))
        return answer


def wanted(this: Step, app: App, plan: PlanRef, validation: Validation) -> Approval:
    """Raises NotProven where the evidence is of another plan, or another backup, than the run has."""
    covered, runner = binding.bound(plan, validation), this.maybe("launch", Runner)
    if binding.hash_of(covered) != validation.evidence_hash:
        raise NotProven(
            f"approval of {this.run.run_id}: the evidence is not this plan's; nobody was asked; start another run"
        )
    return Approval(
        token=this.token,
        evidence_hash=validation.evidence_hash,
        requested_at=now(),
        expires_at=int(time.time()) + plan.deadlines.approve,
        needed=app.approvals,
        approvers=app.approvers,
        bound=covered,
        runner=runner.instance_id if runner else "",
    )


def deliver(token: str, decision: Decision) -> None:
    """A person who answered an earlier try, whose token nobody waits for any more, is not asked again."""
    with suppress(TaskGone):
        Workflow().succeed(token, decision)


def tell(this: Step, subject: str, text: str) -> None:
    """That nobody could be told must not end a recovery that waits for its approval: the console shows it too."""
    try:
        Notifier(this.settings.topic).publish(subject, text)
    except RelightError as error:
        log.error("nobody was told that a decision is wanted; relight status shows it", extra={"error": str(error)})


def message(this: Step, app: App, plan: PlanRef, validation: Validation, asked: Approval) -> tuple[str, str]:
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
        f"Until {from_epoch(asked.expires_at)}, by {asked.needed} other(s) than the initiator:\n"
        f"  relight approve {run.run_id}\n"
        f"  relight reject {run.run_id} --reason '...'\n"
    )
    return f"Relight: {run.app}: approval wanted for {run.mode} {run.run_id}", text
