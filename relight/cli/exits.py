"""Exit statuses, and how an error is told: one line and, with ``-o json``, one document. Documented in docs/operate.md."""

import errno
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from typer.exceptions import TyperException

from relight.errors import ConfigInvalid, RelightError, UserError
from relight.model import Outcome, Verdict
from relight.view import View

DONE: Final = 0
ENDED_BADLY: Final = 1
USER_ERROR: Final = 2
UNDECIDED: Final = 3
INTERRUPTED: Final = 130

GOOD = {Outcome.HEALTHY, Outcome.SUCCEEDED, Outcome.HELD}
MACHINE = {  # what a person's machine may refuse anywhere, and what to do about it
    errno.ENOSPC: "make room, and run it again",
    errno.EDQUOT: "make room, and run it again",
    errno.EACCES: "choose another place, or get the permission",
    errno.EPERM: "choose another place, or get the permission",
    errno.EROFS: "choose another place",
    errno.ENOTDIR: "choose another place",
    errno.EISDIR: "choose another place",
    errno.EEXIST: "choose another place",
}


def of_outcome(outcome: str | None) -> int:
    """A run's outcome as an exit status; None (it has not ended) is undecided."""
    if outcome is None:
        return UNDECIDED
    return DONE if outcome in GOOD else ENDED_BADLY


def of_control(view: View) -> int:
    """A negative control succeeds when its run fails because a check saw the damage; anything else proves nothing."""
    noticed = view.outcome == Outcome.FAILED and any(check.verdict == Verdict.FAILED for check in view.checks)
    return DONE if noticed else UNDECIDED if view.outcome is None else ENDED_BADLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as it is told. ``message`` is one line, but for the help that a bare ``relight`` gets."""

    status: int = USER_ERROR
    code: str
    name: str
    message: str
    findings: tuple[str, ...] = ()

    def lines(self) -> str:
        """What stderr shows: one line, and for a configuration one more for each of several wrong fields."""
        told = self.message if "\n" in self.message else f"relight: {self.code}: {self.message}"
        return "\n".join([told, *(f"  {finding}" for finding in self.findings)])

    def document(self) -> dict[str, Any]:
        """What stdout gets with ``-o json``."""
        told = {"code": self.code, "name": self.name, "message": self.message, "findings": self.findings}
        return {"error": told, "exit_status": self.status}


def refusal(error: Exception, kept: Path) -> Refusal:
    """Any error as it is told. A fault of ours leaves its traceback in ``kept``, never on the operator's screen."""
    match error:
        case ConfigInvalid(findings=[only]):
            return user_error(error, f"{error.given}: {only}; {error.fix}")
        case RelightError():
            return user_error(error, " ".join(str(error).split()), tuple(getattr(error, "findings", ())))
        case TyperException():
            return user_error(UserError, usage(error))
        case OSError(errno=number) if number in MACHINE:
            return user_error(UserError, f"{error.filename or 'this disk'}: {error.strerror}; {MACHINE[number]}")
    return Refusal(status=ENDED_BADLY, code=RelightError.code, name=type(error).__name__, message=internal(error, kept))


def user_error(kind: RelightError | type[RelightError], message: str, findings: tuple[str, ...] = ()) -> Refusal:
    name = kind.__name__ if isinstance(kind, type) else type(kind).__name__
    return Refusal(code=kind.code, name=name, message=message, findings=findings)


def usage(error: TyperException) -> str:
    """Click's complaint as our one line: input, what is wrong, how to fix it. Where nothing was asked: the help."""
    context, said = getattr(error, "ctx", None), error.format_message().replace(": Value error, ", ": ")  # pydantic's words
    path = context.command_path if context else "relight"
    if said.startswith("Usage:"):
        return said
    return f"{path}: {' '.join(said.split()).rstrip('.')}; see {path} --help"


def internal(error: Exception, kept: Path) -> str:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        where = f"report it with {kept}"
    except OSError:
        where = "run it again from a writable directory to keep the details"
    return f"internal: {type(error).__name__}, a fault of Relight, not of yours; {where}"
