"""A rejection on record promotes nothing, also when the state machine says the same."""

from lambdas.promote.proof import Proof
from relight.adapters.table import Approval
from relight.evidence.binding import evidence_hash
from relight.model import Artifact, Check, Decided, Decision, Mode, PlanRef, Validation, Verdict

DOCUMENT = Artifact(uri="s3://evidence/app/run/artifacts/checks.json", sha256="c" * 64)
BOUND = evidence_hash("a" * 64, "b" * 64, DOCUMENT.sha256)
CHECK = Check(validator="ready", kind="ready", verdict=Verdict.PASSED, detail="ready", seconds=0.1)


def gaps(decided: Decided) -> list[str]:
    uri, at = "s3://backups/app/backups/b1", "2026-11-23T03:00:00Z"
    plan = PlanRef(
        uri="s3://evidence/app/run/plan", hash="a" * 64, backup_uri=uri, backup_id="b1", metadata_sha256="b" * 64,
        created_at=at, rungs=1,
    )  # fmt: skip
    validation = Validation(verdict=Verdict.PASSED, checks=(CHECK,), evidence=DOCUMENT, evidence_hash=BOUND)
    decision = Decision(decided=decided, approver="arn:aws:iam::1:user/a", decided_at=at, evidence_hash=BOUND)
    record = Approval(token="t", evidence_hash=BOUND, requested_at=at, expires_at=1, decision=decision)
    return Proof(
        mode=Mode.INCIDENT, plan=plan, validation=validation, decision=decision, approval=record,
        checks_sha256=DOCUMENT.sha256,
    ).gaps()  # fmt: skip


def test_an_approval_on_record_has_no_gap_and_a_rejection_has() -> None:
    assert gaps(Decided.APPROVED) == []
    assert gaps(Decided.REJECTED) == ["no approval is on record"]
