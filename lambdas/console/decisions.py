"""A person's decisions: approve, reject. The rules are ``relight.approving``'s; here they meet the machine."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from lambdas.console.desk import Call, Desk
from relight.adapters import parameters
from relight.adapters.approvals import TRIES, Approval
from relight.adapters.compute import Compute
from relight.adapters.s3 import S3
from relight.approving import Rules, people_of
from relight.errors import (
    ApprovalExpired,
    Conflict,
    EvidenceDrifted,
    NothingToDecide,
    RequestInvalid,
    RunnerGone,
    RunnerLost,
    TaskGone,
)
from relight.evidence.binding import drift
from relight.messages import Kind
from relight.model import Decision, Outcome, Run, Tag, Vote, encode, now
from relight.telling import About, Teller, until, variables

LOOKS, BETWEEN_LOOKS = 5, 0.2  # seconds
Change = Callable[[Approval], Approval]


def approve(desk: Desk, call: Call) -> dict[str, Any]:
    """Body {"evidence_hash", "break_glass"?}. One vote a person and run. The answer's ``decision`` is null while more are
    needed. Raises what ``Rules.vote`` does, NothingToDecide, RunnerGone and EvidenceDrifted.
    """
    call.only("evidence_hash", "break_glass")
    run = asked_of(desk, call)
    seen, why = call.text("evidence_hash"), call.text("break_glass")
    if not seen:
        raise RequestInvalid("evidence_hash", "is missing", "send the one that GET /runs/{run_id} shows")
    vote = Vote(approver=call.caller, at=now(), evidence_hash=seen, break_glass=why or None)

    def change(asked: Approval) -> Approval:
        return rules(run, asked).vote(asked, vote, time.time())

    asked = waiting(desk, run)
    if asked.decision is None:
        change(asked)  # what the rules refuse needs no look at anything else
        holds(desk, run, asked)
    return settle(desk, run, change)


def reject(desk: Desk, call: Call) -> dict[str, Any]:
    """Body {"reason"}. Whoever asked for the run may reject it, also one whose runner died, or whose evidence drifted."""
    call.only("reason", "evidence_hash")
    run = asked_of(desk, call)
    reason, at = call.text("reason"), now()
    if not reason:
        raise RequestInvalid("reason", "is missing", "say why, in a sentence: it goes into the evidence")
    return settle(desk, run, lambda asked: rules(run, asked).reject(asked, call.caller, reason, at, time.time()))


def rules(run: Run, asked: Approval) -> Rules:
    """Those that it was asked under: a change of the configuration changes no question that is open."""
    people = people_of(parameters.app(run.app))
    return Rules(run_id=run.run_id, initiator=run.initiator, needed=asked.needed, approvers=asked.approvers, people=people)


def asked_of(desk: Desk, call: Call) -> Run:
    """The run that is called about. Raises RunNotFound, and ApprovalExpired where nobody decided before it ended."""
    run, record = desk.run(call.run_id)
    approval = desk.table.approval(run.run_id)
    if record.get("outcome") == Outcome.EXPIRED and approval and approval.decision is None:
        rules(run, approval).open(approval, float(approval.expires_at))
    return run


def waiting(desk: Desk, run: Run) -> Approval:
    """Raises NothingToDecide."""
    approval = desk.table.approval(run.run_id)
    if approval is None:
        raise NothingToDecide(f"run {run.run_id}", "is not waiting for a decision", "relight status shows where it is")
    return approval


def holds(desk: Desk, run: Run, asked: Approval) -> None:
    """Raises EvidenceDrifted when plan, backup or checks are not what was validated, RunnerGone when there is nothing left
    to promote, and then the run ends; and what S3 raises: evidence that cannot be read is not known to hold.
    """
    if asked.bound and (changed := list(drift(S3().get, asked.bound))):
        fix = "nothing was approved; reject it, and find out who changed that"
        raise EvidenceDrifted(f"run {run.run_id}", ", ".join(changed), fix)
    if asked.runner and not alive(desk, run, asked.runner):
        lost = f"runner {asked.runner} died before anybody decided"
        with suppress(TaskGone):
            desk.workflow.fail(asked.token, RunnerLost.__name__, lost)
        fix = "nothing was approved, and the run ends as failed; start another run"
        raise RunnerGone(f"run {run.run_id}", f"its runner {asked.runner} is gone", fix)


def settle(desk: Desk, run: Run, change: Change) -> dict[str, Any]:
    """Records the change, and ends Approve where it decides. Two at once: each is made on what the other left.

    Raises what ``change`` raises, ApprovalExpired when the run ended meanwhile, and Conflict.
    """
    for _ in range(TRIES):
        before = waiting(desk, run)
        if before.decision:
            deliver(desk, run, before, before.decision, new=False)
        after = change(before)
        if after == before or desk.table.change_approval(run.run_id, before, after):
            tell(desk, run, before, after)
            if after.decision and not before.decision:
                deliver(desk, run, after, after.decision, new=True)
            return answer(run, after)
    raise Conflict(f"approval of run {run.run_id}: was changed {TRIES} times meanwhile; try again")


def tell(desk: Desk, run: Run, before: Approval, after: Approval) -> None:
    """Others hear of a vote while more are needed, and of broken glass before anything comes of it. The end is Report's."""
    glass = after.decision.break_glass if after.decision else None
    if before == after or before.decision or (after.decision and not glass):
        return
    record = desk.table.run(run.run_id) or {}
    about, vote = About(run=run, approval=after, variables=variables(record)), after.counted[-1]
    kind = Kind.BROKEN_GLASS if glass else Kind.VOTED
    more = {"by": vote.approver, "why": glass or "", "until": "" if glass else until(after)}
    Teller(deployment=desk.settings).tell(kind, about, **more)


def answer(run: Run, approval: Approval) -> dict[str, Any]:
    votes = approval.decision.approvals if approval.decision else approval.counted
    return {
        "run_id": run.run_id, "decision": encode(approval.decision), "approvals": encode(votes), "needed": approval.needed
    }  # fmt: skip


def deliver(desk: Desk, run: Run, approval: Approval, decision: Decision, *, new: bool) -> None:
    """Ends Approve with the decision on record, once; one whose first delivery was lost is delivered by whoever comes next.

    Raises ApprovalExpired when nobody waits for it.
    """
    if approval.delivered:
        return
    try:
        desk.workflow.succeed(approval.token, decision)
        desk.table.note_delivered(run.run_id)
    except TaskGone:
        if (new and not delivered(desk, run)) or (desk.table.run(run.run_id) or {}).get("outcome") == Outcome.EXPIRED:
            raise ApprovalExpired(
                f"run {run.run_id}", "it no longer waits for a decision", "relight status shows why"
            ) from None


def delivered(desk: Desk, run: Run) -> bool:
    """Whether somebody else, who came at the same moment, has delivered it: they say so right after."""
    for _ in range(LOOKS):
        if (approval := desk.table.approval(run.run_id)) and approval.delivered:
            return True
        time.sleep(BETWEEN_LOOKS)
    return False


def alive(desk: Desk, run: Run, instance_id: str) -> bool:
    found = Compute().find({Tag.NAME: desk.settings.name, Tag.RUN: run.run_id})
    return any(one.instance_id == instance_id and one.live for one in found)
