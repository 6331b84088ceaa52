"""A run's approval in the table: asked for, voted on, decided. Each change is one compare-and-swap, so that none is lost."""

from dataclasses import dataclass

from relight.adapters.items import KEEP_RUNS, Items
from relight.errors import Conflict
from relight.model import Bound, Decision, Vote, decode, encode
from relight.records import replace

TRIES = 8  # each lost race means that somebody else's change was taken meanwhile
UNCHANGED = "attribute_type(decision, :null) AND (#turn = :turn OR attribute_not_exists(#turn))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A decision to be made. ``token`` is a secret. ``expires_at``: epoch seconds.

    ``remind_at`` and ``escalate_at``: when people hear again that it waits; ``told``: which of these they have.
    ``needed``: so many people must approve the same evidence, of ``approvers`` where that names any. ``runner``: the
    instance that would be promoted. ``delivered``: the machine has the decision. ``turn``: counts
    changes, for compare-and-swap.
    """

    token: str
    evidence_hash: str
    requested_at: str
    expires_at: int
    decision: Decision | None = None
    votes: tuple[Vote, ...] = ()
    needed: int = 1
    approvers: tuple[str, ...] = ()
    bound: Bound | None = None
    runner: str = ""
    remind_at: int = 0
    escalate_at: int = 0
    told: tuple[str, ...] = ()
    delivered: bool = False
    turn: int = 0

    @property
    def counted(self) -> tuple[Vote, ...]:
        """Votes for the evidence that is asked about now."""
        return tuple(vote for vote in self.votes if vote.evidence_hash == self.evidence_hash)


class Approvals(Items):
    def approval(self, run_id: str) -> Approval | None:
        item = self._get(f"run#{run_id}", "approval")
        return decode(item, Approval) if item else None

    def ask_approval(self, run_id: str, asked: Approval) -> Approval:
        """Asks, or asks again with a newer token: a decision that was made stays, and so do votes. Returns what stands.

        Idempotent per run. Raises Conflict when others change it all the time.
        """
        for _ in range(TRIES):
            before = self.approval(run_id)
            if before and before.decision:
                return before
            wanted = replace(asked, votes=before.votes, told=before.told) if before else asked
            if self.change_approval(run_id, before, wanted):
                return wanted
        raise Conflict(f"approval of run {run_id}: was changed {TRIES} times meanwhile; asking again shortly")

    def note_delivered(self, run_id: str) -> None:
        """The decision on record ended Approve."""
        self._try(f"run#{run_id}", "approval", {"delivered": True}, "attribute_exists(pk)", {})

    def change_approval(self, run_id: str, before: Approval | None, after: Approval) -> bool:
        """``before`` becomes ``after``. False where it is not there any more, or was decided: read again, decide again."""
        turn = before.turn if before else 0
        fields = {**encode(replace(after, turn=turn + 1)), "ttl": after.expires_at + KEEP_RUNS}
        condition = UNCHANGED if before else "attribute_not_exists(pk)"
        values = {":null": "NULL", ":turn": turn} if before else {}
        return self._try(f"run#{run_id}", "approval", fields, condition, values)
