"""Arrive's gate with a state machine and a clock of the test's own, and the events that come to it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambdas.arrive.events import parse
from lambdas.arrive.gate import Gate
from relight.adapters.arrivals import Arrivals, Fired
from relight.adapters.signals import AlarmState
from relight.adapters.workflow import Execution
from relight.errors import AwsRefused, Conflict, ServiceUnavailable
from relight.messages import Kind, render
from relight.model import Run, RunRequest, decode, timestamp
from relight.telling import About
from tests.handlers.conftest import World, run

MACHINE = "arn:aws:states:eu-central-1:1:stateMachine:relight-recovery"
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Machine:
    """StartExecution as AWS has it: one execution a name, the same input again is the same answer."""

    runs: dict[str, RunRequest] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    busy: int = 0

    def start(self, run_id: str, request: RunRequest) -> str:
        if self.busy:
            self.busy -= 1
            raise ServiceUnavailable("stepfunctions start_execution: 503")
        if run_id in self.runs and (run_id in self.over or self.runs[run_id] != request):
            raise Conflict(f"run {run_id}: was started before with another request")
        self.runs[run_id] = request
        return run_id

    def describe(self, arn: str) -> Execution:
        run_id = arn.rpartition(":")[2]
        if run_id not in self.runs:
            raise AwsRefused("stepfunctions describe_execution: ExecutionDoesNotExist")
        return Execution(arn=arn, status="SUCCEEDED" if run_id in self.over else "RUNNING")


@dataclass
class Told:
    messages: list[str] = field(default_factory=list)

    def send(self, kind: Kind, about: About, **more: str) -> None:
        message = render(kind, {**about.facts(), **more})
        self.messages.append(f"{message.subject}\n{message.text}")


@dataclass
class Door:
    """The gate, with a machine and a clock of the test's own."""

    world: World
    machine: Machine = field(default_factory=Machine)
    told: Told = field(default_factory=Told)
    now: datetime = NOW
    state: AlarmState | None = None

    def comes(self, event: dict[str, Any]) -> Fired:
        gate = Gate(
            deployment="relight",
            machine=MACHINE,
            arrivals=Arrivals("relight"),
            table=self.world.table,
            workflow=self.machine,  # type: ignore[arg-type]
            teller=self.told,  # type: ignore[arg-type]
            alarm=lambda name: self.state,
            clock=lambda: self.now,
        )
        return gate.receive(parse(event, "relight"))

    def leases(self, run_id: str, mode: str = "incident", **more: Any) -> Run:
        """The run is at work, as Plan leaves it."""
        made = decode(run(run_id=run_id, mode=mode), Run)
        self.machine.runs.setdefault(run_id, made)
        assert self.world.table.take_lease(made, int(NOW.timestamp()) + 9_000) is None
        self.world.table.update_lease(made, **{"held": False, **more})
        self.world.table.note_run(made, phase="restore")
        return made


def alarm(at: datetime = NOW, value: str = "ALARM", kind: str = "unhealthy", app: str = "ledger") -> dict[str, Any]:
    when = at.strftime("%Y-%m-%dT%H:%M:%S.123+0000")
    state = {"value": value, "reason": "Threshold crossed", "timestamp": when}
    detail = {"alarmName": f"relight-{app}-{kind}", "state": state, "previousState": {"value": "OK"}}
    return {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "detail": detail}


def due(trigger: str, at: datetime = NOW) -> dict[str, Any]:
    return {"trigger": trigger, "app": "ledger", "at": timestamp(at)}


NAMED = f"ledger-incident-{NOW:%Y%m%dt%H%M%S}"
