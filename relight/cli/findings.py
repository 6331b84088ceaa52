"""A finding of ``relight doctor``."""

from dataclasses import dataclass

from relight.errors import RelightError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``state``: ok, warning (something works less well without it) or failed (something does not work)."""

    check: str
    state: str
    detail: str
    fix: str = ""


def refused(check: str, error: RelightError, state: str = "warning") -> Finding:
    """What could not be asked, in the error's own words: the last clause of its line is the fix."""
    what, _, fix = str(error).rpartition("; ")
    return Finding(check=check, state=state, detail=f"{error.code} {what}", fix=fix)
