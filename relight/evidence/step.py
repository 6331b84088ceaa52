"""One handler's run through one phase: who calls, what is logged, which receipt and which status row it leaves."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from aws_lambda_powertools import Logger

from relight.adapters.s3 import S3
from relight.adapters.table import Lease, PhaseRow, Table
from relight.errors import LeaseLost, Preempted, RelightError, RequestInvalid
from relight.evidence.binding import evidence_prefix
from relight.evidence.receipts import Record, receipt, recorded, write_receipt
from relight.evidence.scrub import scrub
from relight.model import Failure, Phase, Run, Runner, RunRequest, Task, bounded, decode, encode, now, timestamp
from relight.records import replace
from relight.settings import FunctionSettings, function_settings

T = TypeVar("T")
log = Logger()  # the service's name is POWERTOOLS_SERVICE_NAME
NOT_INPUTS = {"run", "attempt", "task_token"}
FACTS = (
    "detection", "plan", "launch", "restore", "validation", "preview", "approval", "promotion", "frozen", "handback",
    "cleared",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Step:
    """What a handler works with. ``token`` is a secret: it is in memory and in the table, nowhere else."""

    run: Run
    phase: Phase
    attempt: int
    payload: dict[str, Any] = field(repr=False)
    token: str = field(repr=False)
    store: S3
    table: Table
    prefix: str
    settings: FunctionSettings
    record: Record

    def given(self, name: str, kind: type[T]) -> T:
        """A variable of the state machine as its record. Raises RequestInvalid when it is null or does not fit."""
        value = self.maybe(name, kind)
        if value is None:
            raise RequestInvalid(f"{self.phase} of {self.run.run_id}", f"needs ${name}", "an earlier phase must have run")
        return value

    def maybe(self, name: str, kind: type[T]) -> T | None:
        raw = self.payload.get(name)
        try:
            return None if raw is None else decode(raw, kind)
        except msgspec.ValidationError as error:
            raise RequestInvalid(f"${name} of {self.run.run_id}", str(error), "deploy functions of one version") from None

    def answer(self, value: T) -> Any:
        """The phase's answer as JSON; its receipt's outputs are the same."""
        self.record.outputs = encode(value)
        return encode(value)

    def hand_over(self, to: str) -> dict[str, str]:
        """The phase goes on elsewhere: its end, and its receipt, come from there. The token is kept to end it early."""
        self.table.put_token(self.run.run_id, self.phase, self.token)
        self.record.handed_over = True
        return {"handed_over_to": to}

    def give_task(self, runner: Runner, seconds: int, heartbeat: int, **inputs: Any) -> dict[str, str]:
        """Leaves the phase's task where the runner finds it. ``seconds``: until its deadline, and between heartbeats."""
        given = datetime.now(UTC)
        task = Task(
            phase=self.phase.value,
            token=self.token,
            attempt=self.attempt,
            deadline_at=timestamp(given + timedelta(seconds=seconds)),
            heartbeat_seconds=heartbeat,
            given_at=timestamp(given),
            inputs=inputs,
        )
        self.table.put_task(runner.principal, task)
        return self.hand_over(runner.instance_id)

    def lease(self) -> Lease:
        """The run's own lease, before it acts. Raises LeaseLost, and Preempted when an incident asked this drill to stop."""
        lease = self.table.lease(self.run.app)
        if lease is None or lease.run_id != self.run.run_id or lease.expired(time.time()):
            raise LeaseLost(f"lease of {self.run.app}: not this run's any more; it may no longer act; see relight runs")
        if lease.preempted_by:
            raise Preempted(f"drill {self.run.run_id} gives way to incident {lease.preempted_by}; run the drill again later")
        return lease


@contextmanager
def step(phase: Phase, event: dict[str, Any]) -> Iterator[Step]:
    """Around a handler's work. Every error leaves it as it came, after its receipt and its status row were written."""
    settings, run, token = function_settings(), lenient_run(event.get("run")), str(event.get("task_token") or "")
    attempt, store, table = int(event.get("attempt") or 0), S3(), Table(settings.table)
    prefix = evidence_prefix(settings.evidence_bucket, run)
    inputs = {name: value for name, value in event.items() if name not in NOT_INPUTS}
    log.append_keys(run_id=run.run_id, app=run.app, phase=phase.value, attempt=attempt)
    log.info("started")
    status = Status(table, store, prefix, run, phase, attempt)
    try:
        with recorded(store, prefix, run, phase, attempt, inputs, secrets=(token,)) as record:
            status.started(inputs)
            yield Step(
                run=run, phase=phase, attempt=attempt, payload=event, token=token, store=store, table=table,
                prefix=prefix, settings=settings, record=record,
            )  # fmt: skip
    except Exception as error:
        said = scrub("; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]), (token,))
        status.ended("failed", said)
        log.error("failed", extra={"error": said})
        raise
    if not record.handed_over:
        status.ended("done")
    log.info("handed over" if record.handed_over else "done")


@dataclass(frozen=True, slots=True)
class Status:
    """Rows for ``relight status``. A view of the run, not its truth: an error here is logged and stops nothing."""

    table: Table
    store: S3
    prefix: str
    run: Run
    phase: Phase
    attempt: int

    def started(self, inputs: dict[str, Any]) -> None:
        """Opens this phase's row, and closes what was open: two phases of a run are never at work at once."""
        try:
            settle(self.table, self.store, self.prefix, self.run, self.phase, inputs)
            self.table.phase_started(self.run.run_id, self.phase, self.attempt, now())
            facts = {name: json.dumps(scrub(inputs[name])) for name in FACTS if inputs.get(name) is not None}
            self.table.note_run(self.run, phase=self.phase.value, evidence=self.prefix, **facts)
        except RelightError as error:
            log.warning("status not written", extra={"error": str(error)})

    def ended(self, status: str, summary: str = "") -> None:
        try:
            self.table.phase_ended(self.run.run_id, self.phase, now(), status, summary)
        except RelightError as error:
            log.warning("status not written", extra={"error": str(error)})


def failure(inputs: dict[str, Any]) -> Failure | None:
    raw = inputs.get("failure")
    return None if raw is None else tidy(decode(raw, Failure))


def tidy(found: Failure) -> Failure:
    """The failure as a person reads it: a Lambda error's cause is JSON with a stack trace around one message."""
    try:
        cause = msgspec.json.decode(found.cause, type=dict[str, Any])
        return replace(found, cause=str(cause.get("errorMessage", found.cause)))
    except msgspec.DecodeError:
        return found


ANSWERS = {Phase.RESTORE: "restore", Phase.VALIDATE: "validation", Phase.APPROVE: "approval", Phase.PROMOTE: "promotion"}
ANSWERS |= {Phase.SERVE: "frozen"}
EXPIRED = Failure(phase=Phase.APPROVE, error="ApprovalExpired", cause="the approval window closed before it was decided")


def settle(table: Table, store: S3, prefix: str, run: Run, current: Phase, inputs: dict[str, Any]) -> None:
    """Closes the rows of phases that somebody else ended: the agent, a person, a timeout.

    Each gets the receipt that it did not write itself: a person writes none, nor does a runner that went silent.
    """
    failed = failure(inputs)
    for row in rows_of(table, run, failed):
        if row.phase == current or row.ended_at:
            continue
        phase = Phase(row.phase)
        why = failed if failed and failed.phase.lower() == row.phase else None
        why = EXPIRED if phase == Phase.APPROVE and inputs.get("outcome") == "Expired" else why
        answer = votes(table, run) if why is EXPIRED else inputs.get(ANSWERS.get(phase, ""))
        fill_receipt(store, prefix, run, row, why, answer)
        table.phase_ended(
            run.run_id, phase, now(), "failed" if why else "done", scrub(f"{why.error}: {why.cause}" if why else "")
        )


def votes(table: Table, run: Run) -> dict[str, Any]:
    """Who had approved when the window closed: too few, but not nobody."""
    approval = table.approval(run.run_id)
    return {"approvals": encode(approval.counted) if approval else []}


def rows_of(table: Table, run: Run, failed: Failure | None) -> list[PhaseRow]:
    """The run's rows; a phase whose function never came to its first line gets its row here."""
    rows = table.phases(run.run_id)
    if failed is None or failed.phase.lower() in {row.phase for row in rows}:
        return rows
    table.phase_started(run.run_id, Phase(failed.phase.lower()), 0, now())
    return table.phases(run.run_id)


def fill_receipt(store: S3, prefix: str, run: Run, row: PhaseRow, why: Failure | None, answer: Any = None) -> None:
    """A receipt for a phase that started and left none; nothing happens where it left one."""
    error = {"type": why.error, "message": why.cause or "no message"} if why else None
    record = Record(outputs=answer or {}, verdicts=(answer or {}).get("checks", []))
    body = receipt(run, Phase(row.phase), row.attempt, row.started_at, inputs={}, record=record, error=error)
    write_receipt(store, prefix, scrub({**body, "filled": "the phase left no receipt of its own"}))


def lenient_run(raw: Any) -> Run:
    """The run also of a request that makes no sense, so that it too gets its receipts and its report."""
    given = raw if isinstance(raw, dict) else {}
    fits = {name: value for name, value in given.items() if _fits(name, value)}
    unknown = {"app": "unknown", "run_id": "unknown", "started_at": now(), "execution_arn": ""}
    return decode({**unknown, **fits}, Run)


def strict_run(raw: Any) -> Run:
    """Raises RequestInvalid that names the field which does not fit."""
    known = {*RunRequest.__struct_fields__, *Run.__struct_fields__}
    if unknown := sorted(set(raw) - known):
        fields = ", ".join(sorted(RunRequest.__struct_fields__))
        raise RequestInvalid("run request", f"unknown field(s) {', '.join(unknown)}", f"use only {fields}")
    try:
        return bounded(decode(raw, Run))
    except msgspec.ValidationError as error:
        raise RequestInvalid("run request", str(error), "see docs/operate.md for each field's values") from None


def _fits(name: str, value: Any) -> bool:
    if name not in Run.__struct_fields__:
        return False
    try:
        decode({"app": "a", "run_id": "r", "started_at": "s", "execution_arn": "e", name: value}, Run)
    except msgspec.ValidationError:
        return False
    return True
