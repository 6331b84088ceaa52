"""The rules of a decision, pure: who may approve, when it is decided, and what a later check may expect of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from relight.adapters.approvals import Approval
from relight.config import App
from relight.errors import AlreadyDecided, ApprovalExpired, EvidenceDrifted, NotAnApprover, SelfApproval
from relight.model import Decided, Decision, Vote
from relight.people import People, named
from relight.records import replace

Votes = tuple[Vote, ...]


def people_of(app: App) -> People:
    return People(session_roles=app.session_roles, rows=app.people)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """An app's. ``needed``: so many of ``people``; ``approvers``: who they may be, anybody where it is empty."""

    run_id: str
    initiator: str
    needed: int
    approvers: tuple[str, ...]
    people: People

    def count(self, votes: Votes) -> int:
        return len({self.people.person(vote.approver) for vote in votes})

    # ------------------------------------------------------------ deciding
    def vote(self, approval: Approval, vote: Vote, at: float) -> Approval:
        """The approval with this vote, decided where it was the last that was needed. The same vote again changes nothing.

        Break-glass with a reason decides alone, the initiator's too; it makes nobody an approver. ``at``: epoch seconds.
        Raises AlreadyDecided, ApprovalExpired, EvidenceDrifted, NotAnApprover, SelfApproval.
        """
        if approval.decision:
            return self._kept(approval, Decided.APPROVED, vote.approver)
        self.open(approval, at)
        if vote.evidence_hash != approval.evidence_hash:
            raise EvidenceDrifted(f"run {self.run_id}", "has other evidence than you saw", "look again: relight status")
        self._may(vote.approver)
        if self.people.same(vote.approver, self.initiator) and not vote.break_glass:
            raise SelfApproval(
                f"run {self.run_id}",
                "you asked for it, so somebody else must approve it",
                f'alone at night: relight approve {self.run_id} --break-glass "why"',
            )
        return self._with(approval, vote)

    def reject(self, approval: Approval, caller: str, reason: str, stamp: str, at: float) -> Approval:
        """One rejection ends it; whoever asked for the run may reject it, and so may each approver."""
        if approval.decision:
            return self._kept(approval, Decided.REJECTED, caller)
        self.open(approval, at)
        if not self.people.same(caller, self.initiator):
            self._may(caller)
        return self._decided(approval, Decided.REJECTED, caller, stamp, reason=reason)

    def _with(self, approval: Approval, vote: Vote) -> Approval:
        before = [one for one in approval.counted if self.people.same(one.approver, vote.approver)]
        if not before or vote.break_glass:
            votes = tuple(one for one in approval.votes if one not in before)
            approval = replace(approval, votes=(*votes, vote))
        if not vote.break_glass and self.count(approval.counted) < self.needed:
            return approval
        return self._decided(approval, Decided.APPROVED, vote.approver, vote.at, break_glass=vote.break_glass)

    def _decided(
        self, approval: Approval, decided: Decided, who: str, at: str, reason: str = "", break_glass: str | None = None
    ) -> Approval:
        decision = Decision(
            decided=decided, approver=who, decided_at=at, evidence_hash=approval.evidence_hash, reason=reason,
            break_glass=break_glass, approvals=approval.counted,
        )  # fmt: skip
        return replace(approval, decision=decision)

    def _kept(self, approval: Approval, decided: Decided, caller: str) -> Approval:
        """Whoever took part in a decision is answered as the first time; anybody else comes too late."""
        kept = approval.decision
        assert kept is not None
        took_part = [kept.approver, *(vote.approver for vote in kept.approvals if decided == Decided.APPROVED)]
        if kept.decided == decided and any(self.people.same(one, caller) for one in took_part):
            return approval
        raise AlreadyDecided(
            f"run {self.run_id}", f"{kept.decided} by {kept.approver} at {kept.decided_at}", "nothing changed"
        )

    def open(self, approval: Approval, at: float) -> None:
        """Raises ApprovalExpired once the window has closed."""
        if approval.expires_at <= at:
            fix = f"ask for it again while its runner is held: relight request {self.run_id}"
            raise ApprovalExpired(f"run {self.run_id}", "its approval window has closed", fix)

    def _may(self, caller: str) -> None:
        if self.approvers and not named(caller, self.approvers):
            raise NotAnApprover(
                f"run {self.run_id}", f"{caller} is none of the app's approvers", "ask one of them, or change relight.toml"
            )

    # ------------------------------------------------------------ checking once more
    def gaps(self, decision: Decision) -> Iterator[str]:
        """What these rules miss in an approval, in words. One from before votes were kept is its approver's vote."""
        alone = Vote(
            approver=decision.approver, at=decision.decided_at, evidence_hash=decision.evidence_hash,
            break_glass=decision.break_glass,
        )  # fmt: skip
        votes = decision.approvals or (alone,)
        if any(vote.evidence_hash != decision.evidence_hash for vote in votes):
            yield "somebody approved other evidence"
        if self.approvers and not all(named(vote.approver, self.approvers) for vote in votes):
            yield "somebody who is no approver approved it"
        if any(vote.break_glass for vote in votes):
            return
        if any(self.people.same(vote.approver, self.initiator) for vote in votes):
            yield "its own initiator approved it"
        if (people := self.count(votes)) < self.needed:
            yield f"{people} of {self.needed} people approved it"
