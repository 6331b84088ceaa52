"""What Promote looks at once more: each thing that is missing, or is not as it was approved, is named."""

from typing import Any

import pytest

from lambdas.promote.proof import Proof
from relight.adapters.approvals import Approval
from relight.approving import Rules
from relight.evidence.binding import evidence_hash
from relight.model import Artifact, Check, Decided, Decision, Mode, PlanRef, Validation, Verdict, Vote
from relight.people import People
from relight.records import replace

DOCUMENT = Artifact(uri="s3://evidence/app/run/artifacts/checks.json", sha256="c" * 64)
BOUND = evidence_hash("a" * 64, "b" * 64, DOCUMENT.sha256)
CHECK = Check(validator="ready", kind="ready", verdict=Verdict.PASSED, detail="ready", seconds=0.1)


ANN, BOB, EVE = "arn:aws:iam::1:user/a", "arn:aws:iam::1:user/b", "arn:aws:iam::1:user/e"
AT = "2026-11-23T03:00:00Z"
RULES = Rules(run_id="run", initiator=ANN, needed=1, approvers=(), people=People())


def vote(who: str, **more: Any) -> Vote:
    return Vote(**{"approver": who, "at": AT, "evidence_hash": BOUND} | more)


def gaps(decided: Decided = Decided.APPROVED, rules: Rules = RULES, drift: tuple[str, ...] = (), **more: Any) -> list[str]:
    plan = PlanRef(
        uri="s3://evidence/app/run/plan", hash="a" * 64, backup_uri="s3://backups/app/backups/b1", backup_id="b1",
        metadata_sha256="b" * 64, created_at=AT, rungs=1,
    )  # fmt: skip
    plan = replace(plan, **more.pop("plan", {}))
    validation = Validation(verdict=Verdict.PASSED, checks=(CHECK,), evidence=DOCUMENT, evidence_hash=BOUND)
    decision = Decision(**{"decided": decided, "approver": BOB, "decided_at": AT, "evidence_hash": BOUND} | more)
    record = Approval(token="t", evidence_hash=BOUND, requested_at=AT, expires_at=1, decision=decision)
    return Proof(
        mode=Mode.INCIDENT, plan=plan, validation=validation, decision=decision, approval=record, drift=drift, rules=rules,
    ).gaps()  # fmt: skip


def test_an_approval_on_record_has_no_gap_and_a_rejection_has() -> None:
    assert gaps() == []
    assert gaps(Decided.REJECTED) == ["no approval is on record"]


def test_what_was_kept_before_votes_were_is_its_approvers_vote() -> None:
    assert gaps(approvals=()) == gaps(approvals=(vote(BOB),)) == []
    assert gaps(approver=ANN) == ["its own initiator approved it"]


TWO = replace(RULES, needed=2)


@pytest.mark.parametrize(
    ("rules", "votes", "missing"),
    [
        (TWO, (vote(BOB),), "1 of 2 people approved it"),
        (TWO, (vote(BOB), vote(BOB.upper())), "1 of 2 people approved it"),
        (TWO, (vote(BOB), vote(EVE, evidence_hash="f" * 64)), "somebody approved other evidence"),
        (TWO, (vote(BOB), vote(ANN)), "its own initiator approved it"),
        (replace(RULES, approvers=(EVE,)), (vote(BOB),), "somebody who is no approver approved it"),
        (replace(RULES, approvers=(EVE,)), (vote(BOB, break_glass="x"),), "somebody who is no approver approved it"),
    ],
)
def test_an_approval_that_the_rules_do_not_allow_promotes_nothing(
    rules: Rules, votes: tuple[Vote, ...], missing: str
) -> None:
    assert gaps(rules=rules, approvals=votes) == [missing]


def test_two_people_are_enough_where_two_are_needed_and_broken_glass_stands_for_both() -> None:
    assert gaps(rules=TWO, approvals=(vote(BOB), vote(EVE))) == []
    assert gaps(rules=TWO, approvals=(vote(ANN, break_glass="alone"),)) == []


@pytest.mark.parametrize("other", [{"hash": "d" * 64}, {"metadata_sha256": "d" * 64}])
def test_another_plan_or_another_backup_is_not_what_was_approved(other: dict[str, str]) -> None:
    assert gaps(plan=other) == ["the evidence is not this plan's"]


def test_documents_that_changed_since_promote_nothing() -> None:
    assert gaps(drift=("the backup was changed",)) == ["the backup was changed"]
