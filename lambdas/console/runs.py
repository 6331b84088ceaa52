"""Asking for runs, and looking at them."""

import json
import secrets
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

from lambdas.console import again, serving
from lambdas.console.decisions import alive
from lambdas.console.desk import Call, Desk
from relight.adapters import parameters
from relight.adapters.approvals import Approval
from relight.adapters.arrivals import Arrivals
from relight.adapters.table import Lease
from relight.config import App
from relight.errors import ImageNotPinned, NothingHeld, RelightError, RequestInvalid, RunInProgress
from relight.evidence.scrub import scrub
from relight.evidence.step import FACTS
from relight.formats import is_name, is_selector
from relight.incidents import Incidents
from relight.model import Mode, Outcome, Phase, Run, RunRequest, decode, encode, now, run_request
from relight.records import replace
from relight.times import from_epoch

STARTS = (Phase.LAUNCH, Phase.RESTORE, Phase.VALIDATE, Phase.TEARDOWN)
STOPS = (None, Phase.LAUNCH, Phase.RESTORE, Phase.VALIDATE)
RESTORED = ("backup", "image_ref", "namespace")  # decided by what was restored, not by who validates it


def start(desk: Desk, call: Call) -> dict[str, Any]:
    """Starts a run, or raises UnknownApp, RequestInvalid, ImageNotPinned, RunInProgress or NothingHeld and starts none."""
    request = replace(run_request(call.body), initiator=call.caller)
    app = parameters.app(request.app)
    held = desk.table.lease(app.name)
    lease = counting(desk, held)
    check(request, app, lease)
    if request.start_at == Phase.VALIDATE and lease is not None:
        request = as_restored(desk, request, lease)
    run_id = f"{app.name}-{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(2)}"
    claimed: AbstractContextManager[None] = nullcontext()
    if request.mode == Mode.INCIDENT and request.start_at == Phase.LAUNCH:
        claimed = claim(desk, app, run_id, died=held.run_id if held and held.promoted and lease is None else "")
    with claimed:
        arn = desk.workflow.start(run_id, request)
    # On record at once, so that whoever asked can follow the run before its first phase is at work.
    run = Run(**encode_request(request), run_id=run_id, started_at=now(), execution_arn=arn)
    desk.table.note_run(run, requested_by=call.caller)
    return {"run_id": run_id, "execution_arn": arn}


def claim(desk: Desk, app: App, run_id: str, died: str = "") -> AbstractContextManager[None]:
    """The incident becomes this run's, as an alarm would take it: of both at once, one. Raises RunInProgress.

    The run is to be started within what is returned.
    """
    incidents = Incidents(
        arrivals=Arrivals(desk.settings.table),
        workflow=desk.workflow,
        machine=desk.settings.state_machine,
        clock=time.time,
        died=died,
    )
    if other := incidents.claim(app.name, run_id):
        raise RunInProgress(
            f"app {app.name}", f"run {other} is at its incident already", f"follow it: relight status {other}"
        )
    return incidents.starting(app.name, run_id)


def counting(desk: Desk, lease: Lease | None) -> Lease | None:
    """The lease, unless its run's execution ended without giving it back, or its runner died as production: then it holds
    up nobody, in Plan too."""
    if lease is None or (lease.held and not lease.promoted):
        return lease
    try:
        run, record = desk.run(lease.run_id)
        if lease.promoted:
            return lease if lease.runner and alive(desk, run, lease.runner.instance_id) else None
        over = desk.workflow.describe(record["run"]["execution_arn"]).over
    except RelightError:
        return lease  # it cannot be said now
    return None if over else lease


def encode_request(request: RunRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in RunRequest.__struct_fields__}


def as_restored(desk: Desk, request: RunRequest, held: Lease) -> RunRequest:
    """The request with what the held runner's own run restored. Raises RequestInvalid where it names something else."""
    record = desk.table.run(held.run_id)
    if record is None or held.plan is None:
        return request
    there = {**record["run"], "backup": held.plan.backup_uri}
    for name in RESTORED:
        asked = getattr(request, name)
        if asked and not is_selector(str(asked)) and str(asked).rstrip("/") != str(there.get(name)).rstrip("/"):
            problem = f"the held runner has {there.get(name) or 'the default'}, so that is all it can validate"
            raise RequestInvalid(f"{name} {asked}", problem, "leave it out, or restore first: relight restore")
    return replace(
        request,
        backup=there["backup"],
        image_ref=there.get("image_ref"),
        namespace=there.get("namespace"),
        existing=there.get("existing"),
    )


def check(request: RunRequest, app: App, lease: Lease | None) -> None:
    """What can be refused before a run starts. Plan checks all of it again: this is for a quick answer."""
    if request.start_at not in STARTS:
        fix = "use launch; or restore, validate or teardown on a runner that is being held"
        raise RequestInvalid(f"start_at {request.start_at}", "no run can begin there", fix)
    if request.stop_after not in STOPS:
        fix = "use launch, restore or validate; or leave it out, and the run goes to its end"
        raise RequestInvalid(f"stop_after {request.stop_after}", "no runner can be held there", fix)
    if request.stop_after and STARTS.index(request.stop_after) < STARTS.index(request.start_at):
        problem = f"comes before start_at {request.start_at}, where the run begins"
        later = [str(phase) for phase in STARTS[STARTS.index(request.start_at) :] if phase in STOPS]
        fix = f"use {' or '.join(later)}, or leave it out" if later else "leave it out"
        raise RequestInvalid(f"stop_after {request.stop_after}", problem, fix)
    if request.negative_control and request.mode != Mode.DRILL:
        problem = f"validates a damaged copy, and in mode {request.mode} there is none"
        raise RequestInvalid("negative_control", problem, "rehearse it: relight drill --negative-control; or leave it out")
    if request.namespace and not is_name(request.namespace):
        raise RequestInvalid(
            f"namespace {request.namespace!r}",
            "is no name of a namespace",
            "use lower-case letters, digits and dashes, a letter first",
        )
    if request.image_ref and "@sha256:" not in request.image_ref and not app.development:
        problem = "names a tag, which may be another image when it is pulled"
        raise ImageNotPinned(f"image_ref {request.image_ref}", problem, "name its digest: repository@sha256:...")
    live = lease if lease and not lease.expired(time.time()) else None
    if request.start_at != Phase.LAUNCH:
        if live is None or not live.held:
            fix = "there is nothing to destroy" if request.start_at == Phase.TEARDOWN else "bring one up: relight apply"
            raise NothingHeld(f"start_at {request.start_at}", f"no runner is being held for {app.name}", fix)
    elif live and not (request.mode == Mode.INCIDENT and (live.mode == Mode.DRILL or live.undecided)):
        fix = "give it up first: relight destroy --yes" if live.held else f"wait for it: relight status {live.run_id}"
        fix = f"ask for its decision again: relight request {live.run_id}; or {fix}" if live.undecided else fix
        raise RunInProgress(f"app {app.name}", f"run {live.run_id} ({live.mode}) has its lease", fix)


def listed(desk: Desk, call: Call) -> dict[str, Any]:
    """Runs of one app (``?app=``) or of all, newest first."""
    named = call.query.get("app")
    apps = [parameters.app(named)] if named else parameters.apps()
    records = [record for app in apps for run_id in desk.table.runs(app.name) if (record := desk.table.run(run_id))]
    rows = [row(ended(desk, decode(record["run"], Run), record)) for record in records]
    return {"runs": sorted(rows, key=lambda row: str(row["started_at"]), reverse=True)}


def shown(desk: Desk, call: Call) -> dict[str, Any]:
    """One run: its phases, what is known of it, and where its decision stands. Never a token."""
    run, record = desk.run(call.run_id)
    record = ended(desk, run, record)
    facts = {name: json.loads(record[name]) for name in FACTS if name in record}
    phases = [encode(row) for row in desk.table.phases(run.run_id)]
    known = {"run": encode(run), **_head(record), "phases": phases, "facts": facts, "checks": _checks(facts)}
    known["serving"] = serving.shown(desk, run)
    known["evidence"] = {"prefix": record.get("evidence"), "report": record.get("report")}
    asked = {"approval": _approval(desk.table.approval(run.run_id)), "again": again.state(desk, run, record)}
    return {**dict(scrub(known)), **asked}


def ended(desk: Desk, run: Run, record: dict[str, Any]) -> dict[str, Any]:
    """The record; where it has no outcome though the execution is over, Report itself failed: Failed, and why.

    Read again after asking, because Report may have closed the record between the two.
    """
    if record.get("outcome"):
        return record
    try:
        execution = desk.workflow.describe(run.execution_arn)
    except RelightError:
        return record  # it cannot be said now; the next look asks again
    _, record = desk.run(run.run_id)
    if not execution.over or record.get("outcome"):
        return record
    why = ": ".join(filter(None, (execution.status, execution.error, execution.cause)))
    told = f"the run ended without its report ({why}); without a teardown its runner lives until its expiry"
    return {**record, "status": "ended", "outcome": Outcome.FAILED.value, "summary": told}


def row(record: dict[str, Any]) -> dict[str, Any]:
    """A run as a list shows it."""
    return {**_head(record), **_proof(record)}


def _head(record: dict[str, Any]) -> dict[str, Any]:
    run = record["run"]
    shown = {name: record.get(name) for name in ("phase", "outcome", "summary", "recovered_at")}
    return {"run_id": run["run_id"], "started_at": run["started_at"], "status": record.get("status", "running"), **shown}


def _proof(record: dict[str, Any]) -> dict[str, Any]:
    """What a list says of a run besides: which backup it took, and what its validation came to."""
    facts = {name: json.loads(record.get(name) or "{}") for name in ("plan", "validation")}
    shown = {"backup_id": facts["plan"].get("backup_id"), "verdict": facts["validation"].get("verdict")}
    return {"app": record["run"]["app"], "mode": record["run"]["mode"], **shown}


def _checks(facts: dict[str, Any]) -> list[Any]:
    return list((facts.get("validation") or {}).get("checks", []))


def _approval(found: Approval | None) -> dict[str, Any] | None:
    if found is None:
        return None
    state = found.decision.decided.value if found.decision else "expired" if found.expires_at <= time.time() else "waiting"
    return {
        "state": state,
        "evidence_hash": found.evidence_hash,
        "requested_at": found.requested_at,
        "expires_at": from_epoch(found.expires_at),
        "decision": encode(found.decision),
        "needed": found.needed,
        "approvals": encode(found.counted),
        "approvers": list(found.approvers),
    }
