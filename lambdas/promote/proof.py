"""Nothing is promoted without a PASSED validation and a recorded approval that is bound to exactly that evidence."""

from dataclasses import dataclass

from relight.adapters.table import Approval
from relight.errors import NotProven
from relight.evidence.binding import digest, evidence_hash
from relight.evidence.step import Step
from relight.model import Decided, Decision, Mode, PlanRef, Validation, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """``approval``: the record in the table; ``checks_sha256``: of the checks' document as it is in S3 now."""

    mode: Mode
    plan: PlanRef
    validation: Validation
    decision: Decision
    approval: Approval | None
    checks_sha256: str

    def gaps(self) -> list[str]:
        """Why this must not be promoted, in words; empty when it may."""
        recorded = self.approval.decision if self.approval else None
        bound = evidence_hash(self.plan.hash, self.plan.metadata_sha256, self.checks_sha256)
        checks = {
            "a drill is never promoted": self.mode == Mode.INCIDENT,
            "the validation did not pass": self.validation.verdict == Verdict.PASSED and bool(self.validation.checks),
            "a check did not pass": all(check.verdict == Verdict.PASSED for check in self.validation.checks),
            "the checks' document was changed": self.checks_sha256 == self.validation.evidence.sha256,
            "the evidence is not this plan's": bound == self.validation.evidence_hash,
            "no approval is on record": recorded is not None and recorded.decided == Decided.APPROVED,
            "the approval on record is another one": recorded == self.decision,
            "the approval is bound to other evidence": self.decision.evidence_hash == self.validation.evidence_hash,
        }
        return [why for why, holds in checks.items() if not holds]


def check_proof(now: Step, plan: PlanRef) -> str:
    """The evidence hash that the approval is bound to. Raises NotProven that names every gap."""
    validation, decision = now.given("validation", Validation), now.given("approval", Decision)
    proof = Proof(
        mode=now.run.mode,
        plan=plan,
        validation=validation,
        decision=decision,
        approval=now.table.approval(now.run.run_id),
        checks_sha256=digest(now.store.get(validation.evidence.uri)),
    )
    if gaps := proof.gaps():
        raise NotProven(f"promote {now.run.run_id}: {', '.join(gaps)}; nothing was promoted; validate and approve again")
    return validation.evidence_hash
