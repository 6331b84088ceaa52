"""Nothing is promoted without a PASSED validation and a recorded approval that is bound to exactly that evidence."""

from dataclasses import dataclass

from relight.adapters import parameters
from relight.adapters.approvals import Approval
from relight.approving import Rules, people_of
from relight.errors import NotProven
from relight.evidence import binding
from relight.evidence.step import Step
from relight.model import Decided, Decision, Mode, PlanRef, Validation, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """``approval``: the record in the table; ``drift``: what is not as it was validated, read from S3 now."""

    mode: Mode
    plan: PlanRef
    validation: Validation
    decision: Decision
    approval: Approval | None
    drift: tuple[str, ...]
    rules: Rules

    def gaps(self) -> list[str]:
        """Why this must not be promoted, in words; empty when it may."""
        recorded = self.approval.decision if self.approval else None
        covered = binding.hash_of(binding.bound(self.plan, self.validation))
        checks = {
            "a drill is never promoted": self.mode == Mode.INCIDENT,
            "the validation did not pass": self.validation.verdict == Verdict.PASSED and bool(self.validation.checks),
            "a check did not pass": all(check.verdict == Verdict.PASSED for check in self.validation.checks),
            "the evidence is not this plan's": covered == self.validation.evidence_hash,
            "no approval is on record": recorded is not None and recorded.decided == Decided.APPROVED,
            "the approval on record is another one": recorded == self.decision,
            "the approval is bound to other evidence": self.decision.evidence_hash == self.validation.evidence_hash,
        }
        return [*(why for why, holds in checks.items() if not holds), *self.drift, *self.rules.gaps(self.decision)]


def check_proof(now: Step, plan: PlanRef) -> str:
    """The evidence hash that the approval is bound to. Raises NotProven that names every gap, and what S3 raises."""
    validation, decision = now.given("validation", Validation), now.given("approval", Decision)
    approval = now.table.approval(now.run.run_id)
    proof = Proof(
        mode=now.run.mode,
        plan=plan,
        validation=validation,
        decision=decision,
        approval=approval,
        drift=tuple(binding.drift(now.store.get, binding.bound(plan, validation))),
        rules=rules(now, approval),
    )
    if gaps := proof.gaps():
        raise NotProven(f"promote {now.run.run_id}: {', '.join(gaps)}; nothing was promoted; validate and approve again")
    return validation.evidence_hash


def rules(now: Step, approval: Approval | None) -> Rules:
    """The stricter of what it was asked under and what the app says by now."""
    app, asked = parameters.app(now.run.app), approval.needed if approval else 1
    return Rules(
        run_id=now.run.run_id,
        initiator=now.run.initiator,
        needed=max(app.approvals, asked),
        approvers=app.approvers,
        people=people_of(app),
    )
