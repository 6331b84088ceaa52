"""A run's first steps, for stories that begin later."""

from typing import Any

from lambdas.launch.handler import handler as launch
from lambdas.plan.handler import handler as plan
from tests.handlers.conftest import World, run


def call(handler: Any, given: dict[str, Any], **more: Any) -> Any:
    return handler({"run": given, "attempt": 0, **more}, None)


def planned(world: World, **changes: Any) -> tuple[dict[str, Any], Any]:
    given = run(**changes)
    return given, call(plan, given)


def launched(world: World, **changes: Any) -> tuple[dict[str, Any], Any, Any]:
    given, made = planned(world, **changes)
    return given, made, call(launch, given, plan=made, rung=0)
