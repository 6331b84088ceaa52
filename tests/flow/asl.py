"""The state machine's file, and its JSONata evaluated as AWS does."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonata import Jsonata
from jsonata.utils import Utils

ROOT = Path(__file__).parents[2]
ASL: dict[str, Any] = json.loads((ROOT / "stepfunctions/recovery.asl.json").read_text(encoding="utf-8"))
STATES: dict[str, dict[str, Any]] = ASL["States"]


@cache
def parsed(expression: str) -> Jsonata:
    return Jsonata(expression.removeprefix("{%").removesuffix("%}").strip())


def evaluate(expression: str, **known: Any) -> Any:
    """An expression's value; the library takes None for undefined, and has a value of its own for null."""
    return _plain(parsed(expression).evaluate(None, {name: _nulls(value) for name, value in known.items()}))


def evaluated(value: Any, **known: Any) -> Any:
    """A JSON value with every ``{% %}`` in it evaluated."""
    if isinstance(value, str) and value.startswith("{%"):
        return evaluate(value, **known)
    if isinstance(value, dict):
        return {key: evaluated(each, **known) for key, each in value.items()}
    return [evaluated(each, **known) for each in value] if isinstance(value, list) else value


def _nulls(value: Any) -> Any:
    return Utils.NULL_VALUE if value is None else value


def _plain(value: Any) -> Any:
    """Without the library's own null, lists and numbers."""
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
