"""Exit statuses, and how an error becomes one line. Documented in docs/operate.md."""

import traceback
from pathlib import Path
from typing import Final

from relight.cli.view import View
from relight.errors import ConfigInvalid, RelightError
from relight.model import Outcome, Verdict

DONE: Final = 0
ENDED_BADLY: Final = 1
USER_ERROR: Final = 2
UNDECIDED: Final = 3
INTERRUPTED: Final = 130

GOOD = {Outcome.HEALTHY, Outcome.SUCCEEDED, Outcome.HELD}


def of_outcome(outcome: str | None) -> int:
    """A run's outcome as an exit status; None (it has not ended) is undecided."""
    if outcome is None:
        return UNDECIDED
    return DONE if outcome in GOOD else ENDED_BADLY


def of_control(view: View) -> int:
    """A negative control succeeds when its run fails because a check saw the damage; anything else proves nothing."""
    noticed = view.outcome == Outcome.FAILED and any(check.verdict == Verdict.FAILED for check in view.checks)
    return DONE if noticed else UNDECIDED if view.outcome is None else ENDED_BADLY


def lines(error: RelightError) -> list[str]:
    """What stderr shows: one line, and for a configuration one more for each wrong field."""
    findings = error.findings if isinstance(error, ConfigInvalid) else []
    told = " ".join(str(error).split())
    if isinstance(error, ConfigInvalid) and len(findings) == 1:
        told, findings = f"{error.given}: {findings[0]}; correct it and run the command again", []
    return [f"relight: {error.code}: {told}", *(f"  {finding}" for finding in findings)]


def internal(error: BaseException, kept: Path) -> str:
    """The one line for a fault of ours; the traceback goes to a file, never to the operator's screen."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        where = f"report it with {kept}"
    except OSError:
        where = "run it again from a writable directory to keep the details"
    return f"relight: R000: internal: {type(error).__name__}, a fault of Relight, not of yours; {where}"
