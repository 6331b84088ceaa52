"""The report of a run: what happened, from its receipts alone, as data and as one page for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from relight.evidence.receipts import Link
from relight.model import Failure, Outcome, Phase, Run, Verdict, encode, moment, now
from relight.people import People
from relight.words import counts

SCHEMA_VERSION = 1
CUSTODY = "key custody"  # the check in Plan's receipt that has a row for each who can open the backup
SUMMARIES = {
    Outcome.HEALTHY: "{app} is healthy; nothing was done.",
    Outcome.SUCCEEDED: "{app}: the {mode} succeeded; nothing is left running.",
    Outcome.REJECTED: "{app} was recovered and validated, and rejected by a person; nothing was promoted, nothing is left.",
    Outcome.EXPIRED: "{app} was recovered and validated; nobody decided in time; nothing was promoted{held}.",
    Outcome.HELD: "{app}: stopped where it was asked to; the runner is held until it expires or is given up.",
    Outcome.PREEMPTED: "{app}: the drill gave way to an incident; nothing is left running.",
    Outcome.FAILED: "{app}: the {mode} failed{where}.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended. ``variables``: the state machine's, as Report got them."""

    run: Run
    outcome: Outcome
    failure: Failure | None
    variables: dict[str, Any] = field(repr=False)

    def summary(self) -> str:
        """One or two sentences for a person."""
        cleared = self.variables.get("cleared") or {}
        ask = f"; until {cleared.get('held_until')} the runner is held: relight request {self.run.run_id} asks again"
        held = ask if cleared.get("held_until") else ", nothing is left"
        text = SUMMARIES[self.outcome].format(app=self.run.app, mode=self.run.mode.value, where=self._where(), held=held)
        left = cleared.get("left") or []
        if self.outcome == Outcome.FAILED and left:
            text += f" The runner {', '.join(left)} is kept: somebody may still need it."
        cycle = (self.variables.get("handback") or {}).get("cycle") or {}
        if cycle and cycle.get("verdict") != "PASSED":
            text += f" But the primary's next cycle: {cycle.get('verdict')}: {cycle.get('detail')}."
        if self.variables.get("cleared") is None and self.outcome != Outcome.HEALTHY:
            text += " Teardown did not complete: the runner's own expiry and the reaper end it; check with relight doctor."
        return text

    def _where(self) -> str:
        if self.failure:
            return f" in {self.failure.phase}: {self.failure.error}: {self.failure.cause[:500]}"
        checks = (self.variables.get("validation") or {}).get("checks", [])
        bad = [
            f"{check['validator']} ({check['verdict']}: {check['detail']})"
            for check in checks
            if check["verdict"] != "PASSED"
        ]
        return f": not validated: {', '.join(bad)}" if bad else ""


def build(ended: Ended, links: Sequence[Link], readiness: dict[str, Any] | None = None) -> dict[str, Any]:
    """The report as JSON: the outcome, the phases with their times, the checks, the decision, and every receipt's digest.

    ``readiness``: the app's, as last known before the run.
    """
    receipts = [(link, link.body()) for link in links]
    return {
        "schema_version": SCHEMA_VERSION,
        "run": encode(ended.run),
        "outcome": ended.outcome.value,
        "summary": ended.summary(),
        "failure": encode(ended.failure),
        "written_at": now(),
        "objectives": list(_objectives(ended, [body for _, body in receipts])),
        "phases": [_phase(link, body) for link, body in receipts],
        "facts": {name: value for name, value in ended.variables.items() if value is not None},
        "warnings": list(_warnings(ended, [body for _, body in receipts])),
        "custody": [row for _, body in receipts for row in body.get("verdicts", []) if row.get("check") == CUSTODY],
        "readiness": readiness,
        "receipts": [{"uri": link.uri, "sha256": link.sha256} for link in links],
    }


def _phase(link: Link, body: dict[str, Any]) -> dict[str, Any]:
    shown = ("phase", "attempt", "started_at", "ended_at", "seconds", "error", "filled")
    return {"number": link.number, **{name: body.get(name) for name in shown}}


def _objectives(ended: Ended, bodies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the app was promised, held against this run; seconds. Only what was measured: a run that failed has no RTO."""
    plan, validation = ended.variables.get("plan") or {}, ended.variables.get("validation") or {}
    allowed, began = plan.get("objectives") or {}, moment(ended.run.started_at)
    ends = [body["ended_at"] for body in bodies if body.get("phase") == Phase.VALIDATE and not body.get("error")]
    if allowed and ends and validation.get("verdict") == Verdict.PASSED and ended.run.start_at == Phase.LAUNCH:
        yield _held("RTO: from the start of the run to a validated app", moment(ends[-1]) - began, allowed["rto"])
    if allowed and plan.get("created_at"):
        yield _held("RPO: written after the backup, and lost", began - moment(plan["created_at"]), allowed["rpo"])


def _held(objective: str, measured: timedelta, allowed: int) -> dict[str, Any]:
    seconds = round(max(measured.total_seconds(), 0.0), 3)
    return {"objective": objective, "seconds": seconds, "allowed": allowed, "met": seconds <= allowed}


def _not_done(ended: Ended) -> Iterator[str]:
    """Actions of a promotion that were not done, not seen to be done, or not taken back."""
    for action in _actions(ended, "promotion", "actions"):
        if action.get("verdict") not in (None, Verdict.PASSED):
            yield f"{action['verdict']}: {action['target']}: {action['detail']}"
    for action in (*_actions(ended, "handback", "actions"), *_actions(ended, "cleared", "undone")):
        if not action["done"]:
            yield f"not undone: {action['target']}: {action['detail']}"


def _actions(ended: Ended, fact: str, name: str) -> list[dict[str, Any]]:
    return list((ended.variables.get(fact) or {}).get(name, []))


def _warnings(ended: Ended, bodies: list[dict[str, Any]]) -> list[str]:
    """What a reader must not overlook although the run may have succeeded."""
    found = [f"break-glass: {ended.run.break_glass}"] if ended.run.break_glass else []
    decision = ended.variables.get("approval") or {}
    if decision.get("break_glass"):
        who = decision.get("approver")
        alone = f"its own initiator {who}" if People().same(str(who), ended.run.initiator) else f"{who} alone"
        found.append(f"approved by {alone}, break-glass: {decision['break_glass']}")
    restore = ended.variables.get("restore") or {}
    if restore.get("outcome") == "PARTIAL":
        found.append(f"the restore was PARTIAL: {counts(restore.get('counts') or {})}")
    found += [f"not as the plan predicted: {said}" for said in restore.get("surprises") or []]
    found += _not_done(ended)
    found += [f"published on the runner: {said}" for said in (ended.variables.get("handback") or {}).get("divergence") or []]
    for body in bodies:
        for verdict in body.get("verdicts", []) if body.get("phase") == "plan" else []:
            if verdict.get("verdict") != "PASSED":
                found.append(f"{verdict.get('check')}: {verdict.get('detail')}")
        if body.get("filled") and body.get("error"):
            found.append(f"{body['phase']} left no receipt of its own: {body['error']['type']}")
    return found
