"""Validators: read-only checks of a restored app, one module a kind, each with its own deadline and verdict.

A validator never creates what it checks (``job``, ``command`` and PostgreSQL's ``sql`` start a Job of their own, and delete
it). A check
that could not run is COULD_NOT_VERIFY, which is never counted as passed. To add a kind: a module with a ``check``
function, a row in REGISTRY, the kind's name in ``config.Validator``.
"""

import threading
import time
from collections.abc import Callable, Sequence

from relight.config import Validator
from relight.errors import RelightError
from relight.model import Check, RestoreOutcome, Verdict
from relight.records import replace
from relight.recovery.patience import Deadline
from relight.recovery.validators import command, files, http, job, output, ready, sql
from relight.recovery.validators.context import Finding, ValidationContext

__all__ = ["REGISTRY", "RESTORE", "ValidationContext", "completeness", "judge", "run", "run_all", "unnoticed"]

Validate = Callable[[Validator, ValidationContext, Deadline], Finding]

# In the order in which they run: data before anything of the app may have been made to write by a check of ours, and a job's
# output after the job.
REGISTRY: dict[str, Validate] = {
    "files": files.check,
    "ready": ready.check,
    "sql": sql.check,
    "http": http.check,
    "command": command.check,
    "job": job.check,
    "output": output.check,
}
RESTORE = "restore"
GRACE_SECONDS = 5.0  # for a check to clean up after its deadline
WORST_FIRST = (Verdict.FAILED, Verdict.TIMED_OUT, Verdict.COULD_NOT_VERIFY)
SEEN = frozenset({Verdict.FAILED, Verdict.TIMED_OUT})


def run(validator: Validator, context: ValidationContext) -> Check:
    """The validator's verdict, at its deadline (seconds) at the latest but for a moment to clean up. Never raises."""
    began = time.monotonic()
    answer: list[Finding] = []
    deadline = Deadline.after(validator.deadline)
    thread = threading.Thread(
        target=lambda: answer.append(_find(validator, context, deadline)), name=f"validate-{validator.name}", daemon=True
    )
    thread.start()
    thread.join(validator.deadline + GRACE_SECONDS)
    late = Finding(Verdict.TIMED_OUT, f"gave no answer within {validator.deadline} s")
    found = answer[0] if answer else late
    return Check(
        validator=validator.name,
        kind=validator.kind,
        verdict=found.verdict,
        detail=found.detail,
        seconds=round(time.monotonic() - began, 3),
        evidence=found.evidence,
    )


def run_all(validators: Sequence[Validator], context: ValidationContext) -> tuple[Check, ...]:
    """One after the other in the registry's order, so that no check disturbs another; answered in the order given."""
    ranks = {kind: rank for rank, kind in enumerate(REGISTRY)}
    order = sorted(range(len(validators)), key=lambda i: ranks.get(validators[i].kind, len(ranks)))
    checks = {i: run(validators[i], context) for i in order}
    return tuple(checks[i] for i in range(len(validators)))


def completeness(outcome: RestoreOutcome, counts: dict[str, int], allow_partial: bool) -> tuple[Check, ...]:
    """A check of its own for a PARTIAL restore, which fails unless the app allows it by name; none for a COMPLETE one."""
    if outcome == RestoreOutcome.COMPLETE:
        return ()
    missing = ", ".join(f"{counts.get(fate, 0)} {fate}" for fate in ("refused", "failed"))
    allowed = "; the app allows a partial restore" if allow_partial else ""
    verdict = Verdict.PASSED if allow_partial else Verdict.FAILED
    detail = f"the restore is PARTIAL: {missing}{allowed}"
    return (
        Check(validator=RESTORE, kind=RESTORE, verdict=verdict, detail=detail, seconds=0.0, evidence={"counts": counts}),
    )


def judge(checks: Sequence[Check]) -> Verdict:
    """PASSED only when a validator ran and every check is PASSED; else the worst verdict there is."""
    verdicts = {check.verdict for check in checks}
    if worst := next((verdict for verdict in WORST_FIRST if verdict in verdicts), None):
        return worst
    return Verdict.PASSED if any(check.kind != RESTORE for check in checks) else Verdict.COULD_NOT_VERIFY


def unnoticed(checks: Sequence[Check]) -> tuple[str, ...]:
    """For a negative control: the validators that did not see the damage. A check that could not run saw nothing."""
    return tuple(check.validator for check in checks if check.verdict not in SEEN)


def _find(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    validate = REGISTRY.get(validator.kind)
    if validate is None:
        return Finding(Verdict.COULD_NOT_VERIFY, f"this version has no validator of kind {validator.kind!r}")
    try:
        found = validate(validator, context, deadline)
    except RelightError as error:
        return Finding(Verdict.COULD_NOT_VERIFY, f"the check could not run: {type(error).__name__}: {error}")
    except Exception as error:  # a fault of the check itself says nothing about the app
        return Finding(Verdict.COULD_NOT_VERIFY, f"the check broke: {type(error).__name__}: {error}")
    return replace(found, detail=" ".join(found.detail.split()))
