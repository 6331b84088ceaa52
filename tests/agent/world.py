"""Stand-ins the agent's tests share: the state machine's end of the line, orders and tasks."""

import time
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from relight.errors import ServiceUnavailable, TaskGone
from relight.model import Mode, Order, PlanRef, Run, Task, timestamp
from relight.records import replace

TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAbeDd-this-is-the-secret-task-token"


class RecordingLine:
    """Keeps every heartbeat and answer; ``gone`` tokens are ones nobody waits for; ``busy`` calls fail first."""

    def __init__(self, gone: frozenset[str] = frozenset(), busy: int = 0) -> None:
        self.gone, self.busy = gone, busy
        self.beats: list[float] = []
        self.answers: list[tuple[str, Any]] = []
        self._lock = Lock()

    def heartbeat(self, token: str) -> None:
        self._reach(token)
        self.beats.append(time.monotonic())

    def succeed(self, token: str, output: Any) -> None:
        self._reach(token)
        self.answers.append(("succeeded", output))

    def fail(self, token: str, error: str, cause: str) -> None:
        self._reach(token)
        self.answers.append((error, cause))

    def _reach(self, token: str) -> None:
        with self._lock:
            if token in self.gone:
                raise TaskGone("the task was answered")
            if self.busy:
                self.busy -= 1
                raise ServiceUnavailable("Step Functions: HTTP 503; it is busy; try again")


def a_task(phase: str = "restore", token: str = TOKEN, seconds: float = 60, heartbeat: int = 120, **inputs: Any) -> Task:
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    return Task(
        phase=phase,
        token=token,
        attempt=0,
        deadline_at=due.isoformat(),
        heartbeat_seconds=heartbeat,
        given_at=timestamp(datetime.now(UTC)),
        inputs=inputs,
    )


def an_order(**changes: Any) -> Order:
    run = Run(
        app="ledger",
        mode=Mode.DRILL,
        run_id="run-1",
        started_at="2026-11-23T03:00:00Z",
        execution_arn="arn:aws:states:eu-central-1:123456789012:execution:relight:run-1",
    )
    plan = PlanRef(
        uri="s3://evidence/ledger/run-1/plan",
        hash="0" * 64,
        backup_uri="s3://backups/ledger/backups/b1",
        backup_id="b1",
        metadata_sha256="0" * 64,
        created_at="2026-11-23T02:00:00Z",
        rungs=1,
    )
    order = Order(
        run=run, plan=plan, evidence_prefix="s3://evidence/ledger/run-1", app={"name": "ledger", "namespace": "ledger"}
    )
    return replace(order, **changes)
