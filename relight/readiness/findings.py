"""Short ways to say a finding; its check and its phase are filled in where the checks are run."""

from collections.abc import Iterator, Sequence

from relight.readiness.records import Finding, State

SHOWN = 3
Findings = Iterator[Finding]


def passed(seen: str) -> Finding:
    return Finding(state=State.PASSED, seen=seen)


def warning(seen: str, fails: str, fix: str, phase: str = "") -> Finding:
    return Finding(state=State.WARNING, seen=seen, fails=fails, fix=fix, phase=phase)


def failed(seen: str, fails: str, fix: str, phase: str = "") -> Finding:
    return Finding(state=State.FAILED, seen=seen, fails=fails, fix=fix, phase=phase)


def unverified(seen: str, fails: str, fix: str) -> Finding:
    return Finding(state=State.COULD_NOT_VERIFY, seen=seen, fails=fails, fix=fix)


def some(things: Sequence[str], most: int = SHOWN) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(things[:most]) + more
