"""A person's decisions: approve, reject, fail back. Four eyes: who asked for a run does not approve it."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.console.desk import Call, Desk
from relight.adapters.compute import Compute
from relight.adapters.table import Approval
from relight.errors import (
    AlreadyDecided,
    ApprovalExpired,
    EvidenceDrifted,
    NothingToDecide,
    RequestInvalid,
    SelfApproval,
    TaskGone,
)
from relight.model import Decided, Decision, Frozen, Phase, Run, Runner, Tag, Task, encode, now, timestamp

FREEZE_SECONDS = 600  # the agent's own deadline for freezing; Serve itself waits longer
FREEZE_HEARTBEAT = 60


def approve(desk: Desk, call: Call) -> dict[str, Any]:
    """Body {"evidence_hash", "break_glass"?}. Raises the errors of ``decide``, SelfApproval and EvidenceDrifted."""
    call.only("evidence_hash", "break_glass")
    run, approval = waiting(desk, call)
    seen, why = call.text("evidence_hash"), call.text("break_glass")
    if not seen:
        raise RequestInvalid("evidence_hash", "is missing", "send the one that GET /runs/{run_id} shows")
    if seen != approval.evidence_hash:
        raise EvidenceDrifted(f"run {run.run_id}", "has other evidence than you saw", "look again: relight status")
    if same_person(call.caller, run.initiator) and not why:
        raise SelfApproval(
            f"run {run.run_id}",
            "you asked for it, so somebody else must approve it",
            f'alone at night: relight approve {run.run_id} --break-glass "why"',
        )
    return decide(desk, run, approval, Decided.APPROVED, call.caller, break_glass=why or None)


def reject(desk: Desk, call: Call) -> dict[str, Any]:
    """Body {"reason"}. Whoever asked for the run may reject it."""
    call.only("reason", "evidence_hash")
    run, approval = waiting(desk, call)
    reason = call.text("reason")
    if not reason:
        raise RequestInvalid("reason", "is missing", "say why, in a sentence: it goes into the evidence")
    return decide(desk, run, approval, Decided.REJECTED, call.caller, reason=reason)


def waiting(desk: Desk, call: Call) -> tuple[Run, Approval]:
    """Raises RunNotFound and NothingToDecide."""
    run, _ = desk.run(call.run_id)
    approval = desk.table.approval(run.run_id)
    if approval is None:
        raise NothingToDecide(f"run {run.run_id}", "is not waiting for a decision", "relight status shows where it is")
    return run, approval


def decide(desk: Desk, run: Run, approval: Approval, decided: Decided, caller: str, **more: Any) -> dict[str, Any]:
    """Records the decision once, then ends Approve with it. The same decision again answers as the first time did.

    Raises AlreadyDecided, and ApprovalExpired when the window closed or the run ended meanwhile.
    """
    if approval.decision is None and approval.expires_at <= time.time():
        raise ApprovalExpired(f"run {run.run_id}", "its approval window has closed", "start another run")
    wanted = Decision(decided=decided, approver=caller, decided_at=now(), evidence_hash=approval.evidence_hash, **more)
    kept = desk.table.decide(run.run_id, wanted)
    ours = (kept.decided, kept.approver, kept.evidence_hash) == (decided, caller, approval.evidence_hash)
    deliver(desk, run, approval, kept, new=ours and approval.decision is None)
    if not ours:
        raise AlreadyDecided(
            f"run {run.run_id}", f"{kept.decided} by {kept.approver} at {kept.decided_at}", "nothing changed"
        )
    return {"run_id": run.run_id, "decision": encode(kept)}


def deliver(desk: Desk, run: Run, approval: Approval, decision: Decision, *, new: bool) -> None:
    """Raises ApprovalExpired when nobody waits for a new decision. One on record is delivered again: its first delivery may
    have been lost, and that it was not is no error.
    """
    try:
        desk.workflow.succeed(approval.token, decision)
    except TaskGone:
        if new:
            raise ApprovalExpired(
                f"run {run.run_id}", "it no longer waits for a decision", "relight status shows why"
            ) from None


def failback(desk: Desk, call: Call) -> dict[str, Any]:
    """Asks the agent to freeze the promoted site; its answer ends Serve. Asking again changes nothing.

    A runner that has died writes nothing more, and answers nothing: Serve is ended for it, and the pointers go back.
    """
    call.only()
    run, record = desk.run(call.run_id)
    token = desk.table.tokens(run.run_id).get(Phase.SERVE)
    lease = desk.table.lease(run.app)
    if (
        token is None
        or lease is None
        or lease.run_id != run.run_id
        or lease.runner is None
        or record.get("status") == "ended"
    ):
        raise NothingToDecide(f"run {run.run_id}", "is not serving", "only a promoted run can fail back")
    if not lives(desk, run, lease.runner):
        detail = f"runner {lease.runner.instance_id} is gone: it writes nothing more"
        frozen = Frozen(requested_by=call.caller, frozen=True, detail=detail, at=now())
        with suppress(TaskGone):  # an earlier request did it
            desk.workflow.succeed(token, frozen)
        return {"run_id": run.run_id, "asked": "hand back", "runner": lease.runner.instance_id}
    if not any(task.token == token for task in desk.table.mailbox(lease.runner.principal).tasks):
        desk.table.put_task(lease.runner.principal, freeze(token, call.caller))
    return {"run_id": run.run_id, "asked": "freeze", "runner": lease.runner.instance_id}


def lives(desk: Desk, run: Run, runner: Runner) -> bool:
    found = Compute().find({Tag.NAME: desk.settings.name, Tag.RUN: run.run_id})
    return any(one.instance_id == runner.instance_id and one.live for one in found)


def freeze(token: str, caller: str) -> Task:
    given = datetime.now(UTC)
    return Task(
        phase=Phase.SERVE.value,
        token=token,
        attempt=0,
        deadline_at=timestamp(given + timedelta(seconds=FREEZE_SECONDS)),
        heartbeat_seconds=FREEZE_HEARTBEAT,
        given_at=timestamp(given),
        inputs={"action": "freeze", "requested_by": caller},
    )


def same_person(one: str, other: str) -> bool:
    """Whether two ARNs are one identity; the casing of a session's e-mail address makes no difference."""
    return one.casefold() == other.casefold()
