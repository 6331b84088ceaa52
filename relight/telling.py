"""Tells people what became of a run: facts from what is known of it, the words from ``relight.messages``, sent by SNS."""

import json
from dataclasses import dataclass, field
from typing import Any

from relight.adapters import parameters
from relight.adapters.approvals import Approval
from relight.adapters.notify import Notifier
from relight.errors import RelightError
from relight.evidence.scrub import scrub
from relight.evidence.step import FACTS, log
from relight.messages import NOTHING, WOULD, Facts, Kind, render
from relight.model import Mode, Run, Verdict
from relight.settings import FunctionSettings
from relight.times import from_epoch

MOST = 20  # lines of what a promotion would do
EFFECT = {Mode.INCIDENT: "it becomes production", Mode.DRILL: "nothing more happens: it is a rehearsal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A run, and what is known of it: the state machine's variables, or the record's, as JSON; any may be missing."""

    run: Run
    approval: Approval | None = None
    variables: dict[str, Any] = field(default_factory=dict, repr=False)

    def facts(self) -> Facts:
        run, plan, runner = self.run, self._of("plan"), self._of("launch")
        checks = self._of("validation").get("checks") or []
        known = {
            "app": run.app,
            "run_id": run.run_id,
            "mode": run.mode.value,
            "initiator": run.initiator,
            "reason": run.reason,
            "effect": EFFECT[run.mode],
            "backup_id": str(plan.get("backup_id") or NOTHING),
            "backup_made": str(plan.get("created_at") or NOTHING),
            "runner": " ".join(str(runner[name]) for name in ("instance_id", "instance_type", "zone") if name in runner),
            "checks": str(len(checks)),
            "passed": str(sum(check.get("verdict") == Verdict.PASSED for check in checks)),
        }
        would = {f"{WOULD}{n:02d}": line for n, line in enumerate((self._of("preview").get("lines") or ())[:MOST])}
        return known | would | (_decided(self.approval) if self.approval else {})

    def _of(self, name: str) -> dict[str, Any]:
        return self.variables.get(name) or {}


def _decided(approval: Approval) -> dict[str, str]:
    votes = approval.decision.approvals if approval.decision else approval.counted
    return {
        "needed": str(approval.needed),
        "got": str(len(votes)),
        "who": ", ".join(vote.approver for vote in votes),
        "evidence": approval.evidence_hash,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """``deployment``: names the topics, and by its parameter the console whose page a message links to."""

    deployment: FunctionSettings

    def tell(self, kind: Kind, about: About, **more: str) -> bool:
        """Whether it was sent. That nobody could be told is logged and stops nothing: the console shows it too."""
        try:
            self.send(kind, about, **more)
        except RelightError as error:
            log.error("nobody was told; relight status shows it", extra={"kind": kind.value, "error": str(error)})
            return False
        return True

    def send(self, kind: Kind, about: About, **more: str) -> None:
        """Raises what SNS raises."""
        facts = {**about.facts(), "link": page(about.run), **more}
        message = render(kind, scrub(facts))
        topics = [self.deployment.topic, self.deployment.escalation if message.loud else ""]
        for topic in dict.fromkeys(filter(None, topics)):
            Notifier(topic).publish(message.subject, message.text, message.chat)


def variables(record: dict[str, Any]) -> dict[str, Any]:
    """What the run's record in the table keeps of the state machine's variables."""
    return {name: json.loads(record[name]) for name in FACTS if record.get(name)}


def page(run: Run) -> str:
    """Where the console shows the run. Opening it changes nothing. Empty where the console's address is not known."""
    try:
        return f"{parameters.api().rstrip('/')}/console/runs/{run.run_id}"
    except RelightError as error:
        log.warning("the message has no link", extra={"error": str(error)})
        return ""


def until(approval: Approval) -> str:
    return from_epoch(approval.expires_at)
