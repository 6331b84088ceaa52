"""The state machine's own file, played against the real handlers and an AWS in memory: every wait costs nothing.

What the engine, the agent or a person does wrong is a fault: it strikes once or always, before or after a phase's function.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from relight.errors import RelightError
from relight.model import Phase
from tests.flow.asl import ASL, STATES, evaluated
from tests.handlers.cast import Cast
from tests.handlers.conftest import RUN_ID, World, run

HANDLERS = {phase.value: import_module(f"lambdas.{phase}.handler").handler for phase in Phase}
LARGEST_PAYLOAD = 262_144
Strike = Callable[["Machine", str, dict[str, Any]], None]


class Reported(Exception):
    """An error that the engine itself reports, by AWS's name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Stopped(Exception):
    """StopExecution: nothing of the machine runs any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``before`` and ``after`` the function of a phase's first ``times`` tries; ``silent``: nobody answers its token."""

    name: str
    before: Strike | None = None
    after: Strike | None = None
    silent: bool = False
    times: int = 1


@dataclass
class Machine:
    world: World
    cast: Cast
    fault: Fault | None = None
    at: str = ""
    entered: list[str] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)
    run_id: str = RUN_ID
    struck: int = 0
    largest: int = 0

    def play(self, **request: Any) -> str:
        """The name of the end state, or ``Stopped``."""
        name, self._input = ASL["StartAt"], {"app": "ledger", **request}
        try:
            while True:
                self.entered.append(name)
                state = STATES[name]
                if state["Type"] in ("Succeed", "Fail"):
                    return str(name)
                name = {"Pass": self._pass, "Choice": self._choice, "Task": self._task}[state["Type"]](name, state)
        except Stopped:
            return "Stopped"

    @property
    def phases(self) -> list[str]:
        return [name.lower() for name in self.entered if name.lower() in HANDLERS]

    # ------------------------------------------------------------ states
    def _pass(self, name: str, state: dict[str, Any]) -> str:
        self._leave(state)
        return str(state["Next"])

    def _choice(self, name: str, state: dict[str, Any]) -> str:
        for rule in state["Choices"]:
            if self._value(rule["Condition"]) is True:
                self._leave(rule)
                return str(rule["Next"])
        self._leave(state)
        return str(state["Default"])

    def _task(self, name: str, state: dict[str, Any]) -> str:
        tries: dict[int, int] = {}
        while True:
            try:
                result = self._invoke(name, state, sum(tries.values()))
            except (RelightError, Reported) as error:
                said = error.name if isinstance(error, Reported) else type(error).__name__
                which = next((i for i, retry in enumerate(state["Retry"]) if said in retry["ErrorEquals"]), -1)
                if which < 0 or tries.get(which, 0) >= state["Retry"][which]["MaxAttempts"]:
                    return self._catch(state, said, str(error))
                tries[which] = tries.get(which, 0) + 1
            else:
                self._leave(state, result=result)
                return str(state["Next"])

    def _catch(self, state: dict[str, Any], error: str, cause: str) -> str:
        for rule in state["Catch"]:
            if error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]:
                self._leave(rule, errorOutput={"Error": error, "Cause": cause})
                return str(rule["Next"])
        raise AssertionError(f"{error} is not caught")

    def _invoke(self, name: str, state: dict[str, Any], count: int) -> Any:
        phase = name.lower()
        token = f"{phase}-{count}-{len(self.entered)}-token-nobody-may-see"
        payload = self._value(state["Arguments"]["Payload"], Task={"Token": token}, State={"RetryCount": count})
        self.largest = max(self.largest, len(json.dumps(payload)))
        assert self.largest <= LARGEST_PAYLOAD, f"{name}: more than Step Functions carries"
        self._strike(phase, payload, "before")
        answer = json.loads(json.dumps(HANDLERS[phase](payload, None)))
        self._strike(phase, payload, "after")
        waits = state["Resource"].endswith(".waitForTaskToken")
        hit = self.at == phase and self.fault is not None and self.fault.silent and self.struck < self.fault.times
        self.struck += hit
        return self._wait(state, phase, payload, hit) if waits else {"Payload": answer}

    def _wait(self, state: dict[str, Any], phase: str, payload: dict[str, Any], silent: bool) -> Any:
        if not silent:
            self.cast.act(phase, payload)
        token = payload["task_token"]
        for what, answered, given in self.world.answered:
            if answered == token and what == "success":
                return json.loads(given["output"])
            if answered == token and what == "failure":
                raise Reported(given["error"])
        self.world.gone.add(token)
        raise Reported("States.HeartbeatTimeout" if "HeartbeatSeconds" in state else "States.Timeout")

    def _strike(self, phase: str, payload: dict[str, Any], when: str) -> None:
        strike = getattr(self.fault, when) if self.fault and phase == self.at else None
        if strike and self.fault and self.struck < self.fault.times:
            self.struck += 1
            strike(self, phase, payload)

    # ------------------------------------------------------------ expressions
    def _value(self, value: Any, more: dict[str, Any] | None = None, **context: Any) -> Any:
        execution = {"Name": self.run_id, "StartTime": run()["started_at"], "Id": run()["execution_arn"]}
        states = {"input": self._input, "context": {"Execution": execution, **context}, **(more or {})}
        return evaluated(value, states=states, **self.known)

    def _leave(self, way: dict[str, Any], **more: Any) -> None:
        assigned = self._value(way.get("Assign", {}), more)
        if "Output" in way:
            self._input = self._value(way["Output"], more)
        self.known |= assigned
