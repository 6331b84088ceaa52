"""The steps of a recovery, as the state machine asks the agent for them."""

from typing import Any

from tests.agent.rig import Runner, make_order
from tests.agent.world import TOKEN, a_task
from tests.support import eventually


def answer(runner: Runner, number: int = 1) -> tuple[str, Any]:
    eventually(lambda: len(runner.line.answers) >= number, seconds=30)
    return runner.line.answers[number - 1]


def restore(runner: Runner, token: str = TOKEN, **order: Any) -> Any:
    runner.order(make_order(**order))
    runner.give(a_task("restore", token=token))
    return runner.start()


def ask(runner: Runner, phase: str, number: int, **inputs: Any) -> tuple[str, Any]:
    runner.give(a_task(phase, token=f"{TOKEN}-{phase}-{number}", **inputs))
    return answer(runner, number)
