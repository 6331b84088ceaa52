"""The recovery state machine: starting runs, answering callback tasks, looking at executions."""

import json
from dataclasses import dataclass
from typing import Any

from relight.adapters.calls import Refused, call
from relight.errors import Conflict, TaskGone
from relight.model import RunRequest, encode

GONE = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}
LONGEST_CAUSE = 32_000  # Step Functions takes 32,768 characters
LONGEST_ERROR = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """``status``: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; ``output``: parsed JSON, None while it runs."""

    arn: str
    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None

    @property
    def over(self) -> bool:
        return self.status not in ("RUNNING", "PENDING_REDRIVE")


class Workflow:
    """``state_machine``: its ARN; needed by ``start`` alone."""

    def __init__(self, state_machine: str = "") -> None:
        self._state_machine = state_machine

    def start(self, run_id: str, request: RunRequest) -> str:
        """Starts a run and returns its execution ARN. The same run id with the same request starts no second one.

        Raises Conflict when the run id was used for another request.
        """
        given = json.dumps(encode(request), sort_keys=True)
        try:
            answer = call(
                "stepfunctions",
                "start_execution",
                {"ExecutionAlreadyExists"},
                stateMachineArn=self._state_machine,
                name=run_id,
                input=given,
            )
            return str(answer["executionArn"])
        except Refused:
            return self._started_before(run_id, given)

    def _started_before(self, run_id: str, given: str) -> str:
        arn = f"{self._state_machine.replace(':stateMachine:', ':execution:')}:{run_id}"
        before = call("stepfunctions", "describe_execution", executionArn=arn)
        if json.loads(before.get("input") or "{}") != json.loads(given):
            raise Conflict(f"run {run_id}: was started before with another request; nothing was started; use another run id")
        return arn

    def succeed(self, token: str, output: Any) -> None:
        """Ends the callback task with ``output`` (a record or plain JSON). Raises TaskGone."""
        self._answer("send_task_success", token, output=json.dumps(encode(output)))

    def fail(self, token: str, error: str, cause: str) -> None:
        """Ends the callback task with an error: its class name and one line. Raises TaskGone."""
        self._answer("send_task_failure", token, error=error[:LONGEST_ERROR], cause=cause[:LONGEST_CAUSE])

    def heartbeat(self, token: str) -> None:
        """Raises TaskGone when nobody waits for the task any more."""
        self._answer("send_task_heartbeat", token)

    def describe(self, execution_arn: str) -> Execution:
        found = call("stepfunctions", "describe_execution", executionArn=execution_arn)
        output = json.loads(found["output"]) if found.get("output") else None
        known = {"arn": execution_arn, "status": found["status"], "error": found.get("error"), "cause": found.get("cause")}
        return Execution(**known, output=output)

    def stop(self, execution_arn: str, error: str, cause: str) -> None:
        """Ends the execution without its Teardown: only for an execution that is stuck; run Teardown for it afterwards."""
        call("stepfunctions", "stop_execution", executionArn=execution_arn, error=error[:LONGEST_ERROR], cause=cause)

    def _answer(self, operation: str, token: str, **arguments: Any) -> None:
        try:
            call("stepfunctions", operation, GONE, taskToken=token, **arguments)
        except Refused as refused:
            raise TaskGone(
                f"{operation}: {refused.code}; the task was answered, timed out, or its run ended; see relight status"
            ) from None
