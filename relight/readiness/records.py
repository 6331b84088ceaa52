"""What a readiness check says: the document in the evidence bucket, in the console API, on the screen and in the report."""

from dataclasses import dataclass
from enum import StrEnum

SCHEMA_VERSION = 1


class State(StrEnum):
    """Best first. What could not be read is neither good nor bad: it is never counted as passed."""

    PASSED = "passed"
    WARNING = "warning"
    COULD_NOT_VERIFY = "could_not_verify"
    FAILED = "failed"


WORST = list(State)
EVERY = "all"  # in place of a phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``phase``: when it would fail. ``seen``: what was read. ``fails``: what that means for a recovery now."""

    state: State
    seen: str
    fails: str = ""
    fix: str = ""
    phase: str = ""
    check: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """``state``: of the worst finding. ``score``: 0 to 100, see docs/operate.md. ``findings``: at least one a check."""

    app: str
    checked_at: str
    state: State
    score: int
    findings: tuple[Finding, ...]
    schema_version: int = SCHEMA_VERSION
