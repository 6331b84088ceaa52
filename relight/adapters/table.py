"""The one DynamoDB table: one method an item and intent. Every write may be repeated without changing anything twice."""

import json
import time
from typing import Any

import msgspec

from relight.adapters.approvals import Approval as Approval
from relight.adapters.approvals import Approvals
from relight.adapters.calls import Refused
from relight.adapters.items import KEEP_RUNS, Item
from relight.adapters.notes import Notes
from relight.adapters.partition import Partition
from relight.errors import LeaseLost
from relight.model import ActionResult, Mode, Phase, PlanRef, Run, Runner, decode, encode

NUMBERS = {phase: number for number, phase in enumerate(Phase, 1)}
PREEMPTION = ("preempted_by", "preempted_at")


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """An app's lease; times in epoch seconds. ``runner``: also a former holder's, until it is replaced.

    ``undecided``: it is held because nobody decided in time, so that somebody may ask again.
    """

    app: str
    run_id: str
    mode: Mode
    expires_at: int
    held: bool = False
    promoted: bool = False
    undecided: bool = False
    runner: Runner | None = None
    plan: PlanRef | None = None
    preempted_by: str | None = None
    preempted_at: int | None = None

    def expired(self, at: float) -> bool:
        return self.expires_at <= at


class PhaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A phase's latest try, for live status. ``status``: running, done or failed; the receipts hold every try."""

    number: int
    phase: str
    attempt: int
    started_at: str
    status: str
    ended_at: str | None = None
    summary: str = ""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A promoted runner as it was last seen: ``state`` since when, and what people were ``told`` last; epoch seconds."""

    began_at: int
    state: str
    since: int
    told: str = ""
    told_at: int = 0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A failback that was asked for: ``attempt`` counts the tasks that the agent was given for it, from 0.

    ``primary``: what the operator's own machine saw of it. ``unfreeze``: it was given up again.
    """

    by: str
    at: str
    attempt: int
    hold: bool = False
    cycle: int = 0
    primary: str = ""
    unfreeze: bool = False


class Table(Approvals, Notes, Partition):
    # ------------------------------------------------------------ the app's lease
    def lease(self, app: str) -> Lease | None:
        item = self._get(f"app#{app}", "lease")
        return decode(item, Lease) if item else None

    def take_lease(self, run: Run, expires_at: int, instead_of: Lease | None = None) -> Lease | None:
        """The lease becomes the run's when it is free, expired, the run's own, or still exactly ``instead_of``.

        Returns None, or the lease of the run that holds it. A former holder's runner stays named until it is replaced.
        """
        free = "attribute_not_exists(pk) OR expires_at <= :now OR run_id = :run"
        over = " OR (run_id = :other AND expires_at = :until)" if instead_of else ""
        values: Item = {":now": int(time.time())}
        if instead_of:
            values |= {":other": instead_of.run_id, ":until": instead_of.expires_at}
        given: Item = {"app": run.app, "run_id": run.run_id, "mode": run.mode.value, "expires_at": expires_at, "held": False}
        given |= {"promoted": False, "undecided": False}
        try:
            self._update(f"app#{run.app}", "lease", given, free + over, values | {":run": run.run_id}, drop=PREEMPTION)
        except Refused:
            return self.lease(run.app)
        return None

    def update_lease(self, run: Run, **fields: Any) -> None:
        """Changes fields of the run's own lease. Raises LeaseLost when another run has it, or nobody."""
        try:
            self._update(f"app#{run.app}", "lease", encode(fields), "run_id = :run", {":run": run.run_id})
        except Refused:
            raise LeaseLost(
                f"lease of {run.app}: run {run.run_id} does not hold it any more; it may no longer act; see relight runs"
            ) from None

    def ask_to_yield(self, lease: Lease, by: str) -> None:
        """Marks a drill's lease as wanted by an incident; the first mark stays. A lease that changed hands is left alone."""
        wanted = {"preempted_by": by, "preempted_at": int(time.time())}
        condition = "run_id = :drill AND attribute_not_exists(preempted_by)"
        self._try(f"app#{lease.app}", "lease", wanted, condition, {":drill": lease.run_id})

    def release_lease(self, run: Run) -> bool:
        """Gives the lease back. False when the run does not hold it (also when it gave it back before)."""
        try:
            self._delete(f"app#{run.app}", "lease", "run_id = :run", {":run": run.run_id})
        except Refused:
            return False
        return True

    # ------------------------------------------------------------ runs, for status
    def note_run(self, run: Run, **fields: Any) -> None:
        """Writes fields of the run's record: phase, status, outcome, and facts as JSON."""
        ttl = int(time.time()) + KEEP_RUNS
        self._update(f"run#{run.run_id}", "run", {"run": json.dumps(encode(run)), "ttl": ttl, **encode(fields)})

    def list_run(self, run: Run) -> None:
        ttl = int(time.time()) + KEEP_RUNS
        self._update(f"app#{run.app}", f"run#{run.started_at}#{run.run_id}", {"run_id": run.run_id, "ttl": ttl})

    def run(self, run_id: str) -> Item | None:
        """The run's record, ``run`` parsed; None when there is no such run."""
        item = self._get(f"run#{run_id}", "run")
        return {**item, "run": json.loads(item["run"])} if item else None

    def runs(self, app: str, limit: int = 50) -> list[str]:
        """Run ids, newest first."""
        return [item["run_id"] for item in self._query(f"app#{app}", "run#", newest_first=True, limit=limit)]

    def phase_started(self, run_id: str, phase: Phase, attempt: int, at: str) -> None:
        row: Item = {
            "number": NUMBERS[phase],
            "phase": phase.value,
            "attempt": attempt,
            "started_at": at,
            "status": "running",
        }
        row |= {"ended_at": None, "summary": "", "ttl": int(time.time()) + KEEP_RUNS}
        self._update(f"run#{run_id}", _phase_key(phase), row)

    def phase_ended(self, run_id: str, phase: Phase, at: str, status: str, summary: str = "") -> None:
        """Ends the phase's row; a row that was ended before stays as it is."""
        ended = {"ended_at": at, "status": status, "summary": summary[:500]}
        self._try(f"run#{run_id}", _phase_key(phase), ended, "#status = :running", {":running": "running"})

    def phases(self, run_id: str) -> list[PhaseRow]:
        return [decode(item, PhaseRow) for item in self._query(f"run#{run_id}", "phase#")]

    # ------------------------------------------------------------ tokens
    def put_token(self, run_id: str, phase: Phase, token: str) -> None:
        self._put(f"run#{run_id}", f"token#{phase.value}", {"token": token}, int(time.time()) + KEEP_RUNS)

    def tokens(self, run_id: str) -> dict[str, str]:
        """Pending callback tokens by phase: secrets."""
        return {item["sk"].removeprefix("token#"): item["token"] for item in self._query(f"run#{run_id}", "token#")}

    def drop_token(self, run_id: str, phase: Phase) -> None:
        self._delete(f"run#{run_id}", f"token#{phase.value}")

    # ------------------------------------------------------------ a promoted runner
    def watch(self, run_id: str, watched: Watched) -> None:
        self._put(f"run#{run_id}", "watched", encode(watched), int(time.time()) + KEEP_RUNS)

    def watched(self, run_id: str) -> Watched | None:
        item = self._get(f"run#{run_id}", "watched")
        return decode(item, Watched) if item else None

    def ask_failback(self, run_id: str, asked: Asked) -> None:
        self._put(f"run#{run_id}", "failback", encode(asked), int(time.time()) + KEEP_RUNS)

    def failback(self, run_id: str) -> Asked | None:
        item = self._get(f"run#{run_id}", "failback")
        return decode(item, Asked) if item else None

    def note_restored(self, run_id: str, step: ActionResult) -> None:
        """How far the promoted site's backup has come onto the primary."""
        self._put(f"run#{run_id}", "restored", encode(step), int(time.time()) + KEEP_RUNS)

    def restored(self, run_id: str) -> ActionResult | None:
        item = self._get(f"run#{run_id}", "restored")
        return decode(item, ActionResult) if item else None


def _phase_key(phase: Phase) -> str:
    return f"phase#{NUMBERS[phase]:02d}#{phase.value}"
