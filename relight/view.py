"""A run as the console API shows it, read once here so that screens and pages need not know its JSON."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from relight.model import Phase, Verdict, moment
from relight.words import counts, many, size, when

HINTS = {
    "detect": "reading the health signals again",
    "plan": "choosing and verifying the backup",
    "launch": "asking for an instance",
    "restore": "the runner boots, unpacks and applies",
    "validate": "the checks run on the restored app",
    "approve": "waiting for a person",
    "promote": "lifting quarantine, moving pointers",
    "serve": "the runner is production: relight failback ends it",
    "failback": "handing production back",
    "teardown": "terminating the runner, proving that none is left",
    "report": "closing the evidence",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRow:
    """A phase's latest attempt; ``status`` is running, done or failed."""

    phase: str
    attempt: int
    status: str
    started_at: str
    ended_at: str | None
    summary: str

    @property
    def running(self) -> bool:
        return self.ended_at is None

    @property
    def seconds(self) -> float:
        """How long it took, or has been taking until now."""
        end = moment(self.ended_at) if self.ended_at else datetime.now(UTC)
        return max(0.0, (end - moment(self.started_at)).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    validator: str
    kind: str
    verdict: str
    detail: str
    seconds: float
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """``evidence_hash`` is set only while the run waits for a decision; ``outcome`` only when it has ended.
    ``would``: what a promotion would do. ``needed``: so many people must approve it; ``approvals``: who has.

    ``ask_until``: a run on which nobody decided may be asked for again; ``asked_again``: the run that does.
    ``left``: runners that still lived when teardown was over. ``said``: by phase, what it did.
    """

    raw: dict[str, Any] = field(repr=False)
    run_id: str
    app: str
    mode: str
    negative_control: bool
    initiator: str
    started_at: str
    phase: str
    outcome: str | None
    summary: str
    phases: tuple[PhaseRow, ...]
    checks: tuple[CheckRow, ...]
    evidence_hash: str | None
    decide_until: str | None
    would: tuple[str, ...]
    needed: int
    approvals: tuple[str, ...]
    report_uri: str | None
    backup_made: str | None
    passed_over: tuple[str, ...]
    runner: str | None
    runner_ends: str | None
    said: dict[str, str]
    to_hold: bool
    held: bool
    left: tuple[str, ...]
    recovered_at: str | None
    ask_until: str | None
    asked_again: str | None

    @property
    def cycle_unseen(self) -> bool:
        """Whether it was handed back, and nobody has seen the primary publish since."""
        cycle = ((self.raw.get("facts") or {}).get("handback") or {}).get("cycle") or {}
        return str(cycle.get("verdict", Verdict.PASSED)) != Verdict.PASSED

    @property
    def serving(self) -> bool:
        return self.outcome is None and self.phase == Phase.SERVE

    @property
    def frozen(self) -> bool:
        """Whether a failback has begun on the runner, as it says itself."""
        return bool(((self.raw.get("serving") or {}).get("vitals") or {}).get("failback"))

    @property
    def waits_for(self) -> str:
        """What a person must do for the run to go on: ``decision``, ``failback``, or nothing."""
        return "decision" if self.evidence_hash else "failback" if self.serving else ""


def read(raw: dict[str, Any]) -> View:
    """The answer of ``GET /runs/{run_id}``; what an older or younger API leaves out is empty, never an error."""
    run, approval, facts = raw.get("run") or {}, raw.get("approval") or {}, raw.get("facts") or {}
    waiting = approval if approval.get("state") == "waiting" and not raw.get("outcome") else {}
    return View(
        raw=raw,
        run_id=raw.get("run_id", ""),
        app=run.get("app", ""),
        mode=run.get("mode", ""),
        negative_control=bool(run.get("negative_control")),
        initiator=run.get("initiator", ""),
        started_at=raw.get("started_at", ""),
        phase=raw.get("phase") or "",
        outcome=raw.get("outcome") or None,
        summary=raw.get("summary") or "",
        phases=tuple(phase_row(row) for row in raw.get("phases") or ()),
        checks=tuple(check_row(row) for row in raw.get("checks") or ()),
        evidence_hash=waiting.get("evidence_hash"),
        decide_until=waiting.get("expires_at"),
        would=tuple((facts.get("preview") or {}).get("lines") or ()),
        needed=int(approval.get("needed") or 1),
        approvals=tuple(vote["approver"] for vote in approval.get("approvals") or ()),
        report_uri=(raw.get("evidence") or {}).get("report"),
        backup_made=(facts.get("plan") or {}).get("created_at"),
        passed_over=tuple((facts.get("plan") or {}).get("passed_over") or ()),
        runner=(facts.get("launch") or {}).get("instance_id"),
        runner_ends=(raw.get("serving") or {}).get("until") or (facts.get("launch") or {}).get("expires_at"),
        said={phase: told(facts[name]) for phase, (name, told) in TOLD.items() if facts.get(name)},
        recovered_at=raw.get("recovered_at"),
        ask_until=(raw.get("again") or {}).get("until"),
        asked_again=(raw.get("again") or {}).get("run_id"),
        to_hold=bool(run.get("stop_after")) or run.get("teardown") is False,
        held=bool((facts.get("cleared") or {}).get("held")),
        left=tuple((facts.get("cleared") or {}).get("left") or ()),
    )


def detected(fact: dict[str, Any]) -> str:
    return f"{fact.get('health', 'unknown')}: {fact.get('reason', '')}".rstrip(": ")


def planned(fact: dict[str, Any]) -> str:
    return f"backup {fact.get('backup_id', '')}, made {when(fact.get('created_at', ''))}"


def launched(fact: dict[str, Any]) -> str:
    return f"{fact.get('instance_type', 'an instance')} in {fact.get('zone', 'some zone')}"


CHANGED = ("created", "transformed", "failed")  # fates of objects that the restore touched, or tried to


def restored(fact: dict[str, Any]) -> str:
    found, earlier = fact.get("counts") or {}, fact.get("earlier", "")
    nothing = "nothing was changed; " if found.get("unchanged") and not any(found.get(fate) for fate in CHANGED) else ""
    made = f"{fact.get('outcome', '')}: {nothing}objects: {counts(found)}"
    said = f"; what an earlier restore left {earlier}" if earlier else ""
    why = f"; {odd[0]}" if (odd := fact.get("surprises")) else ""
    return f"{made}; {fact.get('volume_files', 0)} files, {size(fact.get('volume_bytes', 0))}{said}{why}"


def validated(fact: dict[str, Any]) -> str:
    verdicts = [check.get("verdict") for check in fact.get("checks") or ()]
    return f"{verdicts.count(Verdict.PASSED)} of {many(len(verdicts), 'check')} passed"


def decided(fact: dict[str, Any]) -> str:
    return f"{fact.get('decided', 'decided')} by {fact.get('approver', 'somebody')}"


def promoted(fact: dict[str, Any]) -> str:
    return f"{many(len(fact.get('actions') or ()), 'action')} done; the runner is production"


def cleared(fact: dict[str, Any]) -> str:
    left, gone = (", ".join(fact.get(name) or ()) for name in ("left", "terminated"))
    if left:
        return f"runner {left} {'is held' if fact.get('held') else 'still lives'}"
    return f"runner {gone} is terminated; none is left" if gone else "no runner is left"


TOLD: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {  # what a phase says when it is over, from which fact
    Phase.DETECT: ("detection", detected),
    Phase.PLAN: ("plan", planned),
    Phase.LAUNCH: ("launch", launched),
    Phase.RESTORE: ("restore", restored),
    Phase.VALIDATE: ("validation", validated),
    Phase.APPROVE: ("approval", decided),
    Phase.PROMOTE: ("promotion", promoted),
    Phase.TEARDOWN: ("cleared", cleared),
}


def standing(outcome: str | None, phase: str | None) -> str:
    """How a run stands, in a few words: its outcome, what it waits for, or the phase that it is in."""
    waits: dict[str, str] = {Phase.APPROVE: "waits for a decision", Phase.SERVE: "is production"}
    return outcome or (waits.get(phase, f"in {phase}") if phase else "begins")


def outcome_of(view: View, row: PhaseRow) -> str:
    """What came of a phase: its own words where it has some, as for an error, else what it left on record."""
    return row.summary or (view.said.get(row.phase, "") if row.ended_at else "")


def phase_row(raw: dict[str, Any]) -> PhaseRow:
    return PhaseRow(
        phase=str(raw["phase"]),
        attempt=int(raw.get("attempt") or 0),
        status=str(raw.get("status") or "running"),
        started_at=str(raw["started_at"]),
        ended_at=raw.get("ended_at"),
        summary=raw.get("summary") or "",
    )


def check_row(raw: dict[str, Any]) -> CheckRow:
    return CheckRow(
        validator=str(raw["validator"]),
        kind=str(raw.get("kind", "")),
        verdict=str(raw["verdict"]),
        detail=str(raw.get("detail", "")),
        seconds=float(raw.get("seconds") or 0),
        log=str((raw.get("evidence") or {}).get("log") or ""),
    )
