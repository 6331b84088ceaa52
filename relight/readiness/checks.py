"""The table of checks, and what they come to together: findings, a state and a score."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from relight.model import Phase, timestamp
from relight.readiness import account, material, watchers
from relight.readiness.facts import Facts, Unread
from relight.readiness.findings import unverified
from relight.readiness.records import EVERY, WORST, Finding, Readiness, State
from relight.records import replace

CAP = 49  # of a score with a failed check: less than half, whatever else is in order
WORTH = {State.PASSED: 1.0, State.WARNING: 0.5, State.COULD_NOT_VERIFY: 0.0, State.FAILED: 0.0}


@dataclass(frozen=True, slots=True)
class Check:
    """``phase``: when a run would meet it. ``needs``: the facts that ``judge`` is given, after all of them. ``risk``: what
    may be wrong while it could not be read. ``weight``: 3 ends a recovery, 2 spoils it, 1 delays it."""

    name: str
    phase: str
    weight: int
    needs: tuple[str, ...]
    judge: Callable[..., Iterator[Finding]]
    risk: str


CHECKS: tuple[Check, ...] = (
    Check("permissions", Phase.DETECT, 3, ("rights",), account.permissions, "a phase may end with AccessDenied"),
    Check("triggers", Phase.DETECT, 1, ("triggers", "drills"), watchers.triggers, "an alarm may start nothing"),
    Check("dead letters", Phase.DETECT, 1, ("dead_letters",), watchers.dead_letters, "runs may have failed to start"),
    Check("clock", Phase.DETECT, 1, ("backup", "skew"), watchers.clock, "ages may be judged wrongly"),
    Check("lease", Phase.PLAN, 3, ("lease",), material.lease, "another run may be in the way"),
    Check("backup", Phase.PLAN, 3, ("backup",), material.backup, "there may be nothing to restore"),
    Check("bucket events", Phase.PLAN, 1, ("bucket_events",), watchers.bucket_events, "a bad backup may go unnoticed"),
    Check("rpo", Phase.PLAN, 2, ("backup",), material.rpo, "more may be lost than allowed"),
    Check("quota", Phase.LAUNCH, 3, ("quota",), account.quota, "EC2 may refuse the runner"),
    Check("offerings", Phase.LAUNCH, 3, ("offered",), account.offerings, "EC2 may refuse the runner"),
    Check("artifacts", Phase.LAUNCH, 3, ("pinned",), account.artifacts, "the runner may not boot"),
    Check("manifests", Phase.RESTORE, 3, ("planned",), material.manifests, "objects may be refused"),
    Check("disk", Phase.RESTORE, 2, ("backup", "planned", "disk_gib"), material.disk, "the disk may be too small"),
    Check("memory", Phase.VALIDATE, 2, ("planned",), material.memory, "pods may stay Pending"),
    Check("architecture", Phase.VALIDATE, 2, ("planned",), material.architectures, "pods may not run"),
    Check("images", Phase.VALIDATE, 2, ("images",), material.images, "pods may not start"),
    Check("notify", Phase.APPROVE, 2, ("subscribers",), watchers.notify, "nobody may hear that a decision is wanted"),
    Check("drill", EVERY, 2, ("drills",), watchers.drill, "nobody knows whether the whole of it works"),
)


def evaluate(facts: Facts) -> Readiness:
    """Pure. Every check has at least one finding."""
    found = {check: tuple(_findings(check, facts)) for check in CHECKS}
    findings = tuple(one for rows in found.values() for one in rows)
    states = {check: worst(rows) for check, rows in found.items()}
    return Readiness(
        app=facts.app.name,
        checked_at=timestamp(facts.at),
        state=worst(findings),
        score=score(states),
        findings=findings,
    )


def _findings(check: Check, facts: Facts) -> Iterator[Finding]:
    given = [getattr(facts, name) for name in check.needs]
    unread = [one for one in given if isinstance(one, Unread)]
    rows = [_unread(check, one) for one in unread] or list(check.judge(facts, *given))
    for row in rows:
        yield replace(row, check=check.name, phase=row.phase or str(check.phase))


def _unread(check: Check, unread: Unread) -> Finding:
    return unverified(unread.why, check.risk, "make it readable, and check again: relight check")


def worst(findings: tuple[Finding, ...]) -> State:
    """A check that says nothing has not been made."""
    return max((one.state for one in findings), key=WORST.index, default=State.COULD_NOT_VERIFY)


def score(states: dict[Check, State]) -> int:
    """The share of the weights that passed, in whole percent, rounded down; a warning counts half. See CAP."""
    whole = sum(check.weight for check in states)
    got = sum(check.weight * WORTH[state] for check, state in states.items())
    share = int(100 * got / whole)
    return min(share, CAP) if State.FAILED in states.values() else share
