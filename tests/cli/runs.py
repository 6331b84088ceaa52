"""Runs as the console API shows them, for tests."""

from typing import Any

PHASES = ("detect", "plan", "launch", "restore", "validate")


def phase(name: str, number: int, **more: Any) -> dict[str, Any]:
    row = {"number": number, "phase": name, "attempt": 0, "status": "done", "summary": f"{name} went well"}
    return (
        row
        | {"started_at": f"2026-11-23T03:00:{number * 5:02}Z", "ended_at": f"2026-11-23T03:00:{number * 5 + 4:02}Z"}
        | more
    )


def run(run_id: str = "r-1", **more: Any) -> dict[str, Any]:
    """A drill whose validation has passed and that waits for an approval."""
    rows = [phase(name, number) for number, name in enumerate(PHASES, 1)]
    rows.append(phase("approve", 6, status="running", ended_at=None, summary=""))
    check = {"validator": "files", "kind": "files", "verdict": "PASSED", "detail": "401 of 401 files", "seconds": 0.4}
    waiting = {"evidence_hash": "e" * 64, "requested_at": "2026-11-23T03:00:30Z", "expires_at": "2026-11-23T07:00:30Z"}
    return {
        "run_id": run_id,
        "run": {"app": "sample", "mode": "drill", "initiator": "arn:aws:iam::123456789012:user/ada"},
        "started_at": "2026-11-23T03:00:00Z",
        "phase": "approve",
        "outcome": None,
        "phases": rows,
        "checks": [check],
        "approval": waiting | {"state": "waiting", "decision": None},
    } | more


def ended(outcome: str, run_id: str = "r-1", **more: Any) -> dict[str, Any]:
    rows = [phase(name, number) for number, name in enumerate((*PHASES, "teardown", "report"), 1)]
    return run(run_id, outcome=outcome, phase="report", phases=rows, approval=None, summary=f"it ended as {outcome}") | more
