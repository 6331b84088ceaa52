"""Approve: asks people for the decision. The token stays in the table; the message names the run, never the token."""

import time
from contextlib import suppress
from typing import Any

from lambdas.approve.preview import foretold
from relight.adapters import parameters
from relight.adapters.approvals import Approval
from relight.adapters.workflow import Workflow
from relight.config import App
from relight.errors import NotProven, TaskGone
from relight.evidence import binding
from relight.evidence.step import Step, step
from relight.messages import Kind
from relight.model import Decision, Phase, PlanRef, Runner, Validation, now
from relight.telling import About, Teller, until


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
            deliver(this, stands.decision)
            return answer
        known = {**this.payload, "preview": {"lines": foretold(this, app, plan)}}
        about = About(run=this.run, approval=stands, variables=known)
        Teller(deployment=this.settings).tell(Kind.WANTED, about, until=until(stands))
        return answer


def wanted(this: Step, app: App, plan: PlanRef, validation: Validation) -> Approval:
    """Raises NotProven where the evidence is of another plan, or another backup, than the run has."""
    covered, runner, asked_at = binding.bound(plan, validation), this.maybe("launch", Runner), int(time.time())
    if binding.hash_of(covered) != validation.evidence_hash:
        raise NotProven(
            f"approval of {this.run.run_id}: the evidence is not this plan's; nobody was asked; start another run"
        )
    return Approval(
        token=this.token,
        evidence_hash=validation.evidence_hash,
        requested_at=now(),
        expires_at=asked_at + plan.deadlines.approve,
        needed=app.approvals,
        approvers=app.approvers,
        bound=covered,
        runner=runner.instance_id if runner else "",
        remind_at=asked_at + int(plan.deadlines.approve * app.remind_after),
        escalate_at=asked_at + int(plan.deadlines.approve * app.escalate_after),
    )


def deliver(this: Step, decision: Decision) -> None:
    """A person who answered an earlier try, whose token nobody waits for any more, is not asked again."""
    with suppress(TaskGone):
        Workflow().succeed(this.token, decision)
        this.table.note_delivered(this.run.run_id)
