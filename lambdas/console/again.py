"""Asking once more for a decision that nobody took in time: on the runner that is held for it, without restoring again."""

import re
import time
from contextlib import suppress
from typing import Any

from lambdas.console.decisions import alive
from lambdas.console.desk import Call, Desk
from relight.adapters.table import Lease
from relight.errors import Conflict, NothingToDecide, RunnerGone
from relight.model import Outcome, Phase, Run, RunRequest, now
from relight.records import replace
from relight.times import from_epoch

LONGEST = 1_000  # characters of a reason
ASKED = re.compile(r"(?P<first>.+)-r(?P<number>\d+)")


def request(desk: Desk, call: Call) -> dict[str, Any]:
    """Body {"reason"?}. Starts a run that takes the held runner on, validates it again and asks. The run's id is its
    idempotency key: a second request is answered with the run of the first. Raises NothingToDecide and RunnerGone.
    """
    call.only("reason")
    run, record = desk.run(call.run_id)
    run_id = following(run.run_id)
    if desk.table.run(run_id) is None:
        wanted = renewed(run, held(desk, run, record), f"asked again by {call.caller}: {call.text('reason')[:LONGEST]}")
        with suppress(Conflict):  # somebody else was first
            desk.workflow.start(run_id, wanted)
            arn = f"{run.execution_arn.rpartition(':')[0]}:{run_id}"
            known = {name: getattr(wanted, name) for name in RunRequest.__struct_fields__}
            again = Run(**known, run_id=run_id, started_at=now(), execution_arn=arn)
            desk.table.note_run(again, requested_by=call.caller)
    return {"run_id": run_id, "asked": "again", "instead_of": run.run_id}


def following(run_id: str) -> str:
    """The id of the run that asks again: ``x`` gives ``x-r2``, that ``x-r3``."""
    found = ASKED.fullmatch(run_id)
    return f"{found['first']}-r{int(found['number']) + 1}" if found else f"{run_id}-r2"


def held(desk: Desk, run: Run, record: dict[str, Any]) -> Lease:
    """The lease under which the run's runner is held."""
    if record.get("outcome") != Outcome.EXPIRED:
        state = f"ended as {record['outcome']}" if record.get("outcome") else "has not ended"
        fix = "only a run on which nobody decided in time can be asked for again: relight status"
        raise NothingToDecide(f"run {run.run_id}", state, fix)
    lease = waiting(desk, run)
    if lease is None or lease.runner is None or not alive(desk, run, lease.runner.instance_id):
        raise RunnerGone(f"run {run.run_id}", "its runner is no longer held", "start another run: it restores again")
    return lease


def waiting(desk: Desk, run: Run) -> Lease | None:
    lease = desk.table.lease(run.app)
    ours = lease is not None and lease.run_id == run.run_id and lease.undecided
    return lease if lease and ours and not lease.expired(time.time()) else None


def renewed(run: Run, lease: Lease, reason: str) -> RunRequest:
    """What was asked for before, on what was restored for it. Who asked for the recovery stays its initiator: asking once
    more makes nobody an approver of their own run.
    """
    fields = {name: getattr(run, name) for name in RunRequest.__struct_fields__}
    asked = RunRequest(**fields)
    backup = lease.plan.backup_uri if lease.plan else run.backup
    return replace(asked, start_at=Phase.VALIDATE, stop_after=None, backup=backup, reason=reason.rstrip(": "))


def state(desk: Desk, run: Run, record: dict[str, Any]) -> dict[str, Any] | None:
    """Of an expired run: the run that asks again, where there is one, and until when somebody may ask, where they may."""
    if record.get("outcome") != Outcome.EXPIRED:
        return None
    run_id = following(run.run_id)
    if desk.table.run(run_id):
        return {"run_id": run_id, "until": None}
    lease = waiting(desk, run)
    return {"run_id": None, "until": from_epoch(lease.expires_at) if lease else None}
