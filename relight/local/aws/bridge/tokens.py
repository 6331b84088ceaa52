"""Task tokens of Step Functions: heartbeats, a function that fails its callback, and tokens that are over."""

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from relight.local.aws.bridge import patch, uses

uses("services.stepfunctions", _task_tokens=None)
uses("core.responses", error_response_json="code message status extra message_key content_type")

_token: contextvars.ContextVar[str | None] = contextvars.ContextVar("token", default=None)
_closed: set[str] = set()


@contextmanager
def pending(token: str, heartbeat: float | None, execution: Any) -> Iterator[None]:
    """While a callback is awaited: a function that raises fails it, silence fails it, and afterwards its token is closed."""
    done = threading.Event()
    scope = _token.set(token)
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(_watch, token, heartbeat, execution, done), daemon=True, name="heartbeat"
    ).start()
    try:
        yield
    finally:
        done.set()
        _token.reset(scope)
        _closed.add(token)


def _watch(token: str, heartbeat: float | None, execution: Any, done: threading.Event) -> None:
    """Ends the wait for ``token`` when ``heartbeat`` seconds pass without a beat."""
    from ministack.services import stepfunctions as sfn

    started = time.monotonic()
    while (info := sfn._task_tokens.get(token)) is None:
        if done.wait(0.005) or time.monotonic() - started > 5:
            return
    info["execution"] = execution
    info.setdefault("beat", started)
    while heartbeat and not done.wait(max(0.0, info["beat"] + heartbeat - time.monotonic())):
        if time.monotonic() >= info["beat"] + heartbeat:
            _fail(token, "States.HeartbeatTimeout", f"no heartbeat for {heartbeat} seconds")
            return


def _fail(token: str, error: str, cause: str) -> None:
    from ministack.services import stepfunctions as sfn

    info = sfn._task_tokens.get(token)
    if info is not None and not info["event"].is_set():
        info["error"] = {"Error": error, "Cause": cause}
        info["event"].set()


def fail_pending(error: str, cause: str) -> None:
    """Fails the callback that this thread's function was to answer, if there is one."""
    if token := _token.get():
        _fail(token, error, cause)


def release(execution: dict[str, Any]) -> None:
    """Ends the wait for every token of an execution that is over."""
    from ministack.services import stepfunctions as sfn

    for info in list(sfn._task_tokens.values()):
        if info.get("execution") is execution:
            info["event"].set()


def _answer(original: Callable[..., Any], data: dict[str, Any]) -> Any:
    from ministack.core.responses import error_response_json

    if data.get("taskToken") in _closed:
        return error_response_json("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400)
    return original(data)


patch("services.stepfunctions", "_send_task_success", "data")(_answer)
patch("services.stepfunctions", "_send_task_failure", "data")(_answer)


@patch("services.stepfunctions", "_send_task_heartbeat", "data")
def beat(original: Callable[..., Any], data: dict[str, Any]) -> Any:
    from ministack.services import stepfunctions as sfn

    if info := sfn._task_tokens.get(data.get("taskToken")):
        info["beat"] = time.monotonic()
    return _answer(original, data)
